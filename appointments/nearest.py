"""What is still free around a time that somebody else has got."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from appointments.availability import Audience, FreeTime, Person, Place, Plan, Timetable, load_plan, timetable
from appointments.offered_times import OfferedTime, each_start_once, offered

WANTED = 3
AROUND = 7  # days before and after
FURTHER = 60  # days, of at most 62 that a timetable reads


@dataclass(frozen=True)
class Nearest:
    """`same` are with the wanted person, at the wanted place, `others` with or at any other; both in order of time."""

    plan: Plan
    same: list[FreeTime]
    others: list[FreeTime]
    # What was wanted, where there is more than one to choose from.
    person: Person | None
    place: Place | None

    @property
    def is_narrowed(self) -> bool:
        """Whether there are others at all."""
        return self.person is not None or self.place is not None

    @property
    def same_offered(self) -> list[OfferedTime]:
        return offered(self.plan, self.same, naming=True)

    @property
    def others_offered(self) -> list[OfferedTime]:
        return offered(self.plan, self.others, naming=True)


def plan_around(visit_type: str | int, wanted: datetime) -> Plan:
    """A plan that reaches as far as `nearest_times` looks. Raises NotBookable."""
    first = _first_day(wanted)
    return load_plan(visit_type=visit_type, first=first, days=FURTHER)


def nearest_times(
    plan: Plan,
    wanted: datetime,
    *,
    now: datetime,
    location: int | None,
    provider: int | None,
    audience: Audience = Audience.PATIENTS,
    ignoring: int | None = None,
) -> Nearest:
    """The free times nearest to `wanted`, an aware datetime: three each, or as many as there are in the plan's days.

    `provider` is a resource's primary key, `ignoring` an appointment that is being moved. Reads the timetable once,
    and once more when the days around do not hold enough. Raises NotBookable.
    """

    def read(first: date, last: date) -> Nearest:
        # The plan reads a day more on both ends than it was asked for.
        first, last = max(first, plan.first + timedelta(days=1)), min(last, plan.last - timedelta(days=1))
        table = timetable(
            plan=plan, first=first, days=max(1, (last - first).days + 1), now=now, audience=audience, ignoring=ignoring
        )
        return _nearest(plan, table, wanted, location, provider)

    around = _first_day(wanted)
    near = read(around, around + timedelta(days=2 * AROUND))
    if len(near.same) == WANTED and (len(near.others) == WANTED or not near.is_narrowed):
        return near
    return read(around, around + timedelta(days=FURTHER))


def _first_day(wanted: datetime) -> date:
    return wanted.astimezone(UTC).date() - timedelta(days=AROUND)


def _nearest(plan: Plan, table: Timetable, wanted: datetime, location: int | None, provider: int | None) -> Nearest:
    def is_same(free: FreeTime) -> bool:
        return location in {None, free.location} and provider in {None, free.provider}

    same = [free for free in table.times if is_same(free)]
    # Of those at the same moment, the one that changes less: another person at the wanted place.
    others = sorted(
        (free for free in table.times if not is_same(free)),
        key=lambda free: (free.starts_at, free.location != location),
    )
    return Nearest(
        plan=plan,
        same=_closest(each_start_once(same), wanted),
        others=_closest(each_start_once(others), wanted),
        person=plan.people.get(provider or 0) if len(plan.people) > 1 else None,
        place=plan.places.get(location or 0) if len(plan.places) > 1 else None,
    )


def _closest(times: list[FreeTime], wanted: datetime) -> list[FreeTime]:
    closest = sorted(times, key=lambda free: abs(free.starts_at - wanted))[:WANTED]
    return sorted(closest, key=lambda free: free.starts_at)
