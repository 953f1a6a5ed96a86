"""When a visit can begin: the one function that the pages, the JSON, the desk and the booking itself ask."""

import enum
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from appointments.availability import free
from appointments.availability.plan import Place, Plan
from appointments.availability.wall_clock import day_start, grid

Spans = list[tuple[int, int]]


class Audience(enum.Enum):
    """For whom: notice, horizon and whether it is on the site concern patients alone."""

    PATIENTS = "patients"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A start that can be booked; aware, on the location's clock. `provider` is the resource of the chosen person."""

    starts_at: datetime
    ends_at: datetime
    location: int
    provider: int | None


@dataclass(frozen=True)
class Timetable:
    """What is free of a plan. `serves` holds, by need and place, the starts (first, last) that each resource serves."""

    plan: Plan
    first: date
    days: int
    earliest: int
    # By place: a horizon ends with its local day.
    latest: dict[int, int]
    location: int | None
    provider: int | None
    serves: dict[tuple[int, int], dict[int, Spans]]
    open_days: frozenset[date]

    @cached_property
    def times(self) -> list[FreeTime]:
        """In order of start, place and person; one for each of the three."""
        length = self.plan.minutes * 60
        places, people = list(self.plan.places), list(self.plan.people)
        found = [
            (start, places.index(place.pk), people.index(person) if person else -1, place, person)
            for place in self._places()
            for start, person in self._starts(place)
        ]
        found.sort(key=lambda line: line[:3])
        return [
            FreeTime(
                datetime.fromtimestamp(start, place.zone),
                datetime.fromtimestamp(start + length, place.zone),
                place.pk,
                person,
            )
            for start, _place, _person, place, person in found
        ]

    def on(self, day: date) -> list[FreeTime]:
        return [time for time in self.times if time.starts_at.date() == day]

    @cached_property
    def _counted(self) -> Counter[date]:
        begins = {(time.starts_at.date(), time.starts_at.timestamp()) for time in self.times}
        return Counter(day for day, _start in begins)

    def counts(self) -> dict[date, int]:
        """For each day how many different starts there are."""
        return {day: self._counted[day] for day in (self.first + timedelta(days=n) for n in range(self.days))}

    def is_open(self, day: date) -> bool:
        """Whether the location is open that day, or somebody is there for this visit."""
        return day in self.open_days

    def offers(self, starts_at: datetime) -> bool:
        """Whether this very instant can be booked."""
        return any(self.assignments(int(starts_at.timestamp()), place) for place in self._places())

    def is_on_grid(self, start: int, place: Place) -> bool:
        return start in self._grid(place)

    def allows(self, assignment: dict[int, int], start: int, place: Place) -> bool:
        """Whether these very resources, need to resource, can serve a start that is on the grid."""
        return start in self._grid(place) and all(
            any(first <= start <= last for first, last in self._pool(need, place).get(resource, []))
            for need, resource in assignment.items()
        )

    def assignments(self, start: int, place: Place) -> list[dict[int, int]]:
        """Ways to serve a start that is on the grid, need to resource: the one that leaves the fewest gaps first.

        One for each person who could be chosen; the rest of it is the tightest that goes with them.
        """
        if start not in self._grid(place):
            return []
        ranked = {need: self._ranked(need, place, start) for need in self.plan.pools}
        if self.plan.lead is None:
            found = [_matched(self.plan, ranked)]
        else:
            people = ranked[self.plan.lead]
            found = [_matched(self.plan, {**ranked, self.plan.lead: [person]}) for person in people]
        return [assignment for assignment in found if assignment]

    def _places(self) -> list[Place]:
        return [place for place in self.plan.places.values() if self.location in {None, place.pk}]

    def _grid(self, place: Place) -> list[int]:
        days = [self.first + timedelta(days=number) for number in range(self.days)]
        marks = [mark for day in days for mark in grid(day, self.plan.step_minutes, place.zone)]
        return marks[bisect_left(marks, self.earliest) : bisect_right(marks, self.latest[place.pk])]

    def _pool(self, need: int, place: Place) -> dict[int, Spans]:
        if self.provider not in {None, *self.plan.people}:
            return {}
        pool = self.serves.get((need, place.pk), {})
        if need == self.plan.lead and self.provider is not None:
            return {self.provider: pool[self.provider]} if self.provider in pool else {}
        return pool

    def _ranked(self, need: int, place: Place, start: int) -> list[int]:
        """Who serves this start, from the one with the least room around it."""
        room = {
            resource: last - first
            for resource, spans in self._pool(need, place).items()
            for first, last in spans
            if first <= start <= last
        }
        order = self.plan.pools[need].index
        return sorted(room, key=lambda resource: (room[resource], order(resource)))

    def _starts(self, place: Place) -> Iterator[tuple[int, int | None]]:
        if not self.plan.pools:
            return
        marks = self._grid(place)
        served = {need: _marked(self._pool(need, place), marks) for need in self.plan.pools}
        others = [need for need in served if need != self.plan.lead]
        common = set(marks).intersection(*(set().union(*served[need].values()) for need in others))
        lead = served[self.plan.lead] if self.plan.lead is not None else {None: common}
        for person, starts in lead.items():
            for start in starts & common:
                if not self.plan.has_shared_pools or self._can_be_matched(served, person, start):
                    yield start, person

    def _can_be_matched(self, served: dict[int, dict[int, set[int]]], person: int | None, start: int) -> bool:
        able = {need: [r for r, starts in pool.items() if start in starts] for need, pool in served.items()}
        if person is not None and self.plan.lead is not None:
            able[self.plan.lead] = [person]
        return _matched(self.plan, able) is not None


