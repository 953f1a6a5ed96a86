"""One campaign on its way: checked, scheduled, started, watched, paused and cancelled."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from clinic.models import User
from newsletter.admin import sending_page
from newsletter.forms.schedule import RateForm, ScheduleForm
from newsletter.models import Campaign
from newsletter.services import campaigns
from newsletter.services.checklist import Check
from newsletter.templatetags.newsletter_clock import moment

State = Campaign.State


def sending_urls(site: AdminSite) -> list[URLPattern]:
    """For the `get_urls` of the campaigns' admin."""
    pages: list[tuple[str, str, Callable[..., HttpResponseBase]]] = [
        ("sending/", "sending", site.admin_view(sending)),
        ("sending/audience/", "sending_audience", _signed_in_or_back(site.admin_view(audience))),
        ("sending/checks/", "checks", _signed_in_or_back(site.admin_view(checks))),
        ("sending/progress/", "progress", _signed_in_or_back(site.admin_view(progress))),
        ("schedule/", "schedule", site.admin_view(schedule)),
        ("unschedule/", "unschedule", site.admin_view(unschedule)),
        ("start/", "start", site.admin_view(start)),
        ("pause/", "pause", site.admin_view(pause)),
        ("resume/", "resume", site.admin_view(resume)),
        ("cancel/", "cancel", site.admin_view(cancel)),
        ("rate/", "rate", site.admin_view(rate)),
        ("hide/", "hide", site.admin_view(hide)),
        ("show/", "show", site.admin_view(show)),
    ]
    return [path(f"<int:pk>/{address}", view, name=f"newsletter_campaign_{name}") for address, name, view in pages]


@require_GET
def sending(request: HttpRequest, pk: int) -> HttpResponse:
    """Without scripts `?count` counts whom it reaches, and `?checks=all` looks at links and domain as well."""
    campaign, now, all_checks = _campaign(request, pk), timezone.now(), "checks" in request.GET
    slow, seconds = None, 0
    if all_checks and campaign.is_open:
        slow, seconds = sending_page.looked_outside(campaign, by=cast(User, request.user), now=now)
    is_counted = all_checks or "count" in request.GET
    return _waiting(_page(request, campaign, now=now, slow=slow, is_counted=is_counted), seconds)


