"""From a held time to a booked one. What was typed is kept with the hold, so nothing is ever typed twice."""

import uuid
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from appointments import links
from appointments.forms.choose import HoldForm
from appointments.forms.details import DetailsForm, as_typed
from appointments.models import Appointment, BookingRules
from appointments.nearest import nearest_times, plan_around
from appointments.services import diary
from appointments.services.diary import HoldEnded, NotBookable, NotOffered, TooManyWaiting
from appointments.views.hold_limits import too_many_holds
from appointments.views.opened import chosen_again, clock, opened_by, policy_context, see_other, visit_context
from clinic import mail_links, rate_limits
from clinic.rate_limits import Limit

# Phone carriers put many people behind one address: generous.
BOOKINGS_OF_ONE_NETWORK: Final = (
    Limit("appointments.book.network.hour", 20, timedelta(hours=1)),
    Limit("appointments.book.network.day", 60, timedelta(days=1)),
)


def lost_page(
    request: HttpRequest, token: str, appointment: Appointment, now: datetime, error: Exception
) -> HttpResponse:
    """409: the time is gone, what was typed is not; each of the nearest times takes it along."""
    context = {**visit_context(appointment), "token": token, "words": str(error)}
    context["action"] = reverse("appointments:held_another", args=[token])
    try:
        plan = plan_around(appointment.visit_type_id, appointment.starts_at)
        context["nearest"] = nearest_times(
            plan,
            appointment.starts_at,
            now=now,
            location=appointment.location_id,
            provider=appointment.provider_id,
            ignoring=appointment.pk,
        )
    except NotBookable:
        context["nearest"] = None
    return render(request, "appointments/taken.html", context, status=HTTPStatus.CONFLICT)


