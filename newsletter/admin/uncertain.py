"""The reconcile page: letters of which nobody knows whether they arrived, settled by a person, once for each."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from clinic.models import User
from newsletter.models import Campaign, Delivery
from newsletter.services import reconciling, tokens
from newsletter.services.campaigns import NotNow

ON_A_PAGE = 50
NAMED = 20  # addresses, in a question about many


@dataclass(frozen=True)
class Line:
    delivery: Delivery
    message_id: str


@dataclass(frozen=True)
class Group:
    """What of one campaign stands on this page; `count` is all of it, on whichever page."""

    campaign: Campaign
    lines: list[Line]
    count: int


def uncertain_urls(site: AdminSite) -> list[URLPattern]:
    """For the `get_urls` of the deliveries' admin."""
    return [
        path("uncertain/", site.admin_view(uncertain), name="newsletter_delivery_uncertain"),
        path("uncertain/arrivals/", site.admin_view(arrivals), name="newsletter_delivery_arrivals"),
        path("uncertain/repetitions/", site.admin_view(repetitions), name="newsletter_delivery_repetitions"),
    ]


@require_GET
def uncertain(request: HttpRequest) -> HttpResponse:
    """`?campaign=` narrows it to one, `?page=` pages."""
    _only_those_who_may(request)
    return _listed(request, request.GET)


def _listed(request: HttpRequest, asked: QueryDict, *, status: int = 200) -> HttpResponse:
    """With `status` 422 it says, beside the buttons that were pressed, that no letter was ticked."""
    found = Delivery.objects.uncertain().select_related("campaign", "subscriber")
    found = found.defer("campaign__content", "campaign__introduction").order_by("campaign_id", "attempted_at", "pk")
    if (campaign := _number(asked.get("campaign", ""))) is not None:
        found = found.filter(campaign=campaign)
    page = Paginator(found, ON_A_PAGE).get_page(asked.get("page"))
    context = {
        **_context(request, _("Letters that are uncertain")),
        "groups": _groups(page.object_list),
        "page": page,
        "campaign": campaign,
        "unticked": _number(asked.get("group", "")) if status == 422 else None,
    }
    return TemplateResponse(request, "admin/newsletter/delivery/uncertain.html", context, status=status)


@require_POST
def arrivals(request: HttpRequest) -> HttpResponse:
    """The chosen ones have arrived. All of a campaign at once are asked about first."""
    _only_those_who_may(request)
    if _is_nothing_chosen(request):
        return _listed(request, request.POST, status=422)
    chosen = _chosen(request)
    if "all" in request.POST and not _is_sure(request, chosen):
        return _question(request, chosen, is_repetition=False)
    count = reconciling.arrived(chosen, by=cast(User, request.user))
    words = ngettext(
        "%(count)d letter is written down as arrived.", "%(count)d letters are written down as arrived.", count
    )
    return _done(request, count, words % {"count": count})


@require_POST
def repetitions(request: HttpRequest) -> HttpResponse:
    """The chosen ones go out again, after a question: somebody may get a letter twice."""
    _only_those_who_may(request)
    if _is_nothing_chosen(request):
        return _listed(request, request.POST, status=422)
    chosen = _chosen(request)
    if not _is_sure(request, chosen):
        return _question(request, chosen, is_repetition=True)
    try:
        done = reconciling.send_again(chosen, by=cast(User, request.user), now=timezone.now())
    except NotNow as reason:
        messages.error(request, str(reason))
        return _back(request)
    if done.left_out:
        messages.warning(request, left_out(done.left_out))
        if not done.sent:
            return _back(request)
    return _done(request, done.sent, sent_again(done.sent))


def sent_again(count: int) -> str:
    words = ngettext("%(count)d letter will be sent again.", "%(count)d letters will be sent again.", count)
    return words % {"count": count}


def left_out(count: int) -> str:
    words = ngettext(
        "%(count)d letter is not sent again: the person is off the list, or the address does not work.",
        "%(count)d letters are not sent again: these people are off the list, or their addresses do not work.",
        count,
    )
    return words % {"count": count}


def _chosen(request: HttpRequest) -> QuerySet[Delivery]:
    """Of those that are still uncertain: the ticked ones, or with `all` every one of a campaign."""
    still = Delivery.objects.uncertain()
    if "all" in request.POST:
        return still.filter(campaign=_number(request.POST["all"]))
    ticked = [number for text in request.POST.getlist("chosen") if (number := _number(text)) is not None]
    return still.filter(pk__in=ticked)


def _is_nothing_chosen(request: HttpRequest) -> bool:
    return "all" not in request.POST and not request.POST.getlist("chosen")


def _is_sure(request: HttpRequest, chosen: QuerySet[Delivery]) -> bool:
    """Whether the question was answered for as many as there are; for none there is nothing to ask."""
    count = chosen.count()
    return count == 0 or _number(request.POST.get("sure", "")) == count


def _question(request: HttpRequest, chosen: QuerySet[Delivery], *, is_repetition: bool) -> HttpResponse:
    count = chosen.count()
    context = {
        **_context(request, _("Send again?") if is_repetition else _("Did all of them arrive?")),
        "is_repetition": is_repetition,
        "count": count,
        "named": chosen.select_related("subscriber")[:NAMED],
        "others": max(0, count - NAMED),
        "subjects": Campaign.objects.filter(deliveries__in=chosen.order_by())
        .distinct()
        .values_list("subject", flat=True),
        "keys": [] if "all" in request.POST else list(chosen.values_list("pk", flat=True)),
        "all": _number(request.POST.get("all", "")),
        "campaign": _number(request.POST.get("campaign", "")),
        "back": _address(request),
    }
    return TemplateResponse(request, "admin/newsletter/delivery/uncertain_question.html", context)


def _done(request: HttpRequest, count: int, words: str) -> HttpResponse:
    if count:
        messages.success(request, words)
    else:
        messages.info(request, _("Nothing was changed: these letters are settled already."))
    return _back(request)


def _groups(deliveries: Iterable[Delivery]) -> list[Group]:
    grouped = [(campaign, list(lines)) for campaign, lines in groupby(deliveries, lambda found: found.campaign)]
    counts = dict(
        Delivery.objects.uncertain()
        .filter(campaign__in=[campaign for campaign, _lines in grouped])
        .order_by()
        .values_list("campaign")
        .annotate(count=Count("pk"))
    )
    return [
        Group(
            campaign,
            [Line(found, tokens.message_id(found.campaign_id, found.subscriber_id)) for found in lines],
            counts.get(campaign.pk, len(lines)),
        )
        for campaign, lines in grouped
    ]


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, "opts": Delivery._meta}


def _only_those_who_may(request: HttpRequest) -> None:
    if not request.user.has_perm("newsletter.settle_delivery"):
        raise PermissionDenied


def _number(text: str) -> int | None:
    """A key, from whatever somebody sends."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _address(request: HttpRequest) -> str:
    """The page that it came from: of one campaign, or of all."""
    campaign = _number(request.POST.get("campaign", ""))
    return reverse("admin:newsletter_delivery_uncertain") + (f"?campaign={campaign}" if campaign is not None else "")


def _back(request: HttpRequest) -> HttpResponse:
    response = redirect(_address(request))
    response.status_code = 303
    return response
