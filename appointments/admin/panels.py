from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments.models import AppointmentRequest
from clinic.dashboard import Panel, Row, panel

LENGTH = 5


@panel(order=10, permission="appointments.view_appointmentrequest")
def new_requests(now: datetime) -> Panel:
    """Those that wait for an answer, the longest first. The admin has set the practice's zone: its date is local."""
    waiting = AppointmentRequest.objects.awaiting_reply()
    today = timezone.localdate(now)
    rows = [
        Row(
            request.name,
            reverse("admin:appointments_appointmentrequest_change", args=[request.pk]),
            " · ".join([request.age(now), request.get_channel_display()]),
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