@sensitive_post_parameters()
@sensitive_variables("form", "typed")
@require_http_methods(["GET", "HEAD", "POST"])
@opened_by(links.held, lost=lost_page)
def held(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """Who comes. Sent after the time ran out, it is held again if it is still free."""
    if appointment.patient_id is not None:
        return _booked_already(request, token, appointment)
    if request.method != "POST":
        if not _is_held(appointment, now):
            return _ended_page(request, token, appointment)
        return _details_page(request, token, appointment, now, _form(token, appointment))
    diary.save_typed(appointment=appointment.pk, typed=as_typed(request.POST), now=now)
    form = DetailsForm(request.POST, action=reverse("appointments:held", args=[token]))
    if not form.is_valid():
        return _details_page(request, token, appointment, now, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if not _is_held(appointment, now):
        if refused := too_many_holds(request, now=now):
            return refused
        diary.retake(appointment=appointment.pk, now=now)
    return see_other("appointments:held_check", token)


@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
@opened_by(links.held, lost=lost_page)
def held_check(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """All of it on one page, and the button that books. Pressed again, it leads to the same appointment."""
    if appointment.patient_id is not None:
        is_post = request.method == "POST"
        return _to_booked(appointment, now) if is_post else _booked_already(request, token, appointment)
    form = DetailsForm(appointment.typed or {})
    if not form.is_valid():
        return see_other("appointments:held", token)
    if request.method != "POST":
        if not _is_held(appointment, now):
            return _ended_page(request, token, appointment)
        return _check_page(request, token, appointment, now, form)
    if wait := _too_many(request, now):
        response = _check_page(request, token, appointment, now, form, status=HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return response
    try:
        booked = diary.confirm_hold(appointment=appointment.pk, details=form.as_details(), now=now)
    except TooManyWaiting as refused:
        said = {"refused": str(refused)}
        return _check_page(request, token, appointment, now, form, HTTPStatus.UNPROCESSABLE_ENTITY, **said)
    return _to_booked(booked, now)


@sensitive_post_parameters()
@require_POST
@opened_by(links.held, lost=lost_page)
def held_extension(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """“Keep it”: the whole time again. A script gets JSON; without one the page comes back with all that was typed."""
    if "name" in request.POST:
        diary.save_typed(appointment=appointment.pk, typed=as_typed(request.POST), now=now)
    try:
        kept = diary.keep(appointment=appointment.pk, now=now)
    except HoldEnded:
        if _is_held(appointment, now):
            form = _form(token, Appointment.objects.get(pk=appointment.pk))
            said = {"is_kept_too_often": True}
            return _details_page(request, token, appointment, now, form, status=HTTPStatus.CONFLICT, **said)
        if refused := too_many_holds(request, now=now):
            return refused
        kept = diary.retake(appointment=appointment.pk, now=now)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(_kept(kept, now))
    page = "held_check" if request.POST.get("back") == "check" else "held"
    return see_other(f"appointments:{page}", token, fragment="kept")


@require_POST
@opened_by(links.held, lost=lost_page)
def held_again(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """Takes up a time that ran out. The check page sends whoever has not typed everything back to the form."""
    if refused := too_many_holds(request, now=now):
        return refused
    diary.retake(appointment=appointment.pk, now=now)
    return see_other("appointments:held_check", token)


@require_POST
@opened_by(links.held, lost=lost_page)
def held_another(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """Another time instead, with what was typed; the old one is let go only when the new one is held."""
    if appointment.patient_id is not None:
        return _to_booked(appointment, now)
    form = HoldForm(request.POST, plan=plan_around(appointment.visit_type_id, appointment.starts_at), now=now)
    if not form.is_valid():
        raise NotOffered(next(iter(form.errors.values()))[0])
    # With the link of a time that was let go for this one, both could be held, and so on without end.
    if refused := too_many_holds(request, now=now):
        return refused
    starts_at = form.cleaned_data["start"]
    other = diary.hold(
        visit_type=appointment.visit_type_id,
        starts_at=starts_at,
        location=form.place.pk if form.place else None,
        provider=form.person.pk if form.person else None,
        # The same for a double click.
        submission=uuid.uuid5(appointment.submission, starts_at.isoformat()),
        holder=appointment.holder,
        came_from=appointment.came_from,
        now=now,
    )
    if appointment.typed:
        diary.save_typed(appointment=other.pk, typed=appointment.typed, now=now)
    if other.pk != appointment.pk:
        diary.let_go(appointment=appointment.pk, now=now)
    return see_other("appointments:held_check", mail_links.mint(links.hold_link(other), now=now))


@sensitive_post_parameters()
@require_POST
@opened_by(links.held, lost=lost_page)
def held_release(request: HttpRequest, token: str, appointment: Appointment, now: datetime) -> HttpResponse:
    """“Choose another time”: this one is free for others at once; what was typed waits for the next one."""
    if appointment.patient_id is not None:
        return _to_booked(appointment, now)
    if "name" in request.POST:
        diary.save_typed(appointment=appointment.pk, typed=as_typed(request.POST), now=now)
    diary.let_go(appointment=appointment.pk, now=now)
    day = clock(appointment.starts_at, appointment).date().isoformat()
    return see_other("appointments:book_visit", appointment.visit_type.slug, query=chosen_again(appointment, day=day))


def _is_held(appointment: Appointment, now: datetime) -> bool:
    return appointment.status == Appointment.Status.HELD and not appointment.has_run_out(now)


def _too_many(request: HttpRequest, now: datetime) -> timedelta | None:
    network = rate_limits.network(request)
    return next((wait for limit in BOOKINGS_OF_ONE_NETWORK if (wait := limit.count(network, now=now))), None)


def _to_booked(appointment: Appointment, now: datetime) -> HttpResponse:
    return see_other("appointments:manage", mail_links.mint(links.manage_link(appointment, now=now), now=now))


def _form(token: str, appointment: Appointment) -> DetailsForm:
    return DetailsForm(action=reverse("appointments:held", args=[token]), initial=appointment.typed or {})


def _kept(appointment: Appointment, now: datetime) -> dict[str, object]:
    """For how long, in seconds too, because the clock of the visitor's device may be wrong."""
    if appointment.expires_at is None or not _is_held(appointment, now):
        return {"seconds_left": 0, "until": "", "may_keep": False}
    return {
        "seconds_left": int((appointment.expires_at - now).total_seconds()),
        "until": date_format(clock(appointment.expires_at, appointment), "P"),
        "may_keep": appointment.times_kept < diary.MOST_TIMES_KEPT,
    }


def _context(token: str, appointment: Appointment, now: datetime) -> dict[str, object]:
    policy = policy_context(appointment, BookingRules.current(), now)
    return {**visit_context(appointment), **policy, **_kept(appointment, now), "token": token}


def _details_page(
    request: HttpRequest,
    token: str,
    appointment: Appointment,
    now: datetime,
    form: DetailsForm,
    status: int = HTTPStatus.OK,
    **said: bool,
) -> HttpResponse:
    context = {**_context(token, appointment, now), "form": form, **said}
    return render(request, "appointments/held.html", context, status=status)


def _check_page(
    request: HttpRequest,
    token: str,
    appointment: Appointment,
    now: datetime,
    form: DetailsForm,
    status: int = HTTPStatus.OK,
    **said: str,
) -> HttpResponse:
    context = {**_context(token, appointment, now), "details": form.as_details(), "status": status, **said}
    context["waits_for_staff"] = appointment.visit_type.confirmation == appointment.visit_type.Confirmation.BY_STAFF
    context["answer_by"] = clock(BookingRules.current().answer_by(appointment.starts_at, now=now), appointment)
    return render(request, "appointments/check.html", context, status=status)


def _ended_page(request: HttpRequest, token: str, appointment: Appointment) -> HttpResponse:
    """410: it ran out; what was typed is still there."""
    context = {**visit_context(appointment), "token": token}
    return render(request, "appointments/ran_out.html", context, status=HTTPStatus.GONE)


def _booked_already(request: HttpRequest, token: str, appointment: Appointment) -> HttpResponse:
    """For whoever comes back by the back button: a button leads on, because a GET makes no link."""
    context = {**visit_context(appointment), "token": token}
    return render(request, "appointments/booked_already.html", context)
