"""A patient's own appointment, by link: see it, cancel it, take that back, say that one comes."""

from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import links
from appointments.availability import Audience
from appointments.emails import appointments as emails
from appointments.forms.cancel import CancelForm
from appointments.models import Appointment, BookingRules, Status, StepRefused
from appointments.nearest import nearest_times, plan_around
from appointments.services import diary
from appointments.services.diary import NotBookable, TooLate
from appointments.standing import CANCELLATION, Standing
from appointments.views.opened import clock, opened_by, policy_context, see_other, visit_context
from clinic.models import Practice

IN_CALENDARS = {Status.CONFIRMED, Status.ARRIVED, Status.COMPLETED}


def lost_page(
    request: HttpRequest, token: str, appointment: Appointment, now: datetime, error: Exception
) -> HttpResponse:
    """409: the wished time could not be had; the appointment is what it was before, and the page says so."""
    is_standing = appointment.is_standing
    visit_type = appointment.visit_type
    context = {**visit_context(appointment), "token": token, "words": str(error), "is_standing": is_standing}
    context["action"] = (
        reverse("appointments:reschedule", args=[token])
        if is_standing
        else reverse("appointments:book_visit", args=[visit_type.slug])
    )
    wanted = getattr(error, "wanted", appointment.starts_at)
    try:
        context["nearest"] = nearest_times(
            plan_around(visit_type.pk, wanted),
            wanted,
            now=now,
            location=appointment.location_id,
            provider=appointment.provider_id,
            ignoring=appointment.pk if is_standing else None,
        )
    except NotBookable:
        context["nearest"] = None
    return render(request, "appointments/not_moved.html", context, status=HTTPStatus.CONFLICT)


@require_safe
@opened_by(links.managed, lost=lost_page)
def manage(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """The confirmation, and what can be done with the appointment from now on."""
    return manage_page(request, token, appointment, now)


@sensitive_post_parameters("reason")
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
@opened_by(links.managed, lost=lost_page)
def cancel(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """Asks once, with the policy; only the POST cancels."""
    rules = BookingRules.current()
    if not Standing(appointment, rules, now).may_change:
        return see_other("appointments:manage", token)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
        policy = policy_context(appointment, rules, now)
        context = {**visit_context(appointment), **policy, "token": token, "form": form}
        return render(request, "appointments/cancel.html", context, status=status)
    # Pressed twice, or staff were quicker: the page says what has become of it.
    with suppress(StepRefused, TooLate):
        diary.cancel(appointment=appointment.pk, by=None, now=now, reason=form.cleaned_data["reason"])
    return see_other("appointments:manage", token)


@require_POST
@opened_by(links.managed, lost=lost_page)
def manage_undo(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """Takes the last change back, as long as no letter has told of it."""
    undo = Standing(appointment, BookingRules.current(), now).undo
    if undo is None:
        words = _("There is nothing to take back any more. To change something, call us.")
        return manage_page(request, token, appointment, now, words, HTTPStatus.CONFLICT)
    with suppress(StepRefused):
        if undo.what == CANCELLATION:
            diary.reinstate(appointment=appointment.pk, by=None, now=now)
        else:
            _move_back(appointment, now)
    return see_other("appointments:manage", token)


@require_POST
@opened_by(links.managed, lost=lost_page)
def coming(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """“I'm coming”."""
    try:
        diary.say_coming(appointment=appointment.pk, now=now)
    except StepRefused as refused:
        return manage_page(request, token, appointment, now, str(refused), HTTPStatus.CONFLICT)
    return see_other("appointments:manage", token)


@require_safe
@opened_by(links.managed, lost=lost_page)
def calendar(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    if appointment.status not in IN_CALENDARS:
        raise Http404
    text = emails.calendar_of(appointment, method="PUBLISH", practice=Practice.objects.first(), now=now)
    return HttpResponse(
        text,
        content_type="text/calendar; charset=utf-8; method=PUBLISH",
        headers={"Content-Disposition": 'attachment; filename="appointment.ics"'},
    )


def manage_page(
    request: HttpRequest,
    token: str,
    appointment: Appointment,
    now: datetime,
    refused: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """`refused` says what could not be done, and why."""
    rules = BookingRules.current()
    context = {
        **visit_context(appointment),
        **policy_context(appointment, rules, now),
        "token": token,
        "refused": refused,
        "standing": Standing(appointment, rules, now),
        "answer_by": appointment.expires_at and clock(appointment.expires_at, appointment),
    }
    return render(request, "appointments/manage.html", context, status=status)


def _move_back(appointment: Appointment, now: datetime) -> None:
    """To what the patient has been told. It was theirs, so notice and cut-off do not count."""
    if appointment.told_starts_at is None:
        raise StepRefused(_("There is no earlier time."))
    diary.move(
        appointment=appointment.pk,
        starts_at=appointment.told_starts_at,
        location=appointment.told_location_id,
        provider=appointment.told_provider_id,
        by=None,
        audience=Audience.STAFF,
        now=now,
    )
