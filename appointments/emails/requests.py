"""The two letters about a request. No treatment, no name and nothing that the visitor wrote stands in either."""

from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from appointments.models import AppointmentRequest
from clinic import letters
from clinic.mail_links import Link
from clinic.models import Practice

PURPOSE = "appointments.request"
LINK_LIFETIME = timedelta(days=180)


def confirmation_link(request: AppointmentRequest) -> Link:
    """To the page that says what was received and what happens next."""
    return Link(PURPOSE, request.pk, "appointments:requested", LINK_LIFETIME)


def tell_patient(request: AppointmentRequest, *, now: datetime) -> None:
    """Nobody has proven that the address is theirs, so the letter says only that something came in."""
    practice = Practice.objects.first()
    letters.write(
        template="appointments/letters/received.txt",
        to=request.email,
        now=now,
        context={"reference": request.reference, "due_on": request.due_on},
        links={"link": confirmation_link(request)},
        reply_to=practice.email if practice else "",
    )


def tell_front_desk(request: AppointmentRequest, *, now: datetime) -> None:
    """To the practice's own address; before there is one, the dashboard alone shows the request."""
    practice = Practice.objects.first()
    if practice is None or not practice.email:
        return
    page = reverse("admin:appointments_appointmentrequest_change", args=[request.pk])
    letters.write(
        template="appointments/letters/arrived.txt",
        to=practice.email,
        now=now,
        context={"reference": request.reference, "due_on": request.due_on, "page": settings.BASE_URL + page},
    )
