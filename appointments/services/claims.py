"""How a time is claimed: choose without locks, lock what was chosen, ask again, and only then write.

The exclusion constraint on allocations is the promise; the locks make that losing is a clean answer instead of a
deadlock. Every path that gives an appointment a time goes through `run` and `claim`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg2 import errorcodes

from appointments.availability import Audience, Place, Plan, Timetable, load_plan, timetable
from appointments.models import Allocation, Appointment

# 7342 is held by those who change hours (see appointments.availability.plan), 7343 with a resource's number by those
# who book it. Sorted, so that two who want the same resources never wait for each other. The last statement tells
# which holds have run out in the way.
LOCK = """
SELECT set_config('lock_timeout', '3s', true);
SELECT pg_advisory_xact_lock(7343, resource) FROM unnest(%(resources)s::int[]) AS r(resource);
SELECT DISTINCT appointment_id FROM appointments_allocation
WHERE blocking AND resource_id = ANY(%(resources)s) AND occupied && tstzrange(%(begins)s, %(ends)s)
    AND appointment_id IS DISTINCT FROM %(ignoring)s
    AND appointment_id = ANY (ARRAY(SELECT id FROM appointments_appointment WHERE expires_at <= %(now)s))
"""
# 40P01, 40001 and 55P03: nothing was decided, so it is tried again.
PASSING = {errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE, errorcodes.LOCK_NOT_AVAILABLE}
MOST_BUSY = 3
# Of fifty who want any of ten people for one time, each may lose to nine others before it is settled.
MOST_LOST = 20
FAR = timedelta(days=800)

T = TypeVar("T")


class SlotTaken(Exception):
    """The time is a real one, and somebody has it."""

    def __init__(self) -> None:
        super().__init__(_("That time has just been taken."))


class NotOffered(Exception):
    """Nobody could book this time; the message says why, to a patient."""


class DiaryBusy(Exception):
    """So many want the same moment that nothing could be decided; the message says to try again."""

    def __init__(self) -> None:
        super().__init__(_("Many people are booking at this moment. Please try again."))


class Outrun(Exception):
    """What was chosen has gone meanwhile; something else may serve as well."""


@dataclass(frozen=True)
class Wish:
    """A time that somebody wants. `visit_type` is a slug or a primary key, `provider` a resource; None is any."""

    visit_type: str | int
    starts_at: datetime
    location: int | None
    provider: int | None
    audience: Audience
    now: datetime
    ignoring: int | None = None


@dataclass(frozen=True)
class Claim:
    """What serves a wish, locked and free until the end of the transaction."""

    plan: Plan
    place: Place
    starts_at: datetime
    assignment: dict[int, int]

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.plan.minutes)

    @property
    def provider(self) -> int | None:
        return self.assignment[self.plan.lead] if self.plan.lead is not None else None

    def allocations(self, appointment: Appointment) -> list[Allocation]:
        return [
            Allocation(
                appointment=appointment,
                resource_id=resource,
                occupied=tuple(self.starts_at + timedelta(minutes=minutes) for minutes in span),
            )
            for need, resource in self.assignment.items()
            for span in self.plan.course.occupied[need]
        ]


def run(work: Callable[[int], T]) -> T:
    """What `work` returns, done in a transaction of its own that is tried again, whole, as often as it makes sense.

    `work` gets the number of times that it was outrun. Raises DiaryBusy and SlotTaken.
    """
    busy = outrun = 0
    while busy < MOST_BUSY and outrun < MOST_LOST:
        try:
            with transaction.atomic(durable=True):
                return work(outrun)
        except Outrun:
            outrun += 1
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in PASSING:
                raise
            busy += 1
        except IntegrityError as error:
            match broken_constraint(error):
                case "allocation_never_twice":
                    raise SlotTaken from error
                case "appointment_reference_once":
                    outrun += 1
                case _:
                    raise
    raise DiaryBusy


def claim(wish: Wish, *, outrun: int = 0) -> Claim:
    """Locks what can serve the wish. Raises SlotTaken, NotOffered, NotBookable, and Outrun to be called again."""
    if not connection.in_atomic_block:
        raise RuntimeError("A time is claimed in the transaction that writes it.")
    if abs(wish.starts_at - wish.now) > FAR:
        raise NotOffered(_("Choose a time from the list: this one is too far away."))
    # Minutes are added to them, which on a clock goes wrong where it jumps.
    wish = replace(wish, starts_at=wish.starts_at.astimezone(UTC), now=wish.now.astimezone(UTC))
    # A day more on both sides: which local day it is depends on the location.
    plan = load_plan(visit_type=wish.visit_type, first=_utc_day(wish.starts_at, -1), days=3, is_to_book=True)
    place, assignment = _choose(plan, wish, outrun)
    claimed = Claim(plan, place, wish.starts_at, assignment)
    _lock(claimed, wish)
    if not _table(plan, wish, is_only=True).allows(assignment, int(wish.starts_at.timestamp()), place):
        raise Outrun
    return claimed


def _choose(plan: Plan, wish: Wish, outrun: int) -> tuple[Place, dict[int, int]]:
    """The best that is free; after having been outrun any, so that many who want the same spread out."""
    start = int(wish.starts_at.timestamp())
    if not outrun and (only := _only_way(plan, wish)):
        return only
    table = _table(plan, wish)
    places = [place for place in plan.places.values() if wish.location in {None, place.pk}]
    ways = [(place, way) for place in places for way in table.assignments(start, place)]
    if ways:
        return secrets.choice(ways) if outrun else ways[0]
    _refuse_what_is_never_offered(plan, wish)
    raise SlotTaken


def _only_way(plan: Plan, wish: Wish) -> tuple[Place, dict[int, int]] | None:
    """Where nothing can be chosen there is nothing to ask before locking."""
    places = [place for place in plan.places.values() if wish.location in {None, place.pk}]
    pools = {**plan.pools}
    if plan.lead is not None and wish.provider in plan.people:
        pools[plan.lead] = [wish.provider]
    if len(places) != 1 or not pools or any(len(pool) != 1 for pool in pools.values()) or plan.has_shared_pools:
        return None
    return places[0], {need: pool[0] for need, pool in pools.items()}


def _table(plan: Plan, wish: Wish, *, is_only: bool = False, is_as_if_empty: bool = False) -> Timetable:
    return timetable(
        plan=plan,
        first=_utc_day(wish.starts_at, -1),
        days=3,
        now=wish.now,
        audience=wish.audience,
        location=wish.location,
        provider=wish.provider,
        ignoring=wish.ignoring,
        only=wish.starts_at if is_only else None,
        is_as_if_empty=is_as_if_empty,
    )


def _utc_day(moment: datetime, days: int) -> date:
    return moment.astimezone(UTC).date() + timedelta(days=days)


def _lock(claimed: Claim, wish: Wish) -> None:
    before, after = claimed.plan.reach
    with connection.cursor() as cursor:
        cursor.execute(
            LOCK,
            {
                "resources": sorted(set(claimed.assignment.values())),
                "begins": claimed.starts_at + timedelta(minutes=before),
                "ends": claimed.starts_at + timedelta(minutes=after),
                "now": wish.now,
                "ignoring": wish.ignoring,
            },
        )
        in_the_way = [appointment for (appointment,) in cursor.fetchall()]
    if in_the_way:
        _release(in_the_way, wish.now)


def _release(run_out: list[int], now: datetime) -> None:
    """Ends what ran out; somebody who is just taking it up again has its row, and is not waited for."""
    found = Appointment.objects.run_out(now).filter(pk__in=run_out).select_for_update(skip_locked=True, of=("self",))
    released = list(found)
    for appointment in released:
        appointment.lapse(now=now)
    if len(released) < len(run_out):
        raise Outrun


def _refuse_what_is_never_offered(plan: Plan, wish: Wish) -> None:
    """Says why nobody could have this time, in the order in which a person would ask."""
    if wish.audience is Audience.PATIENTS and not plan.is_published:
        raise NotOffered(_("This visit cannot be booked online any more."))
    if wish.location is not None and wish.location not in plan.places:
        raise NotOffered(_("This visit is not offered at that location. Choose another one."))
    if wish.provider is not None and wish.provider not in plan.people:
        raise NotOffered(_("That person does not do this visit. Choose another one."))
    if wish.starts_at <= wish.now:
        raise NotOffered(_("That time has passed. Choose a later one."))
    if wish.audience is Audience.PATIENTS:
        _refuse_too_soon_or_too_late(plan, wish)
    start = int(wish.starts_at.timestamp())
    places = [place for place in plan.places.values() if wish.location in {None, place.pk}]
    empty = _table(plan, wish, is_as_if_empty=True)
    if not any(empty.is_on_grid(start, place) for place in places):
        raise NotOffered(_("That is not one of our times. Choose one from the list."))
    if not any(empty.assignments(start, place) for place in places):
        raise NotOffered(_("That time is outside the hours of this visit. Choose another one."))


def _refuse_too_soon_or_too_late(plan: Plan, wish: Wish) -> None:
    if wish.starts_at <= wish.now + plan.notice:
        hours = round(plan.notice / timedelta(hours=1))
        words = ngettext(
            "Choose a time at least %d hour from now, or call us.",
            "Choose a time at least %d hours from now, or call us.",
            hours,
        )
        raise NotOffered(words % hours)
    zones = [place.zone for place in plan.places.values() if wish.location in {None, place.pk}]
    last = {zone: wish.now.astimezone(zone).date() + timedelta(days=plan.horizon_days) for zone in zones}
    if zones and all(wish.starts_at.astimezone(zone).date() > last[zone] for zone in zones):
        raise NotOffered(_("You can book until %(day)s.") % {"day": date_format(max(last.values()), "l, F j")})


def broken_constraint(error: IntegrityError) -> str | None:
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)
