"""“Book for a caller”: one page that grows with the call, and books. All of it is sent by POST, so that no address
holds a name; the page works without a script."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from appointments.admin import access, clocks, shown
from appointments.admin.caller_form import NEW, CallerForm
from appointments.admin.candidates import Candidates, same_name, what_was_typed
from appointments.admin.desk_page import desk_page
from appointments.admin.overlaps import Overlap, overlap
from appointments.admin.times import Board, Chip, board, nearest
from appointments.availability import Audience, NotBookable
from appointments.models import Appointment, AppointmentRequest, Patient, StatusRefused, VisitType
from appointments.services import diary
from clinic.models import User

FROM_ADDRESS = ("patient", "visit_type", "location", "provider", "day", "request")


def book_for_a_caller(request: HttpRequest) -> HttpResponse:
    """GET opens it, filled in from numbers in the address; POST shows more of it, or books."""
    if not access.may_book(request.user):
        raise PermissionDenied
    now, requests = timezone.now(), _readable_requests(request)
    if request.method != "POST":
        return _page(request, CallerForm(_opened(request), requests=requests), now=now)
    if "book" not in request.POST:
        return _page(request, _grown(CallerForm(request.POST.copy(), requests=requests)), now=now)
    form = CallerForm(request.POST, requests=requests, is_booking=True)
    is_valid = form.is_valid()
    if first := Appointment.objects.filter(submission=form.submission).first():
        return redirect("admin:appointments_appointment_change", first.pk)
    if not is_valid:
        return _page(request, form, now=now, status=422)
    return _book(request, form, now=now)


def _book(request: HttpRequest, form: CallerForm, *, now: datetime) -> HttpResponse:
    chosen = form.cleaned_data
    slot, visit_type = chosen["slot"], chosen["visit_type"]
    if there := _overlap(request, form):
        return _page(request, form, now=now, status=422, there=there)
    try:
        booked = diary.book(
            visit_type=visit_type.pk,
            starts_at=slot.starts_at,
            location=slot.location,
            provider=slot.provider,
            details=form.details(),
            patient=form.known_patient,
            by=cast(User, request.user),
            submission=form.submission,
            audience=Audience.STAFF,
            now=now,
            request=chosen["request"],
        )
    except diary.SlotTaken:
        words = gettext("Another appointment has just taken that time. Nothing was booked.")
        others = nearest(visit_type=visit_type.pk, lost=slot, now=now)
        return _page(request, form, now=now, status=409, refusal=words, others=others)
    except (diary.NotOffered, NotBookable) as refused:
        return _page(request, form, now=now, status=422, refusal=str(refused))
    except StatusRefused as refused:
        words = gettext("%(why)s Nothing was booked: look at the request first.") % {"why": refused}
        return _page(request, form, now=now, status=409, refusal=words)
    except diary.DiaryBusy as busy:
        response = _page(request, form, now=now, status=503, refusal=str(busy))
        response["Retry-After"] = "2"
        return response
    admin.site.get_model_admin(Appointment).log_addition(request, booked, "Booked for a caller.")
    messages.success(request, _booked(booked))
    return redirect("admin:appointments_appointment_change", booked.pk)


def _overlap(request: HttpRequest, form: CallerForm) -> Overlap | None:
    """What the known patient has at that time already, until “Book anyway” has answered it."""
    if form.known_patient is None:
        return None
    length = timedelta(minutes=form.cleaned_data["visit_type"].minutes)
    starts_at = form.cleaned_data["slot"].starts_at
    there = overlap(access.visible_to(request.user), form.known_patient, starts_at=starts_at, length=length)
    return there if there and there.answer != request.POST["book"] else None


def _booked(appointment: Appointment) -> str:
    """Names nobody: a message waits in a cookie."""
    told = {"appointment": appointment, "when": clocks.when(appointment)}
    if appointment.patient and appointment.patient.email:
        return gettext("%(appointment)s is booked for %(when)s, and the confirmation goes out by email.") % told
    return gettext("%(appointment)s is booked for %(when)s; no email address, so tell them the reference.") % told


def _readable_requests(request: HttpRequest) -> QuerySet[AppointmentRequest]:
    may = request.user.has_perm("appointments.view_appointmentrequest")
    return AppointmentRequest.objects.all() if may else AppointmentRequest.objects.none()


def _opened(request: HttpRequest) -> dict[str, Any]:
    given = {name: request.GET.get(name, "") for name in FROM_ADDRESS}
    pk = given["request"]
    asked = _readable_requests(request).filter(pk=int(pk[:18])).first() if pk.isdecimal() else None
    return {**given, "opening": uuid.uuid4(), **(_from_request(asked) if asked else {"request": ""})}


def _from_request(asked: AppointmentRequest) -> dict[str, Any]:
    """What the patient wrote, as the desk would have typed it."""
    alike = Patient.objects.reached_by(email=asked.email, phone_e164=asked.phone_e164)[:50]
    same = [asked.patient] if asked.patient else same_name(alike, asked.name)
    visit_type = VisitType.objects.filter(treatment=asked.treatment).first() if asked.treatment else None
    person = getattr(asked.provider, "resource", None)
    wanted = [time.day for time in asked.preferred_times.all()[:20] if time.day and time.day >= timezone.localdate()]
    return {
        "request": asked.pk,
        "patient": same[0].pk if len(same) == 1 else NEW,
        "name": asked.name,
        "phone": asked.phone,
        "email": asked.email,
        "visit_type": visit_type.pk if visit_type else "",
        "location": asked.location_id or "",
        "provider": person.pk if person else "",
        "day": min(wanted).isoformat() if wanted else "",
    }


def _grown(form: CallerForm) -> CallerForm:
    """A new search decides by itself where it can: one found is chosen, and nobody found is somebody new."""
    form.full_clean()
    data, typed = cast(QueryDict, form.data), form.cleaned_data.get("find", "")
    if not typed or typed == data.get("searched"):
        return form
    found = list(Patient.objects.found_by(typed)[:2])
    data["patient"] = str(found[0].pk) if len(found) == 1 else "" if found else NEW
    if not found:
        for name, value in what_was_typed(typed).items():
            data[name] = data.get(name) or value
    return form


def _page(
    request: HttpRequest,
    form: CallerForm,
    *,
    now: datetime,
    status: int = 200,
    refusal: str = "",
    others: Sequence[Chip] = (),
    there: Overlap | None = None,
) -> TemplateResponse:
    errors = _errors(form) if form.is_booking else []
    free, words = _free_times(form, now=now)
    asked: AppointmentRequest | None = form.cleaned_data.get("request")
    context = {
        **desk_page(request),
        "title": gettext("Book this request") if asked else gettext("Book for a caller"),
        "form": form,
        "asked": asked,
        "asked_days": asked and shown.days(asked),
        "candidates": Candidates.of(form, now=now),
        "board": free,
        "refusal": refusal or words,
        "others": others,
        "overlap": there,
        "errors": errors,
        "next_step": "error" if errors or refusal or there else _next_step(form, free),
    }
    return TemplateResponse(request, "admin/appointments/appointment/caller.html", context, status=status)


def _free_times(form: CallerForm, *, now: datetime) -> tuple[Board | None, str]:
    """The times of the visit that is chosen, or why there are none."""
    form.full_clean()
    visit_type = form.cleaned_data.get("visit_type")
    if visit_type is None:
        return None, ""
    try:
        free = board(visit_type=visit_type.pk, wish=form.wish(), now=now)
    except NotBookable as refused:
        return None, str(refused)
    form.offer_only(free.plan)
    return free, ""


def _next_step(form: CallerForm, free: Board | None) -> str:
    """The part of the page that the desk comes to next, which the browser goes to."""
    if form.known_patient is None and not form.is_new:
        return "who"
    if form.is_new and not form.cleaned_data.get("name"):
        return "new"
    if free is None:
        return "visit"
    return "book" if form.cleaned_data.get("slot") else "when"


def _errors(form: CallerForm) -> list[tuple[str, str]]:
    """Each message with the part of the page that it leads to, in the page's order."""
    places = {"patient": "caller-find", "slot": "when"}
    order = list(places) + list(form.fields)
    names = sorted((name for name in form.errors if name in form.fields), key=order.index)
    return [(str(message), places.get(name, f"caller-{name}")) for name in names for message in form.errors[name]]
