"""What decides when a visit type can be booked, except what is taken already."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from itertools import combinations
from zoneinfo import ZoneInfo

from appointments.availability.wall_clock import day_start, instant
from appointments.models import BookingRules, Course, Resource
from clinic.models import Location

ONE_DAY = timedelta(days=1)


class NotBookable(Exception):
    """There is no such visit type, or patients cannot book it any more; the message is for them."""


@dataclass(frozen=True)
class Place:
    pk: int
    slug: str
    name: str
    zone: ZoneInfo
    address: str
    location: Location = field(repr=False, compare=False)


@dataclass(frozen=True)
class Person:
    """A provider as one of the people who can be chosen; `pk` is the resource's, `slug` the provider's."""

    pk: int
    slug: str
    name: str
    resource: Resource = field(repr=False, compare=False)


@dataclass(frozen=True)
class Hours:
    """One weekly span on the wall clock."""

    weekday: int
    opens: time
    closes: time
    valid_from: date | None = None
    valid_until: date | None = None

    def holds_on(self, day: date) -> bool:
        begun = self.valid_from is None or self.valid_from <= day
        return day.weekday() == self.weekday and begun and (self.valid_until is None or day <= self.valid_until)


@dataclass(frozen=True)
class Exceptional:
    """Days that are closed or open extra; None is everybody, everywhere, all day."""

    is_open: bool
    resource: int | None
    place: int | None
    starts_on: date
    ends_on: date
    opens: time | None = None
    closes: time | None = None

    def spans(self, zone: ZoneInfo, first: date, last: date) -> Iterator[tuple[int, int]]:
        first, last = max(first, self.starts_on), min(last, self.ends_on)
        if last < first:
            return
        if self.opens is None or self.closes is None:
            yield day_start(first, zone), day_start(last + ONE_DAY, zone)
            return
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            yield instant(day, self.opens, zone), instant(day, self.closes, zone, is_end=True)


@dataclass(frozen=True)
class Plan:
    """A visit type with its pools and everybody's hours; dates of exceptions reach from `first` to `last`."""

    visit_type_pk: int
    slug: str
    name: str
    step_minutes: int
    notice: timedelta
    horizon_days: int
    is_published: bool
    is_confirmed_by_staff: bool
    course: Course
    # In the order of the visit type; needs that occupy nothing are left out.
    pools: dict[int, list[int]]
    lead: int | None
    people: dict[int, Person]
    places: dict[int, Place]
    first: date
    last: date
    # By resource and place: where each can be at all, and its own week, or the location's.
    weeks: dict[tuple[int, int], list[Hours]]
    follows_location: frozenset[int]
    # By place: its opening hours.
    opening: dict[int, list[Hours]]
    exceptions: list[Exceptional] = field(default_factory=list)
    rules: BookingRules = field(default_factory=BookingRules)

    @property
    def minutes(self) -> int:
        return self.course.minutes

    @property
    def reach(self) -> tuple[int, int]:
        """From the earliest to the latest minute that anything is occupied, counted from the start."""
        spans = [span for occupied in self.course.occupied.values() for span in occupied]
        return min((opens for opens, _closes in spans), default=0), max((closes for _o, closes in spans), default=0)

    @cached_property
    def has_shared_pools(self) -> bool:
        """Whether two needs of one moment could want the same resource."""
        return any(
            set(self.pools[one]) & set(self.pools[other]) and self.meet(one, other)
            for one, other in combinations(self.pools, 2)
        )

    def meet(self, one: int, other: int) -> bool:
        """Whether two needs occupy what they take at the same time at any point."""
        mine, theirs = self.course.occupied[one], self.course.occupied[other]
        return any(a < d and c < b for a, b in mine for c, d in theirs)

    def is_open(self, place: Place, day: date) -> bool:
        """Whether the location itself is open at some time of a local day."""
        closed = any(
            not other.is_open
            and other.resource is None
            and other.place in {None, place.pk}
            and other.opens is None
            and other.starts_on <= day <= other.ends_on
            for other in self.exceptions
        )
        return not closed and any(hours.holds_on(day) for hours in self.opening.get(place.pk, []))

    def open_spans(self, resource: int, place: Place, first: date, last: date) -> Iterator[tuple[int, int]]:
        """When somebody or something can be there at all, as instants; `first` and `last` are local days."""
        if (resource, place.pk) not in self.weeks:
            week: list[Hours] = []
        else:
            week = self.weeks[resource, place.pk]
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            for hours in week:
                if hours.holds_on(day):
                    opens = instant(day, hours.opens, place.zone)
                    yield opens, instant(day, hours.closes, place.zone, is_end=True)
        follows = resource in self.follows_location and (resource, place.pk) in self.weeks
        for extra in self.exceptions:
            mine = extra.resource == resource or (extra.resource is None and follows)
            if extra.is_open and extra.place == place.pk and mine:
                yield from extra.spans(place.zone, first, last)

    def closed_spans(self, resource: int, place: Place, first: date, last: date) -> Iterator[tuple[int, int]]:
        """When it is closed whatever the hours say."""
        for closed in self.exceptions:
            if not closed.is_open and closed.resource in {None, resource} and closed.place in {None, place.pk}:
                yield from closed.spans(place.zone, first, last)
