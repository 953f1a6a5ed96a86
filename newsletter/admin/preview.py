"""The letter as its readers will see it, and a test of it to colleagues."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from clinic import addresses
from clinic.models import User
from newsletter.admin.letter_alone import letter_alone
from newsletter.emails.content import Content, pictures_awaited, shown_blocks
from newsletter.emails.message import AddressNotAscii, Envelope, Person
from newsletter.emails.rendering import Rendered, TooLarge, filled, render
from newsletter.forms.test_letter import TestLetterForm
from newsletter.models import Campaign
from newsletter.services import test_letters
from newsletter.services.offers_shown import content_for
from newsletter.services.sending.post import NotReached


@dataclass(frozen=True)
class Shown:
    """A letter on the page of previews. `kilobytes` are those of the HTML, of which mailboxes take a hundred."""

    letter: Rendered
    sender: str
    preheader: str
    kilobytes: int
    # In words: what is not in the letter though it was written.
    missing: list[str]


def preview_urls(site: AdminSite) -> list[URLPattern]:
    pages: list[tuple[str, str, Any]] = [
        ("preview/", "preview", preview),
        ("preview/letter/", "preview_html", preview_html),
        ("test/", "test", send_test),
    ]
    return [
        path(f"<int:pk>/{address}", site.admin_view(view), name=f"newsletter_campaign_{name}")
        for address, name, view in pages
    ]


@require_GET
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Of what is saved. `?nameless` shows it as somebody gets it whose name nobody knows."""
    return _page(request, _campaign(request, pk, verb="view"))


@require_GET
@letter_alone
def preview_html(request: HttpRequest, pk: int) -> HttpResponse:
    """The letter alone, for a frame."""
    campaign, now = _campaign(request, pk, verb="view"), timezone.now()
    try:
        html = _letter(request, content_for(campaign, now=now), now).html
    except TooLarge as reason:
        # The page around it says the same, in full.
        return HttpResponse(str(reason), content_type="text/plain; charset=utf-8")
    return HttpResponse(html)


@require_POST
def send_test(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(request, pk, verb="change")
    by = cast(User, request.user)
    form = TestLetterForm(request.POST, by=by)
    if not settings.SENDS_MAIL:
        messages.warning(
            request, _("No letter has left: there is no mail server here. What you see is what it would be.")
        )
        return _back(pk)
    if not form.is_valid():
        return _page(request, campaign, form=form)
    try:
        tried = test_letters.send(campaign, to=form.cleaned_data["to"], by=by, now=timezone.now())
    except test_letters.TooManyTests as reason:
        return _page(request, campaign, form=form, refused=reason)
    except (TooLarge, AddressNotAscii) as reason:
        messages.error(request, str(reason))
    except NotReached as reason:
        messages.error(
            request,
            _("The mail server was not reached. It said: %(words)s") % {"words": addresses.left_out(str(reason))},
        )
    else:
        _tell(request, campaign, tried)
    return _back(pk)


def _tell(request: HttpRequest, campaign: Campaign, tried: list[test_letters.Tried]) -> None:
    """By name: until they are shown messages are kept in a cookie, which is no place for addresses."""
    for one in tried:
        name = one.to.get_full_name() or one.to.get_username()
        said = {"name": name, "words": addresses.left_out(one.words)}
        if one.is_accepted:
            messages.success(request, _("Test to %(name)s: accepted by the server: %(words)s") % said)
        else:
            messages.error(request, _("Test to %(name)s: not accepted. The answer was: %(words)s") % said)
    count = sum(one.is_accepted for one in tried)
    words = ngettext("Sent %(count)d test letter.", "Sent %(count)d test letters.", count) % {"count": count}
    admin.site.get_model_admin(Campaign).log_change(request, campaign, words)


def _page(
    request: HttpRequest,
    campaign: Campaign,
    *,
    form: TestLetterForm | None = None,
    refused: test_letters.TooManyTests | None = None,
) -> HttpResponse:
    shown, too_large = _shown(request, campaign, timezone.now())
    by = cast(User, request.user)
    context = {
        **admin.site.each_context(request),
        "title": _("Preview"),
        "subtitle": campaign.subject,
        "opts": Campaign._meta,
        # Phone and computer stand side by side.
        "is_nav_sidebar_enabled": False,
        "campaign": campaign,
        "shown": shown,
        "too_large": too_large,
        "is_nameless": "nameless" in request.GET,
        "form": form or TestLetterForm(by=by),
        "refused": refused,
        "sends_mail": settings.SENDS_MAIL,
        "may_test": request.user.has_perm("newsletter.change_campaign"),
        "here": "preview",
    }
    status = 429 if refused else 422 if form else 200
    response = TemplateResponse(request, "admin/newsletter/campaign/preview.html", context, status=status)
    if refused:
        response["Retry-After"] = str(int(refused.wait.total_seconds()) + 1)
    return response


def _shown(request: HttpRequest, campaign: Campaign, now: datetime) -> tuple[Shown | None, str]:
    """The letter, or the sentence that says why it cannot be one."""
    content = content_for(campaign, now=now)
    try:
        letter = _letter(request, content, now)
        sender = Envelope.current().sender_name
    except (TooLarge, AddressNotAscii) as reason:
        return None, str(reason)
    size = -(-len(letter.html.encode()) // 1000)
    return Shown(letter, sender, content["preheader"], size, _missing(campaign, content, now)), ""


def _letter(request: HttpRequest, content: Content, now: datetime) -> Rendered:
    user = cast(User, request.user)
    name = "" if "nameless" in request.GET else user.first_name or user.get_username()
    return filled(render(content, now=now), Person(email=user.email, name=name, token=""))


def _missing(campaign: Campaign, content: Content, now: datetime) -> list[str]:
    words = []
    if campaign.is_open and (pictures := pictures_awaited(campaign)):
        names = ", ".join(picture.title for picture in pictures)
        words.append(_("Not in it yet, because they are being prepared: %(pictures)s.") % {"pictures": names})
    written = cast(Content, campaign.content) if campaign.content else content
    standing = shown_blocks(content, now=now)
    ended = [piece["title"] for piece in written["blocks"] if piece["kind"] == "offer" and piece not in standing]
    if ended:
        words.append(_("Left out, because the offer has ended: %(offers)s.") % {"offers": ", ".join(ended)})
    return words


def _campaign(request: HttpRequest, pk: int, *, verb: str) -> Campaign:
    if not request.user.has_perm(f"newsletter.{verb}_campaign"):
        raise PermissionDenied
    return get_object_or_404(Campaign, pk=pk)


def _back(pk: int) -> HttpResponse:
    response = redirect("admin:newsletter_campaign_preview", pk)
    response.status_code = 303
    return response
