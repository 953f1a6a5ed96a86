"""The desk's panels: how full today is, who waits for an answer, and who may be in the books twice."""

from datetime import datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.models import Appointment, AppointmentRequest, Patient, Status
from clinic.dashboard import Panel, Row, panel

LENGTH = 5
TAKING_PLACE = [Status.REQUESTED, Status.CONFIRMED, Status.ARRIVED, Status.COMPLETED]


@panel(order=8, permission="appointments.see_whole_diary")
def visits_today(now: datetime) -> Panel:
    """How many, by location. The admin has set the practice's zone: its day is today's."""
    midnight = datetime.combine(timezone.localdate(now), time(), timezone.get_current_timezone())
    tomorrow = datetime.combine(midnight.date() + timedelta(days=1), time(), midnight.tzinfo)
    visits = Appointment.objects.between(midnight, tomorrow).filter(status__in=TAKING_PLACE)
    counted: dict[tuple[int, str], int] = {}
    for place in visits.values_list("location", "location__name"):
        counted[place] = counted.get(place, 0) + 1
    day = reverse("admin:appointments_appointment_day")
    rows = [
        Row(name, f"{day}?location={pk}", ngettext("%d visit", "%d visits", number) % number)
        for (pk, name), number in sorted(counted.items(), key=lambda line: line[0][1])
    ]
    return Panel(
        _("Visits today"),
        rows,
        total=sum(counted.values()),
        url=day,
        empty=_("Nobody is expected today."),
    )


@panel(order=10, permission="appointments.view_appointmentrequest")
def new_requests(now: datetime) -> Panel:
    """Those that wait for an answer, the longest first. The admin has set the practice's zone: its date is local."""
    waiting = AppointmentRequest.objects.awaiting_reply()
    today = timezone.localdate(now)
    rows = [
        Row(
            request.name,
            reverse("admin:appointments_appointmentrequest_change", args=[request.pk]),
            " · ".join(filter(None, [request.age(now), request.get_channel_display(), request.offer_title])),
            is_urgent=request.is_overdue(today),
        )
        for request in waiting[:LENGTH]
    ]
    return Panel(
        _("New requests"),
        rows,
        total=waiting.count(),
        url=reverse("admin:appointments_appointmentrequest_changelist"),
        empty=_("Every request has been answered."),
    )


@panel(order=12, permission="appointments.change_patient")
def patients_to_compare(now: datetime) -> Panel | None:
    """Those who share a mail address or a number with somebody; nothing while there are none."""
    alike = Patient.objects.to_compare()
    rows = [
        Row(patient.name, reverse("admin:appointments_patient_change", args=[patient.pk])) for patient in alike[:LENGTH]
    ]
    url = reverse("admin:appointments_patient_changelist")
    if not rows:
        return None
    return Panel(
        _("Patients who may be in the books twice"),
        rows,
        total=alike.count(),
        url=f"{url}?looks_like_another__exact=1",
    )
