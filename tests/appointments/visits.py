"""A house that is open every day, and appointments there. What they are for must stand in no letter."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.availability import Audience
from appointments.models import Appointment, BookingRules, Resource, Status, VisitType
from appointments.services import diary
from clinic.models import Location
from tests.factories import NOON, make_category, make_location, make_person, make_provider, make_treatment
from tests.factories import make_visit_type as make_type

ANN = diary.Details(name="Ann Xylander", email="ann@patient.example", phone="(212) 555-0199")
NEW_YORK = ZoneInfo("America/New_York")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNDO = BookingRules().undo


@dataclass
class House:
    location: Location
    people: list[Resource]
    visit_type: VisitType


def make_house(*, by_staff=False, **fields):
    """Two people who can do a rhinoplasty there, from 8 to 18 every day. `fields` are the location's."""
    location = make_location(**{"hours": [(day, time(8), time(18)) for day in range(7)], "name": "Oak House", **fields})
    people = [make_person(provider=make_provider(name=name), location=location) for name in ("Helen Ash", "Ida Birch")]
    visit_type = make_type(
        name="Rhinoplasty talk",
        treatment=make_treatment(name="Rhinoplasty", category=make_category(name="Surgery")),
        locations=[location],
        people=people,
        confirmation=VisitType.Confirmation.BY_STAFF if by_staff else VisitType.Confirmation.AT_ONCE,
    )
    return House(location, people, visit_type)


def at(day, clock="10:00", month=3, zone=NEW_YORK):
    """A wall-clock time of 2026. NOON is on March 2, 7:00 in New York; the clocks go forward there on March 8."""
    return datetime.combine(date(2026, month, day), time.fromisoformat(clock), zone).astimezone(UTC)


def book(house, starts_at, *, details=ANN, patient=None, by=None, now=NOON, provider=0):
    return diary.book(
        visit_type=house.visit_type.pk,
        starts_at=starts_at,
        location=house.location.pk,
        provider=house.people[provider].pk,
        details=None if patient else details,
        patient=patient,
        by=by,
        submission=uuid.uuid4(),
        audience=Audience.STAFF if by else Audience.PATIENTS,
        now=now,
    )


def move(house, appointment, starts_at, *, now, provider=0, by=None):
    return diary.move(
        appointment=appointment.pk,
        starts_at=starts_at,
        location=house.location.pk,
        provider=house.people[provider].pk,
        by=by,
        audience=Audience.STAFF if by else Audience.PATIENTS,
        now=now,
    )


def cancel(appointment, *, now, by=None):
    return diary.cancel(appointment=appointment.pk, by=by, now=now)


def reinstate(appointment, *, now, by=None):
    return diary.reinstate(appointment=appointment.pk, by=by, now=now)


def fresh(appointment):
    return Appointment.objects.get(pk=appointment.pk)


def is_confirmed(appointment):
    return fresh(appointment).status == Status.CONFIRMED
