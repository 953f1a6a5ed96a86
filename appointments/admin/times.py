"""Free times to choose from at the desk: a strip of days with how many each has, and the times of one day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from appointments.admin import clocks
from appointments.availability import Audience, FreeTime, Place, Plan, Timetable, load_plan, timetable
from appointments.models import Resource
from appointments.nearest import nearest_times, plan_around
from appointments.zones import zone_name

STRIP = 14  # days side by side
FURTHER = 62  # days in which the next free one is looked for when the strip has none
FARTHEST = 800  # days from today


def people() -> QuerySet[Resource]:
    """The providers who can be booked, in the practice's order."""
    return Resource.objects.in_use().filter(kind=Resource.Kind.PROVIDER)


class NoSuchTime(ValueError):
    """What came back is not one of the times that were shown."""


@dataclass(frozen=True)
class Chosen:
    """A start with the place and the person that go with it, as a form carries it; None is anybody."""

    starts_at: datetime
    location: int
    provider: int | None

    @classmethod
    def read(cls, code: str) -> "Chosen":
        """Raises NoSuchTime."""
        try:
            written, location, provider = code.split("~")
            starts_at = datetime.fromisoformat(written)
            if starts_at.tzinfo is None:
                raise NoSuchTime(code)
            # Refuses the ends of the calendar, where another zone has no such day.
            starts_at.astimezone(UTC) - timedelta(days=2), starts_at + timedelta(days=FARTHEST)
            return cls(starts_at, int(location), int(provider) if provider else None)
        except (ValueError, OverflowError):
            raise NoSuchTime(code) from None

    @property
    def code(self) -> str:
        return f"{self.starts_at.isoformat()}~{self.location}~{self.provider or ''}"


@dataclass(frozen=True)
class Wish:
    """What the desk narrows the times to; numbers are primary keys, the provider's that of the resource."""

    first: date | None = None
    day: date | None = None
    location: int | None = None
    provider: int | None = None
    chosen: Chosen | None = None
    ignoring: int | None = None


@dataclass(frozen=True)
class Tab:
    day: date
    count: int
    is_open: bool
    is_chosen: bool


@dataclass(frozen=True)
class Chip:
    code: str
    clock: str
    is_chosen: bool
    # Where one stands alone: its day, person and place.
    words: str = ""


@dataclass(frozen=True)
class Row:
    """The times at one place, of one person or of whoever is free."""

    person: str
    place: str
    zone: str
    chips: list[Chip]


@dataclass(frozen=True)
class Board:
    plan: Plan
    day: date
    first: date
    tabs: list[Tab]
    rows: list[Row]
    earlier: date | None
    later: date
    # When none of the days shown has a time: the first that has.
    next_free: date | None

    @property
    def month(self) -> str:
        last = self.tabs[-1].day
        names = dict.fromkeys(date_format(day, "F Y") for day in (self.first, last))
        return " – ".join(names)


def board(*, visit_type: int, wish: Wish, now: datetime) -> Board:
    """Raises NotBookable. Two queries, and two more when no day of the strip has a time."""
    today = timezone.localdate(now)
    first = _within(wish.first or wish.day or today, today)
    if wish.day and not wish.first and wish.day < first + timedelta(days=STRIP):
        first = min(first, _within(wish.day, today))
    plan = load_plan(visit_type=visit_type, first=first, days=STRIP)
    shown = _free(plan, wish, first, STRIP, now)
    counts = shown.counts()
    with_times = [day for day, count in counts.items() if count]
    day = wish.day if wish.day in counts else next(iter(with_times), first)
    earlier = max(first - timedelta(days=STRIP), today)
    later = first + timedelta(days=STRIP)
    return Board(
        plan=plan,
        day=day,
        first=first,
        tabs=[Tab(each, count, shown.is_open(each), each == day) for each, count in counts.items()],
        rows=_rows(plan, shown.on(day), wish),
        earlier=earlier if earlier < first else None,
        later=later,
        next_free=None if with_times else _next_free(visit_type, later, wish, now),
    )


def nearest(*, visit_type: int, lost: Chosen, now: datetime, ignoring: int | None = None) -> list[Chip]:
    """The free times around one that was lost, in order: with the same person, and with others."""
    plan = plan_around(visit_type, lost.starts_at)
    near = nearest_times(
        plan,
        lost.starts_at,
        now=now,
        location=lost.location,
        provider=lost.provider,
        audience=Audience.STAFF,
        ignoring=ignoring,
    )
    times = sorted(near.same + near.others, key=lambda time: (time.starts_at, time.location, time.provider or 0))
    return [_lone_chip(plan, time) for time in times]


def _within(day: date, today: date) -> date:
    return min(max(day, today), today + timedelta(days=FARTHEST))


def _free(plan: Plan, wish: Wish, first: date, days: int, now: datetime) -> Timetable:
    """A place or a person that this visit does not have would leave no time at all: then it is any."""
    return timetable(
        plan=plan,
        first=first,
        days=days,
        now=now,
        audience=Audience.STAFF,
        location=wish.location if wish.location in plan.places else None,
        provider=wish.provider if wish.provider in plan.people else None,
        ignoring=wish.ignoring,
    )


def _next_free(visit_type: int, first: date, wish: Wish, now: datetime) -> date | None:
    plan = load_plan(visit_type=visit_type, first=first, days=FURTHER)
    times = _free(plan, wish, first, FURTHER, now).times
    return times[0].starts_at.date() if times else None


def _rows(plan: Plan, times: Iterable[FreeTime], wish: Wish) -> list[Row]:
    """With anybody, each start of a place once: who is free then, the diary decides when it books."""
    is_anybody = wish.provider not in plan.people
    by_place: dict[int, dict[str, Chip]] = {}
    for time in times:
        mine = Chosen(time.starts_at, time.location, None if is_anybody else time.provider)
        chip = Chip(mine.code, clocks.clock(time.starts_at), mine == wish.chosen)
        by_place.setdefault(time.location, {}).setdefault(chip.code, chip)
    person = "" if is_anybody or wish.provider is None else plan.people[wish.provider].name
    return [
        Row(person, place.name, _zone(place), list(by_place[place.pk].values()))
        for place in plan.places.values()
        if place.pk in by_place
    ]


def _lone_chip(plan: Plan, time: FreeTime) -> Chip:
    person = plan.people[time.provider].name if time.provider in plan.people else ""
    clock, place = clocks.clock(time.starts_at), plan.places[time.location].name
    words = ", ".join(filter(None, [date_format(time.starts_at, "D, M j"), clock, person, place]))
    return Chip(Chosen(time.starts_at, time.location, time.provider).code, clock, False, words)


def _zone(place: Place) -> str:
    """In words, where the clock is not the practice's own."""
    return "" if place.zone.key == timezone.get_current_timezone_name() else zone_name(place.zone)
