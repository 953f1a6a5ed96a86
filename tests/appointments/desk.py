"""What the tests of the desk share: a small house with a diary, who works there, and what they click."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.availability import Audience
from appointments.models import Resource, VisitType
from appointments.services import diary
from clinic.models import Location
from tests import factories

HERE = ZoneInfo("America/New_York")
ALL_DAY = [(weekday, time(0), time(23, 55)) for weekday in range(7)]
LIST = reverse("admin:appointments_appointment_changelist")
DAY = reverse("admin:appointments_appointment_day")
BOOK = reverse("admin:appointments_appointment_book")


def page(name, *args):
    return reverse(f"admin:appointments_appointment_{name}", args=[getattr(arg, "pk", arg) for arg in args])


def today(days=0):
    return timezone.localdate(timezone.now(), HERE) + timedelta(days=days)


def at(hour, minute=0, *, days=0, zone=HERE):
    """That time on the practice's clock, so many days from today."""
    return datetime.combine(today(days), time(hour, minute), zone)


@dataclass
class House:
    location: Location
    ash: Resource
    beech: Resource
    room: Resource
    other_room: Resource
    visit: VisitType

    def book(self, starts_at, *, name="Ann Patient", email="", phone="(212) 555-0199", person=None, by=None, **fields):
        """Booked the day before, so that it may lie in the past. `by` None is the patient, on the site."""
        return diary.book(
            visit_type=fields.pop("visit", self.visit).pk,
            starts_at=starts_at,
            location=fields.pop("location", self.location).pk,
            provider=(person or self.ash).pk,
            details=diary.Details(name, email, phone, **fields),
            patient=None,
            by=by,
            submission=uuid4(),
            audience=Audience.STAFF,
            now=min(starts_at, timezone.now()) - timedelta(days=1),
        )


def make_house(**fields):
    location = factories.make_location(hours=ALL_DAY, name="Elm House")
    ash, beech = factories.make_person(location=location), factories.make_person(location=location)
    room, other = factories.make_room(location), factories.make_room(location)
    visit = factories.make_visit_type(people=[ash, beech], rooms=[room, other], locations=[location], **fields)
    return House(location, ash, beech, room, other, visit)


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def provider_account(person, *, may=()):
    """Whose account it is, in the group of providers; `may` are permissions on top."""
    user = factories._staff(f"account-{person.pk}", "Provider")
    person.provider.user = user
    person.provider.save()
    user.user_permissions.add(*Permission.objects.filter(codename__in=may))
    return user


def step(client, appointment, name, *, back=DAY, **fields):
    return client.post(page("steps", appointment), {"step": name, "back": back, **fields})


def said(client):
    """The messages that wait for the next page."""
    return [str(message) for message in client.get(LIST).context["messages"]]


def lines(response):
    return [line.appointment.reference for line in response.context["lines"]]