@require_GET
def audience(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that waits for a count: of a long list that takes seconds."""
    campaign = _campaign(request, pk)
    context = {"campaign": campaign, "audience": sending_page.audience(campaign), "asks": "question" in request.GET}
    return TemplateResponse(request, "admin/newsletter/campaign/sending_audience.html", context)


@require_GET
def checks(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that waits for the network."""
    by, now = cast(User, request.user), timezone.now()
    found, seconds = sending_page.looked_outside(_campaign(request, pk), by=by, now=now)
    part = TemplateResponse(request, "admin/newsletter/campaign/sending_checks.html", {"checks": found})
    return _waiting(part, seconds)


@require_GET
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that is asked for again and again. Once the state is another, all of the page is."""
    campaign, now = _campaign(request, pk), timezone.now()
    if campaign.state != request.GET.get("state"):
        return HttpResponseClientRedirect(_address(pk))
    context = sending_page.progress_context(campaign, now=now)
    return TemplateResponse(request, "admin/newsletter/campaign/sending_progress.html", context)


@require_POST
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """`seen` as for the start."""
    campaign, now = _campaign(request, pk), timezone.now()
    form = ScheduleForm(request.POST, zone=sending_page.zone(), now=now)
    if not form.is_valid():
        return _page(request, campaign, now=now, form=form)
    at = form.cleaned_data["instant"]
    try:
        campaigns.schedule(campaign, at=at, by=cast(User, request.user), now=now, seen=request.POST.get("seen", ""))
    except campaigns.NotNow as reason:
        campaign = _campaign(request, pk)
        if campaign.is_open:
            form.add_error(None, str(reason))
            return _page(request, campaign, now=now, form=form)
        messages.error(request, str(reason))
    else:
        messages.success(request, _("It will be sent on %(when)s.") % {"when": moment(at)})
    return _back(pk)


@require_POST
def unschedule(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(request, pk)
    return _step(request, campaign, campaigns.unschedule, _("It is a draft again."), goals=(State.DRAFT,))


@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """`seen` is the version that the second look showed: what was changed since is looked at again first."""
    campaign = _campaign(request, pk)
    if sending_page.is_starting(campaign, now=timezone.now()):
        return _starts_already(request, campaign)
    seen, by = request.POST.get("seen", ""), cast(User, request.user)
    try:
        campaigns.start(campaign, by=by, now=timezone.now(), seen=seen)
    except campaigns.NotNow as reason:
        campaign.refresh_from_db(fields=["state", "scheduled_at"])
        if sending_page.is_starting(campaign, now=timezone.now()):
            return _starts_already(request, campaign)
        has_started = campaign.state in (State.SENDING, State.SENT)
        messages.add_message(request, messages.INFO if has_started else messages.ERROR, str(reason))
    else:
        messages.success(request, _("It starts within a few seconds."))
    return _back(pk)


def _starts_already(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """A first click, or somebody else, was faster."""
    messages.info(request, _("It is starting already."))
    return _back(campaign.pk)


@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    done = _("Paused. Letters that were under way at this moment still arrive.")
    return _step(request, _campaign(request, pk), campaigns.pause, done, goals=(State.PAUSED,))


@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    return _step(request, _campaign(request, pk), campaigns.resume, _("It goes on."), goals=(State.SENDING, State.SENT))


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    done = _("Cancelled. Nobody gets it any more.")
    return _step(request, _campaign(request, pk), campaigns.cancel, done, goals=(State.CANCELLED,))


@require_POST
def rate(request: HttpRequest, pk: int) -> HttpResponse:
    campaign, now = _campaign(request, pk), timezone.now()
    form = RateForm(request.POST)
    if not form.is_valid():
        return _page(request, campaign, now=now, rate_form=form)
    try:
        campaigns.set_rate(campaign, per_minute=form.cleaned_data["rate_per_minute"])
    except campaigns.NotNow as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("The rate is changed."))
    return _back(pk)


@require_POST
def hide(request: HttpRequest, pk: int) -> HttpResponse:
    done = _("Taken off the site: the archive, its feed and the sitemap show it no more. Who got it still has it.")
    return _on_the_site(request, _campaign(request, pk), campaigns.take_off_the_site, done)


@require_POST
def show(request: HttpRequest, pk: int) -> HttpResponse:
    done = _("It is shown in the archive on the site.")
    return _on_the_site(request, _campaign(request, pk), campaigns.show_on_the_site, done)


def _on_the_site(request: HttpRequest, campaign: Campaign, act: Callable[..., None], done: str) -> HttpResponse:
    try:
        act(campaign=campaign)
    except campaigns.NotNow as reason:
        messages.error(request, str(reason))
    else:
        admin.site.get_model_admin(Campaign).log_change(request, campaign, done)
        messages.success(request, done)
    return _back(campaign.pk)


def _step(
    request: HttpRequest, campaign: Campaign, act: Callable[..., None], done: str, *, goals: tuple[str, ...]
) -> HttpResponse:
    """Where somebody else, or a first click, has reached one of `goals` before, that is no mistake of theirs."""
    try:
        act(campaign, by=cast(User, request.user), now=timezone.now())
    except campaigns.NotNow as reason:
        campaign.refresh_from_db(fields=["state"])
        level = messages.INFO if campaign.state in goals else messages.ERROR
        messages.add_message(request, level, str(reason))
    else:
        messages.success(request, done)
    return _back(campaign.pk)


def _page(
    request: HttpRequest,
    campaign: Campaign,
    *,
    now: datetime,
    form: ScheduleForm | None = None,
    rate_form: RateForm | None = None,
    slow: list[Check] | None = None,
    is_counted: bool = False,
) -> HttpResponse:
    shown = sending_page.context(campaign, now=now, form=form, rate_form=rate_form, slow=slow)
    context = {
        **admin.site.each_context(request),
        "title": _("Check and send") if campaign.is_open else _("Sending"),
        "subtitle": campaign.subject,
        "opts": Campaign._meta,
        "here": "send",
        **shown,
        "audience": sending_page.audience(campaign) if is_counted and campaign.is_open else None,
    }
    status = 422 if form or rate_form else 200
    return TemplateResponse(request, "admin/newsletter/campaign/sending.html", context, status=status)


def _waiting(response: HttpResponse, seconds: int) -> HttpResponse:
    if seconds:
        response.status_code, response["Retry-After"] = 429, str(seconds)
    return response


def _campaign(request: HttpRequest, pk: int) -> Campaign:
    if not request.user.has_perm("newsletter.send_campaign"):
        raise PermissionDenied
    return get_object_or_404(Campaign.objects.defer("content"), pk=pk)


def _address(pk: int) -> str:
    return reverse("admin:newsletter_campaign_sending", args=[pk])


def _back(pk: int) -> HttpResponse:
    response = redirect(_address(pk))
    response.status_code = 303
    return response


def _signed_in_or_back(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A part of a page is not answered with the whole page to sign in."""

    def part(request: HttpRequest, pk: int) -> HttpResponseBase:
        if not request.user.is_authenticated and request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(_address(pk))
        return view(request, pk)

    return part
