"""What the desk does with an appointment by a button: which buttons there are, and what they ask of the diary."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.admin import access, clocks
from appointments.admin.desk_page import desk_page
from appointments.models import Appointment, BookingRules, Status, StepRefused
from appointments.services import diary
from appointments.text import without_hidden
from clinic.models import User

Words = str | Promise


@dataclass(frozen=True)
class Button:
    """`step` is what the diary is asked; one that asks first leads to a page that says what will happen."""

    step: str
    label: Words
    kind: str = ""
    asks_first: bool = False


ACCEPT = Button("accept", _("Accept"), "main")
DECLINE = Button("decline", _("Decline"), asks_first=True)
CANCEL = Button("cancel", _("Cancel"), asks_first=True)
ARRIVED = Button("arrived", _("Arrived"), "main")
COMPLETED = Button("completed", _("Completed"), "main")
NO_SHOW = Button("no_show", _("No-show"))
REINSTATE = Button("reinstate", _("Undo"), "undo")
# What was never agreed is agreed by this.
CONFIRM_AFTER_ALL = Button("reinstate", _("Confirm after all"), "undo")
# Taking back what was clicked by mistake is a step like any other.
NOT_YET_HERE = Button("confirmed", _("Undo"), "undo")
NOT_YET_DONE = Button("arrived", _("Undo"), "undo")


def buttons(appointment: Appointment, *, now: datetime) -> list[Button]:
    """Those that make sense at `now`: nobody arrives before the day, or fails to come before the time."""
    match appointment.status:
        case Status.REQUESTED:
            return [ACCEPT, DECLINE, CANCEL]
        case Status.CONFIRMED:
            is_due = clocks.start(appointment).date() <= now.astimezone(clocks.zone_of(appointment.location)).date()
            due = [ARRIVED] if is_due else []
            return [*due, *([NO_SHOW] if appointment.starts_at <= now else []), CANCEL]
        case Status.ARRIVED:
            return [COMPLETED, NOT_YET_HERE]
        case Status.COMPLETED:
            return [NOT_YET_DONE]
        case Status.NO_SHOW:
            return [ARRIVED, NOT_YET_HERE]
        case Status.CANCELLED:
            return [REINSTATE]
        case Status.DECLINED | Status.EXPIRED:
            return [CONFIRM_AFTER_ALL]
    return []


def _take(step: str, appointment: Appointment, *, by: User, now: datetime, reason: str) -> Appointment:
    """Raises what the diary raises, and StepRefused for a step that there is not."""
    asked: dict[str, Any] = {"appointment": appointment.pk, "by": by, "now": now, "reason": reason}
    match step:
        case "accept":
            return diary.accept(**asked)
        case "decline":
            return diary.decline(**asked)
        case "cancel":
            return diary.cancel(**asked)
        case "reinstate":
            return diary.reinstate(**asked)
        case "confirmed" | "arrived" | "completed" | "no_show":
            return diary.step(status=Status(step), **asked)
    raise StepRefused(gettext("There is no such step."))


def take_step(request: HttpRequest, pk: int) -> HttpResponse:
    """POST: one step, then back to the same line of the page that it came from, with a way to undo it."""
    _check_may_take_steps(request)
    appointment, now = access.appointment_for(request.user, pk), timezone.now()
    # On one line; PostgreSQL stores no NUL.
    reason = " ".join(without_hidden(request.POST.get("reason", "")).split())[:200]
    by = cast(User, request.user)
    try:
        done = _take(request.POST.get("step", ""), appointment, by=by, now=now, reason=reason)
    except diary.SlotTaken:
        words = gettext("%(appointment)s: another appointment has this time by now, so it cannot come back to it.")
        messages.error(request, words % {"appointment": appointment})
    except (StepRefused, diary.NotOffered, diary.NotBookable) as refused:
        messages.warning(request, f"{appointment}: {refused}")
    except diary.DiaryBusy:
        messages.error(request, gettext("Too much is happening at once just now. Please click again."))
    else:
        admin.site.get_model_admin(Appointment).log_change(request, done, str(done.get_status_display()))
        messages.success(request, _done(access.appointment_for(request.user, pk), now=now))
    return redirect(way_back(request.POST.get("back", ""), pk))


def _done(appointment: Appointment, *, now: datetime) -> str:
    """Names nobody: a message waits in a cookie. Its button belongs to the form that stands at the appointment."""
    told = {
        "time": clocks.clock(clocks.start(appointment)),
        "appointment": appointment.reference,
        "status": appointment.get_status_display(),
    }
    words = gettext("%(time)s, %(appointment)s: %(status)s.") % told
    undo = next((button for button in buttons(appointment, now=now) if button.kind == "undo"), None)
    if undo is None:
        return words
    return format_html(
        '{} <button type="submit" class="desk-button undo" form="steps-{}" name="step" value="{}">{}</button>',
        words,
        appointment.pk,
        undo.step,
        undo.label,
    )


def ask_first(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """GET: what a cancellation or a refusal means, with room for the reason; the POST goes to `take_step`."""
    _check_may_take_steps(request)
    appointment, now = access.appointment_for(request.user, pk), timezone.now()
    back = way_back(request.GET.get("back", ""), pk)
    if step not in {button.step for button in buttons(appointment, now=now) if button.asks_first}:
        told = {"appointment": appointment, "status": appointment.get_status_display()}
        messages.warning(request, gettext("%(appointment)s is %(status)s by now.") % told)
        return redirect(back)
    context = {
        **desk_page(request),
        "title": gettext("Decline this booking?") if step == "decline" else gettext("Cancel this appointment?"),
        "appointment": appointment,
        "when": clocks.when(appointment),
        "step": step,
        "back": back,
        "undo_minutes": BookingRules.current().undo_minutes,
    }
    return TemplateResponse(request, "admin/appointments/appointment/ask_first.html", context)


def way_back(address: str, pk: int) -> str:
    """The line on the page that somebody came from, or the appointment's own page; never another site."""
    desk = reverse("admin:appointments_appointment_changelist")
    path = address.partition("#")[0]
    if path.startswith(desk) and url_has_allowed_host_and_scheme(path, None):
        return f"{path}#a-{pk}"
    return reverse("admin:appointments_appointment_change", args=[pk])


def _check_may_take_steps(request: HttpRequest) -> None:
    if not access.may_take_steps(request.user):
        raise PermissionDenied
