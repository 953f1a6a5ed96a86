"""What the page of free times shows: a fortnight of days with the number of free times each, and one day's times."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from appointments.availability import Person, Place, Plan, Timetable, timetable
from appointments.offered_times import OfferedTime, each_start_once, offered
from appointments.zones import zone_name

ONE_DAY = timedelta(days=1)
PAGE = 14  # days
# Four pages: what is read at once, of at most 62 days.
WINDOW = 4 * PAGE
NOON, EVENING = 12, 17


@dataclass(frozen=True)
class Bounds:
    """The days, on the calendar of the places, for which patients can book."""

    today: date
    last: date

    @classmethod
    def of(cls, plan: Plan, now: datetime) -> "Bounds":
        here = [now.astimezone(place.zone).date() for place in plan.places.values()] or [now.date()]
        return cls(min(here), max(here) + timedelta(days=plan.horizon_days))


@dataclass(frozen=True)
class Wish:
    """What somebody has chosen so far; None is any. `first` begins a page of days without choosing one."""

    place: Place | None = None
    person: Person | None = None
    day: date | None = None
    first: date | None = None
    # The code of the mailing that led here; `from` is the first day in these addresses.
    came_from: str = ""

    @property
    def location_pk(self) -> int | None:
        return self.place.pk if self.place else None

    @property
    def provider_pk(self) -> int | None:
        return self.person.pk if self.person else None

    @property
    def query(self) -> str:
        """“?location=southpark&day=2026-12-01”, for an address."""
        chosen = {
            "location": self.place.slug if self.place else "",
            "provider": self.person.slug if self.person else "",
            "day": self.day.isoformat() if self.day else "",
            "from": self.first.isoformat() if self.first else "",
            "came_from": self.came_from,
        }
        return "?" + urlencode({name: value for name, value in chosen.items() if value})


@dataclass(frozen=True)
class Option:
    """A link that chooses something else; `count` is the number of free times of a day."""

    name: str
    query: str
    is_chosen: bool


@dataclass(frozen=True)
class Day:
    date: date
    count: int
    is_open: bool
    is_chosen: bool
    query: str


@dataclass(frozen=True)
class Part:
    """Morning, afternoon or evening, on the clock of each place."""

    name: str
    times: list[OfferedTime]


@dataclass(frozen=True)
class Choosing:
    """`counts` holds the days that have free times, as far as they were read; `chosen` may be a day without any."""

    plan: Plan
    wish: Wish
    bounds: Bounds
    table: Timetable
    chosen: date | None
    # The nearest days with free times before and after what was asked for, when that has none.
    nearby: list[Day] = field(default_factory=list)

    @classmethod
    def at(cls, plan: Plan, wish: Wish, *, now: datetime, ignoring: int | None = None) -> "Choosing":
        """Reads the timetable once; again only while it looks for a day with free times.

        `ignoring` is the primary key of an appointment that is to be moved: it does not stand in its own way.
        """
        reading = _Reading(plan, wish, Bounds.of(plan, now), now, ignoring)
        return reading.of_anything() if wish.day is None and wish.first is None else reading.of_what_was_asked()

    @property
    def first(self) -> date:
        return _page_start(self.bounds, self.chosen or self.wish.first or self.bounds.today)

    @property
    def last(self) -> date:
        return min(self.first + timedelta(days=PAGE - 1), self.bounds.last)

    @property
    def is_empty(self) -> bool:
        """Nothing is free on any day that can be booked."""
        return not self.count and not self.nearby and not any(day.count for day in self.days)

    @cached_property
    def days(self) -> list[Day]:
        counts = self.table.counts()
        shown = (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))
        return [_day(self.wish, day, counts.get(day, 0), self.table.is_open(day), self.chosen) for day in shown]

    @property
    def earlier(self) -> str:
        """The address of the page before, or ""."""
        return self._page(-PAGE) if self.first > self.bounds.today else ""

    @property
    def later(self) -> str:
        return self._page(PAGE) if self.last < self.bounds.last else ""

    def _page(self, days: int) -> str:
        return replace(self.wish, day=None, first=self.first + timedelta(days=days)).query

    @cached_property
    def times(self) -> list[OfferedTime]:
        """Those of the chosen day, each start once: with whom, only a person who was chosen says."""
        return offered(self.plan, each_start_once(self.table.on(self.chosen)), naming=False) if self.chosen else []

    @property
    def count(self) -> int:
        return len(self.times)

    @property
    def parts(self) -> list[Part]:
        parts = groupby(self.times, key=lambda time: (time.clock.hour >= NOON) + (time.clock.hour >= EVENING))
        names = [_("Morning"), _("Afternoon"), _("Evening")]
        return [Part(names[number], list(times)) for number, times in parts]

    @property
    def names_places(self) -> bool:
        """Whether each time has to say where it is."""
        return self.wish.place is None and len(self.plan.places) > 1

    @property
    def places(self) -> list[Place]:
        """Where the shown times are; each has a form of its own, because a button can send one value only."""
        return [place for place in self.plan.places.values() if any(time.place == place for time in self.times)]

    @property
    def zones(self) -> list[str]:
        """“Eastern Time (Charlotte)”, once for each clock."""
        shown = [self.wish.place] if self.wish.place else self.places or list(self.plan.places.values())
        cities = {place.zone.key: f"{zone_name(place.zone)} ({place.location.city})" for place in reversed(shown)}
        return list(reversed(cities.values()))

    @property
    def place_options(self) -> list[Option]:
        """None where there is nothing to choose."""
        if len(self.plan.places) < 2:
            return []
        any_place = Option(_("Any location"), self._again(place=None), self.wish.place is None)
        return [any_place] + [
            Option(place.name, self._again(place=place), place == self.wish.place)
            for place in self.plan.places.values()
        ]

    @property
    def person_options(self) -> list[Option]:
        if len(self.plan.people) < 2:
            return []
        anybody = Option(_("Whoever is free first"), self._again(person=None), self.wish.person is None)
        return [anybody] + [
            Option(person.name, self._again(person=person), person == self.wish.person)
            for person in self.plan.people.values()
        ]

    def _again(self, **other: Place | Person | None) -> str:
        """The same day with another place or person."""
        return replace(self.wish, day=self.wish.day and self.chosen, **other).query  # type: ignore[arg-type] # names of its fields

    @property
    def without_place(self) -> str:
        return self._again(place=None)

    @property
    def without_person(self) -> str:
        return self._again(person=None)


class _Reading:
    """Looks for days with free times, a window of days at a time."""

    def __init__(self, plan: Plan, wish: Wish, bounds: Bounds, now: datetime, ignoring: int | None) -> None:
        self.plan, self.wish, self.bounds, self.now, self.ignoring = plan, wish, bounds, now, ignoring

    def of_anything(self) -> Choosing:
        """The first day with free times, whenever that is."""
        for table in self._tables(self.bounds.today):
            if free := _free_days(table):
                return Choosing(self.plan, self.wish, self.bounds, table, free[0])
        return Choosing(self.plan, self.wish, self.bounds, next(self._tables(self.bounds.today)), None)

    def of_what_was_asked(self) -> Choosing:
        """The day that was asked for, or the first with free times of the page that was."""
        asked = self.wish.day or self.wish.first or self.bounds.today
        page = _page_start(self.bounds, asked)
        table = next(self._tables(page))
        free = _free_days(table)
        chosen = self.wish.day or next((day for day in free if day < page + timedelta(days=PAGE)), None)
        if chosen in free:
            return Choosing(self.plan, self.wish, self.bounds, table, chosen)
        later = next((day for day in free if day > asked), None) or self._first_free(page + timedelta(days=WINDOW))
        earlier = max((day for day in free if day < asked), default=None) or self._last_free_before(page)
        nearby = [self._named(day) for day in (earlier, later) if day]
        return Choosing(self.plan, self.wish, self.bounds, table, chosen, nearby)

    def _tables(self, first: date) -> Iterator[Timetable]:
        """From `first` on, at least one."""
        while True:
            yield self._table(first, min(WINDOW, max(1, (self.bounds.last - first).days + 1)))
            first += timedelta(days=WINDOW)
            if first > self.bounds.last:
                return

    def _table(self, first: date, days: int) -> Timetable:
        return timetable(
            plan=self.plan,
            first=first,
            days=days,
            now=self.now,
            location=self.wish.location_pk,
            provider=self.wish.provider_pk,
            ignoring=self.ignoring,
        )

    def _first_free(self, first: date) -> date | None:
        if first > self.bounds.last:
            return None
        return next((free[0] for table in self._tables(first) if (free := _free_days(table))), None)

    def _last_free_before(self, page: date) -> date | None:
        while page > self.bounds.today:
            first = max(self.bounds.today, page - timedelta(days=WINDOW))
            if free := _free_days(self._table(first, (page - first).days)):
                return free[-1]
            page = first
        return None

    def _named(self, day: date) -> Day:
        return _day(self.wish, day, 0, True, None)


def _day(wish: Wish, day: date, count: int, is_open: bool, chosen: date | None) -> Day:
    return Day(day, count, is_open, day == chosen, replace(wish, day=day, first=None).query)


def _free_days(table: Timetable) -> list[date]:
    return [day for day, count in sorted(table.counts().items()) if count]


def _page_start(bounds: Bounds, day: date) -> date:
    return day - timedelta(days=(day - bounds.today).days % PAGE)
