"""A practice in which everybody wants the same hours, a crowd that asks in the same moment, and who judges it after."""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from threading import Barrier
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection
from django.db.models import QuerySet

from appointments.availability import Audience, Timetable, reading
from appointments.models import Allocation, Appointment, Resource, Status, VisitType
from appointments.services import claims, diary
from clinic.models import Location
from tests import factories

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 2, 25, 12, 0, tzinfo=NEW_YORK)
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=NEW_YORK)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LOST = diary.SlotTaken, diary.NotOffered
# The long form of script/bench plays each race more often, each time for another hour.
ROUNDS = int(os.environ.get("RACE_ROUNDS", "1"))

# By what the appointments say and not by `blocking`, which is one of the things to be judged.
STANDING = "('held', 'requested', 'confirmed', 'arrived', 'completed', 'no_show')"
BOOKED_TWICE = f"""
SELECT count(*) FROM appointments_allocation a JOIN appointments_appointment one ON one.id = a.appointment_id
JOIN appointments_allocation b ON b.resource_id = a.resource_id AND b.id > a.id AND b.occupied && a.occupied
JOIN appointments_appointment other ON other.id = b.appointment_id
WHERE one.status IN {STANDING} AND other.status IN {STANDING}
"""
BLOCKS_WRONGLY = f"""
SELECT count(*) FROM appointments_allocation a JOIN appointments_appointment one ON one.id = a.appointment_id
WHERE a.blocking <> (one.status IN {STANDING})
"""
WITHOUT_HISTORY = """
SELECT count(*) FROM appointments_appointment one
WHERE status IS DISTINCT FROM (
    SELECT became FROM appointments_change WHERE appointment_id = one.id ORDER BY id DESC LIMIT 1)
"""


@dataclass
class House:
    location: Location
    people: list[Resource]
    visit: VisitType

    def hours(self) -> Iterator[datetime]:
        """Ten each day from 8:00 on, on as many days as there are."""
        for number in range(50 * 10):
            yield NINE - HOUR + number // 10 * DAY + number % 10 * HOUR


def make_house(*, people: int = 1, rooms: int = 0, devices: int = 0, **fields: Any) -> House:
    """Open from 8 to 18 every day, for visits of an hour that can begin at every full and half hour."""
    factories.make_practice()
    location = factories.make_location(hours=[(day, time(8), time(18)) for day in range(7)])
    persons = [factories.make_person(location=location) for _n in range(people)]
    visit = factories.make_visit_type(
        **{
            "people": persons,
            "rooms": [factories.make_room(location) for _n in range(rooms)],
            "devices": [factories.make_device(location) for _n in range(devices)],
            "locations": [location],
            "minutes": 60,
            "step_minutes": 30,
            **fields,
        }
    )
    return House(location, persons, visit)


def details(number: int) -> diary.Details:
    return diary.Details(name=f"Ada Byron {number}", email=f"ada{number}@example.com", phone="")


def book(visit: VisitType, starts_at: datetime, number: int = 0, **fields: Any) -> Appointment:
    return diary.book(
        **{
            "visit_type": visit.slug,
            "starts_at": starts_at,
            "location": None,
            "provider": None,
            "details": details(number),
            "patient": None,
            "by": None,
            "submission": uuid.uuid4(),
            "audience": Audience.PATIENTS,
            "now": NOW,
            **fields,
        }
    )


def hold(visit: VisitType, starts_at: datetime, *, now: datetime = NOW, provider: int | None = None) -> Appointment:
    return diary.hold(
        visit_type=visit.slug,
        starts_at=starts_at,
        location=None,
        provider=provider,
        submission=uuid.uuid4(),
        holder=uuid.uuid4(),
        now=now,
    )


def move(appointment: Appointment, starts_at: datetime, *, location: int | None = None) -> Appointment:
    return diary.move(
        appointment=appointment.pk,
        starts_at=starts_at,
        location=location,
        provider=None,
        by=None,
        audience=Audience.PATIENTS,
        now=NOW,
    )


def at_once(tasks: Iterable[Callable[[], Any]]) -> list[Any]:
    """What each of them returned or raised. All begin in the same moment, with connections that are open already."""
    tasks = list(tasks)
    ready = Barrier(len(tasks), timeout=60)

    def run(task: Callable[[], Any]) -> Any:
        try:
            _connect()
            ready.wait()
            return task()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def _connect() -> None:
    """Waits for a place: the server has a hundred, and those of the crowd before may not be empty yet."""
    until = monotonic() + 30
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError:
            if monotonic() > until:
                raise
            sleep(0.1)


def winners(answers: list[Any], *, losing: tuple[type[Exception], ...] = LOST) -> list[Any]:
    """Those who got what they asked for. Whoever did not was told so cleanly."""
    errors = [answer for answer in answers if isinstance(answer, Exception)]
    unclean = [error for error in errors if not isinstance(error, losing)]
    assert unclean == [], [repr(error) for error in unclean]
    return [answer for answer in answers if not isinstance(answer, Exception)]


def count(question: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def standing(starts_at: datetime | None = None) -> QuerySet[Appointment]:
    found = Appointment.objects.exclude(status__in=[Status.CANCELLED, Status.EXPIRED, Status.DECLINED])
    return found.filter(starts_at=starts_at) if starts_at else found


def spans(appointment: Appointment) -> list[tuple[datetime, datetime]]:
    return sorted((each.occupied.lower, each.occupied.upper) for each in appointment.allocations.all())


def expected_spans(appointment: Appointment) -> list[tuple[datetime, datetime]]:
    occupied = appointment.visit_type.course.occupied.values()
    begins = appointment.starts_at
    return sorted((begins + first * MINUTE, begins + last * MINUTE) for need in occupied for first, last in need)


def assert_diary_is_sound() -> None:
    found = {
        "booked twice": count(BOOKED_TWICE),
        "blocks wrongly": count(BLOCKS_WRONGLY),
        "occupies wrongly": len([each for each in standing() if spans(each) != expected_spans(each)]),
        "without history": count(WITHOUT_HISTORY),
    }
    assert found == dict.fromkeys(found, 0)


@contextmanager
def without_locks() -> Iterator[None]:
    """Nobody waits for anybody: every advisory lock of the booking is taken out of its statements."""
    lock, hold_hours = claims.LOCK, reading.HOLD_HOURS
    claims.LOCK = lock.replace("SELECT pg_advisory_xact_lock(7343, resource)", "SELECT resource")
    reading.HOLD_HOURS = hold_hours.replace(", pg_advisory_xact_lock_shared(7342, 0)", "")
    assert (lock, hold_hours) != (claims.LOCK, reading.HOLD_HOURS)
    assert "advisory" not in claims.LOCK + reading.HOLD_HOURS
    try:
        yield
    finally:
        claims.LOCK, reading.HOLD_HOURS = lock, hold_hours


@contextmanager
def without_asking_again() -> Iterator[None]:
    """Whoever has chosen a time writes it, whatever has happened meanwhile."""
    allows = Timetable.allows
    Timetable.allows = lambda *_arguments: True
    try:
        yield
    finally:
        Timetable.allows = allows


@contextmanager
def without_constraint() -> Iterator[None]:
    """The table takes every allocation. Empties the diary at the end, so that the constraint can come back."""
    constraint = next(c for c in Allocation._meta.constraints if c.name == "allocation_never_twice")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Allocation, constraint)
    try:
        yield
    finally:
        Appointment.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Allocation, constraint)
