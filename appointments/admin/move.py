"""Another time for an appointment, by the desk. The old one is given up only when the new one is had."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from appointments.admin import access, clocks
from appointments.admin.caller_form import MoveForm
from appointments.admin.desk_page import desk_page
from appointments.admin.overlaps import Overlap, overlap
from appointments.admin.steps import way_back
from appointments.admin.times import Board, Chip, board, nearest
from appointments.availability import Audience, NotBookable
from appointments.models import Appointment, BookingRules, StepRefused
from appointments.services import diary
from clinic.models import User


def move(request: HttpRequest, pk: int) -> HttpResponse:
    """GET and POST show free times; the POST of “Move” takes one."""
    if not access.may_take_steps(request.user):
        raise PermissionDenied
    appointment, now = access.appointment_for(request.user, pk), timezone.now()
    if not appointment.is_standing:
        told = {"appointment": appointment, "status": appointment.get_status_display()}
        messages.warning(request, gettext("%(appointment)s is %(status)s; it cannot be moved.") % told)
        return redirect("admin:appointments_appointment_change", pk)
    if request.method != "POST":
        opened = {"location": appointment.location_id, "provider": appointment.provider_id or ""}
        return _page(request, appointment, MoveForm(opened), now=now)
    form = MoveForm(request.POST, is_moving="move" in request.POST)
    if not form.is_moving:
        return _page(request, appointment, form, now=now)
    if not form.is_valid():
        return _page(request, appointment, form, now=now, status=422)
    return _move(request, appointment, form, now=now)


def _move(request: HttpRequest, appointment: Appointment, form: MoveForm, *, now: datetime) -> HttpResponse:
    slot = form.cleaned_data["slot"]
    if there := _overlap(request, appointment, slot.starts_at):
        return _page(request, appointment, form, now=now, status=422, there=there)
    try:
        moved = diary.move(
            appointment=appointment.pk,
            starts_at=slot.starts_at,
            location=slot.location,
            provider=slot.provider,
            by=cast(User, request.user),
            now=now,
            audience=Audience.STAFF,
            reason=form.cleaned_data["reason"],
        )
    except diary.SlotTaken:
        words = gettext("Another appointment has just taken that time. Nothing was moved.")
        others = nearest(visit_type=appointment.visit_type_id, lost=slot, now=now, ignoring=appointment.pk)
        return _page(request, appointment, form, now=now, status=409, refusal=words, others=others)
    except (diary.NotOffered, NotBookable, StepRefused) as refused:
        return _page(request, appointment, form, now=now, status=422, refusal=str(refused))
    except diary.DiaryBusy as busy:
        response = _page(request, appointment, form, now=now, status=503, refusal=str(busy))
        response["Retry-After"] = "2"
        return response
    admin.site.get_model_admin(Appointment).log_change(request, moved, "Moved.")
    moved = access.visible_to(request.user).for_lists().filter(pk=moved.pk).first() or moved
    messages.success(
        request, gettext("%(appointment)s is moved to %(when)s.") % {"appointment": moved, "when": clocks.when(moved)}
    )
    return redirect(way_back(request.POST.get("back", ""), moved.pk))


def _overlap(request: HttpRequest, appointment: Appointment, starts_at: datetime) -> Overlap | None:
    """Of the patient's other visits, until “Move anyway” has answered it."""
    if appointment.patient is None:
        return None
    seen, length = access.visible_to(request.user), appointment.length
    there = overlap(seen, appointment.patient, starts_at=starts_at, length=length, ignoring=appointment.pk)
    return there if there and there.answer != request.POST["move"] else None


def _page(
    request: HttpRequest,
    appointment: Appointment,
    form: MoveForm,
    *,
    now: datetime,
    status: int = 200,
    refusal: str = "",
    others: Sequence[Chip] = (),
    there: Overlap | None = None,
) -> TemplateResponse:
    free: Board | None = None
    said = [message for messages_of in form.errors.values() for message in messages_of]
    try:
        free = board(visit_type=appointment.visit_type_id, wish=form.wish(ignoring=appointment.pk), now=now)
        form.offer_only(free.plan)
    except NotBookable as refused:
        refusal = refusal or str(refused)
    context = {
        **desk_page(request),
        "title": gettext("Move to another time"),
        "form": form,
        "appointment": appointment,
        "when": clocks.when(appointment),
        "board": free,
        "back": request.POST.get("back", "") or request.GET.get("back", ""),
        "refusal": refusal,
        "others": others,
        "overlap": there,
        "errors": said if form.is_moving else [],
        "next_step": "error" if refusal or there or (said and form.is_moving) else "when",
        "undo_minutes": BookingRules.current().undo_minutes,
    }
    return TemplateResponse(request, "admin/appointments/appointment/move.html", context, status=status)