def _marked(pool: dict[int, Spans], marks: list[int]) -> dict[int, set[int]]:
    return {
        resource: {
            mark for first, last in spans for mark in marks[bisect_left(marks, first) : bisect_right(marks, last)]
        }
        for resource, spans in pool.items()
    }


def _matched(plan: Plan, able: dict[int, list[int]]) -> dict[int, int] | None:
    """One resource for each need, none for two needs of the same moment; None when there is no way."""
    needs = sorted(able, key=lambda need: len(able[need]))

    def match(number: int, taken: dict[int, int]) -> dict[int, int] | None:
        if number == len(needs):
            return taken
        need = needs[number]
        rivals = {taken[other] for other in taken if plan.meet(need, other)}
        for resource in able[need]:
            if resource not in rivals and (found := match(number + 1, {**taken, need: resource})):
                return found
        return None

    return match(0, {}) if needs else None


def timetable(
    *,
    plan: Plan,
    first: date,
    days: int,
    now: datetime,
    audience: Audience = Audience.PATIENTS,
    location: int | None = None,
    provider: int | None = None,
    ignoring: int | None = None,
    only: datetime | None = None,
    is_as_if_empty: bool = False,
) -> Timetable:
    """What is free on `days` local days from `first` on, in one query whatever the history's size.

    `location` and `provider` (a resource) narrow it, and `only` to one instant; `ignoring` is the appointment that
    may be overlapped, because it is being moved. `is_as_if_empty` asks what the hours alone would allow. The plan has
    to have been loaded for these days.
    """
    places = [place for place in plan.places.values() if location in {None, place.pk}]
    earliest, latest = _bounds(plan, places, first, days, now, audience)
    if only is not None:
        start = int(only.timestamp())
        earliest, latest = max(earliest, start), {place: min(last, start) for place, last in latest.items()}
    given = free.hours(plan, places, first, days)
    serves: dict[tuple[int, int], dict[int, Spans]] = defaultdict(lambda: defaultdict(list))
    last = max(latest.values(), default=earliest - 1)
    if plan.pools and earliest <= last:
        for need, place, resource, begin, end in free.read(plan, given, earliest, last, now, ignoring, is_as_if_empty):
            serves[need, place][resource].append((begin, end))
    return Timetable(
        plan=plan,
        first=first,
        days=days,
        earliest=earliest,
        latest=latest,
        location=location,
        provider=provider,
        serves=serves,
        open_days=frozenset(free.open_days(plan, given, places, first, days)),
    )


def _bounds(
    plan: Plan, places: list[Place], first: date, days: int, now: datetime, audience: Audience
) -> tuple[int, dict[int, int]]:
    """The first second at which a visit may begin, and by place the last one."""
    earliest = min((day_start(first, place.zone) for place in places), default=0)
    latest = {place.pk: day_start(first + timedelta(days=days), place.zone) - 1 for place in places}
    if audience is Audience.STAFF:
        return max(earliest, int(now.timestamp())), latest
    if not plan.is_published:
        return earliest, dict.fromkeys(latest, earliest - 1)
    for place in places:
        beyond = now.astimezone(place.zone).date() + timedelta(days=plan.horizon_days + 1)
        latest[place.pk] = min(latest[place.pk], day_start(beyond, place.zone) - 1)
    # Added to an instant: on a clock, a day of notice would have 23 or 25 hours now and then.
    return max(earliest, int((now.astimezone(UTC) + plan.notice).timestamp()) + 1), latest
