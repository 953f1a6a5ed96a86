"""The day list: what the desk works from, on the screen and on paper."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments.admin import access, clocks, steps
from appointments.admin.desk_page import desk_page
from appointments.admin.times import people
from appointments.models import Allocation, Appointment, Resource, Status
from clinic.models import Location

MOST_LINES = 400
# Zones lie between 12 hours behind UTC and 14 ahead of it: this reaches over a local day of any of them.
REACH = timedelta(hours=14)
GIVEN_UP = {Status.CANCELLED, Status.DECLINED, Status.EXPIRED}
YEARS = range(2000, 2200)
ONE_DAY = timedelta(days=1)


class DayForm(forms.Form):
    """What stands in the address. What it cannot be is left out: the list is of today, everywhere, of everybody."""

    date = forms.DateField(label=_("Day"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    location = forms.ModelChoiceField(
        Location.objects.all(), label=_("Location"), required=False, empty_label=_("all locations")
    )
    provider = forms.ModelChoiceField(people(), label=_("With"), required=False, empty_label=_("everybody"))


@dataclass(frozen=True)
class Wanted:
    day: date
    location: Location | None
    provider: Resource | None

    @classmethod
    def read(cls, form: DayForm) -> "Wanted":
        form.full_clean()
        day = form.cleaned_data.get("date")
        return cls(
            day if day and day.year in YEARS else timezone.localdate(),
            form.cleaned_data.get("location"),
            form.cleaned_data.get("provider"),
        )

    def address(self, day: date) -> str:
        """The same list of another day: a date and numbers, nothing of a patient."""
        chosen: dict[str, Any] = {"date": day.isoformat()}
        if self.location:
            chosen["location"] = self.location.pk
        if self.provider:
            chosen["provider"] = self.provider.pk
        return f"{reverse('admin:appointments_appointment_day')}?{urlencode(chosen)}"


@dataclass(frozen=True)
class Line:
    appointment: Appointment
    # In words: a template would turn an instant into the practice's own time.
    starts: str
    ends: str
    zone: str
    rooms: str
    buttons: list[steps.Button]

    @classmethod
    def of(cls, appointment: Appointment, *, now: datetime, may_take_steps: bool) -> "Line":
        others = (taken.resource for taken in appointment.allocations.all())
        return cls(
            appointment,
            clocks.clock(clocks.start(appointment)),
            clocks.clock(clocks.end(appointment)),
            clocks.zone_name(appointment),
            ", ".join(dict.fromkeys(r.name for r in others if r.pk != appointment.provider_id)),
            steps.buttons(appointment, now=now) if may_take_steps else [],
        )

    @property
    def is_given_up(self) -> bool:
        return self.appointment.status in GIVEN_UP

    @property
    def may_be_moved(self) -> bool:
        return bool(self.buttons) and self.appointment.is_standing


def day_list(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("appointments.view_appointment"):
        raise PermissionDenied
    form = DayForm(request.GET)
    wanted, now = Wanted.read(form), timezone.now()
    may = access.may_take_steps(request.user)
    lines = [Line.of(one, now=now, may_take_steps=may) for one in _of_the_day(request, wanted)]
    context = {
        **desk_page(request),
        "title": clocks.day_name(wanted.day),
        "form": _as_shown(form, wanted),
        "wanted": wanted,
        "lines": lines[:MOST_LINES],
        "is_cut": len(lines) > MOST_LINES,
        "counts": _counts(lines),
        "here": wanted.address(wanted.day),
        "previous": wanted.address(wanted.day - ONE_DAY),
        "next": wanted.address(wanted.day + ONE_DAY),
        "today": wanted.address(timezone.localdate(now)),
        "is_today": wanted.day == timezone.localdate(now),
        "sees_all": access.sees_all(request.user),
        "may_book": access.may_book(request.user),
        "may_take_steps": may,
        "printed_at": timezone.localtime(now),
    }
    return TemplateResponse(request, "admin/appointments/appointment/day.html", context)


def _of_the_day(request: HttpRequest, wanted: Wanted) -> Iterator[Appointment]:
    """Those that begin on the day by the clock of their own location, in order."""
    midnight = datetime.combine(wanted.day, time(), UTC)
    found = access.visible_to(request.user).between(midnight - REACH, midnight + ONE_DAY + REACH).for_lists()
    if wanted.location:
        found = found.filter(location=wanted.location)
    if wanted.provider:
        # Also where they only help.
        found = found.filter(pk__in=Allocation.objects.filter(resource=wanted.provider).values("appointment"))
    taken = Prefetch("allocations", Allocation.objects.select_related("resource"))
    for appointment in found.prefetch_related(taken)[: 3 * MOST_LINES]:
        if clocks.start(appointment).date() == wanted.day:
            yield appointment


def _as_shown(form: DayForm, wanted: Wanted) -> DayForm:
    shown = {"date": wanted.day, "location": wanted.location, "provider": wanted.provider}
    return DayForm(initial=shown, auto_id="day-%s", label_suffix="")


def _counts(lines: list[Line]) -> list[str]:
    """“12 appointments”, then how many of each status, in the order in which a visit goes through them."""
    standing = [line for line in lines if not line.is_given_up]
    counted = Counter(line.appointment.status for line in lines)
    total = ngettext("%d appointment", "%d appointments", len(standing)) % len(standing)
    named = [
        gettext("%(number)d %(status)s") % {"number": counted[status], "status": status.label}
        for status in Status
        if counted[status]
    ]
    return [total, *named]
