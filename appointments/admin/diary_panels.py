"""The dashboard's ways into the diary. A panel does not know who looks: only the last names patients, and it is for
those who may see them all."""

from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments.admin import clocks
from appointments.models import Appointment
from clinic.dashboard import Panel, Row, panel

LENGTH = 5


@panel(order=6, permission="appointments.view_appointment")
def day_lists(now: datetime) -> Panel:
    """The admin has set the practice's zone: its date is local."""
    today = timezone.localdate(now)
    lists = reverse("admin:appointments_appointment_day")
    days = [(_("Today"), today), (_("Tomorrow"), today + timedelta(days=1))]
    rows = [Row(words, f"{lists}?date={day.isoformat()}", date_format(day, "l, F j")) for words, day in days]
    return Panel(_("Day list"), rows, url=lists)


@panel(order=7, permission="appointments.add_appointment")
def on_the_phone(now: datetime) -> Panel:
    rows = [
        Row(_("Book for a caller"), reverse("admin:appointments_appointment_book")),
        Row(_("Find an appointment"), reverse("admin:appointments_appointment_changelist")),
    ]
    return Panel(_("On the phone"), rows)


@panel(order=8, permission="appointments.see_whole_diary")
def awaiting_answer(now: datetime) -> Panel:
    """Booked where staff have to say yes, the first to lapse first."""
    waiting = Appointment.objects.known().awaiting_answer()
    rows = [
        Row(
            one.patient.name if one.patient else str(one),
            reverse("admin:appointments_appointment_change", args=[one.pk]),
            clocks.when(one),
        )
        for one in waiting.for_lists()[:LENGTH]
    ]
    return Panel(
        _("Bookings to answer"),
        rows,
        total=waiting.count(),
        url=f"{reverse('admin:appointments_appointment_changelist')}?status=requested&when=all",
        empty=_("No booking waits for your yes."),
    )
