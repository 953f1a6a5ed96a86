"""What patients do behind their links, step by step through the site's own addresses, some days from today."""

import re
import uuid
from datetime import UTC, datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from appointments.consent import BOOKING_VERSION
from appointments.links import hold_link, manage_link
from appointments.models import Appointment
from appointments.services import diary
from clinic import mail_links
from tests.appointments.visits import ANN, NEW_YORK, book

TYPED = {
    "name": ANN.name,
    "email": ANN.email,
    "phone": ANN.phone,
    "message": "I come by bus.",
    "consent": "on",
    "wording": BOOKING_VERSION,
}
MINUTE = timedelta(minutes=1)


def at(clock="10:00", days=10):
    """A wall-clock time in New York, so many days from today."""
    today = timezone.now().astimezone(NEW_YORK).date()
    return datetime.combine(today + timedelta(days=days), time.fromisoformat(clock), NEW_YORK).astimezone(UTC)


def on_the_page(instant):
    """As pages write it: “Tuesday, March 3, 10 a.m.”."""
    local = instant.astimezone(NEW_YORK)
    return f"{date_format(local, 'l, F j')}, {date_format(local, 'P')}"


def hold(house, starts_at=None, *, provider=0):
    return diary.hold(
        visit_type=house.visit_type.pk,
        starts_at=starts_at or at(),
        location=house.location.pk,
        provider=house.people[provider].pk,
        submission=uuid.uuid4(),
        holder=None,
        now=timezone.now(),
    )


def hold_token(appointment):
    return mail_links.mint(hold_link(appointment), now=timezone.now())


def manage_token(appointment):
    return mail_links.mint(manage_link(appointment, now=timezone.now()), now=timezone.now())


def address(name, token, query=""):
    return reverse(f"appointments:{name}", args=[token]) + query


def booked(house, starts_at=None, *, details=ANN, now=None, provider=0):
    """A booking as it is after its first letter."""
    return book(house, starts_at or at(), details=details, now=now or timezone.now(), provider=provider)


def let_it_run_out(appointment):
    Appointment.objects.filter(pk=appointment.pk).update(expires_at=timezone.now() - MINUTE)


def offered(response):
    """The values of the buttons that choose a time, in the order of the page."""
    return [datetime.fromisoformat(v) for v in re.findall(r'name="start" value="([^"]+)"', response.content.decode())]
