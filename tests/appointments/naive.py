"""A diary kept with a pencil, minute by minute: no ranges, no SQL, slow, and plain enough to be believed.

A minute is a whole number, counted from 1970 in UTC; what a clock on the wall shows is in minutes from midnight.
Houses, resources, visits and needs go by whatever keys the caller uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo


def minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def moment(minute: int, zone: Any = UTC) -> datetime:
    return datetime.fromtimestamp(minute * 60, zone)


def on_clock(clock: time) -> int:
    return clock.hour * 60 + clock.minute


@lru_cache(maxsize=512)
def passing(day: date, zone: ZoneInfo) -> list[tuple[int, int]]:
    """Every minute of a local day in the order in which it passes, with what the clock shows then."""
    noon = minute(datetime.combine(day, time(12), UTC))
    walk = ((m, moment(m, zone)) for m in range(noon - 40 * 60, noon + 40 * 60))
    return [(m, on_clock(local.time())) for m, local in walk if local.date() == day]


@lru_cache(maxsize=8192)
def shown(day: date, opens: int, closes: int, zone: ZoneInfo) -> frozenset[int]:
    """From the first minute that the clock shows `opens` to the last minute before it would show `closes`.

    A time that the clock jumps over is the moment at which it jumps.
    """
    last = [m for m, wall in passing(day, zone) if wall == closes - 1]
    return frozenset(range(_shows(day, opens, zone)[0], last[-1] + 1 if last else _shows(day, closes, zone)[0]))


def _shows(day: date, clock: int, zone: ZoneInfo) -> list[int]:
    times = [m for m, wall in passing(day, zone) if wall == clock]
    jump = [m for m, wall in passing(day, zone) if wall > clock][:1]
    return times or jump or [passing(day, zone)[-1][0] + 1]


@dataclass
class Hours:
    house: Any
    weekday: int
    opens: int
    closes: int
    valid_from: date = date.min
    valid_until: date = date.max


@dataclass
class Other:
    """Days that differ. None is everybody, everywhere, all day."""

    is_open: bool
    resource: Any
    house: Any
    first: date
    last: date
    opens: int | None = None
    closes: int | None = None


@dataclass
class Visit:
    """`parts` are (minutes, whether the patient is there, needs); `pools` are in order, need to resources."""

    houses: list[Any]
    parts: list[tuple[int, bool, list[Any]]]
    pools: dict[Any, list[Any]]
    step: int = 15
    before: int = 0
    after: int = 0
    notice_hours: int = 0
    horizon_days: int = 60
    is_published: bool = True
    is_confirmed_by_staff: bool = False

    @property
    def minutes(self) -> int:
        """From when the patient comes until they go."""
        told = [number for number, (_length, is_told, _needs) in enumerate(self.parts) if is_told]
        return sum(length for length, _told, _needs in self.parts[told[0] : told[-1] + 1])

    @cached_property
    def occupied(self) -> dict[Any, set[int]]:
        """The minutes for which each need is taken, counted from when the patient comes."""
        taken: dict[Any, set[int]] = {need: set() for need in self.pools}
        clock, patient_comes = 0, None
        for number, (length, is_told, needs) in enumerate(self.parts):
            if is_told and patient_comes is None:
                patient_comes = clock
            early = self.before if number == 0 else 0
            late = self.after if number == len(self.parts) - 1 else 0
            for need in needs:
                taken[need] |= set(range(clock - early, clock + length + late))
            clock += length
        return {need: {m - patient_comes for m in minutes} for need, minutes in taken.items() if minutes}


@dataclass
class Booked:
    """`taken` are (resource, minute); `changes` are (from, to)."""

    visit: Any
    start: int = 0
    minutes: int = 0
    house: Any = None
    provider: Any = None
    status: str = "held"
    taken: set[tuple[Any, int]] = field(default_factory=set)
    expires: int | None = None
    times_kept: int = 0
    has_patient: bool = True
    changes: list[tuple[str, str]] = field(default_factory=list)

    def has_run_out(self, now: int) -> bool:
        return self.expires is not None and self.expires <= now

    def blocks(self, now: int) -> bool:
        return self.status in {"held", "requested", "confirmed"} and not self.has_run_out(now)

    def becomes(self, status: str, expires: int | None = None) -> None:
        self.changes.append((self.status, status))
        self.status, self.expires = status, expires


@dataclass
class Diary:
    """`days` are all local days that anything is asked about; who asks leaves two more on both sides."""

    days: list[date]
    zones: dict[Any, ZoneInfo]
    opening: dict[Any, list[tuple[int, int, int]]]  # weekday, opens, closes
    stands_in: dict[Any, set[Any]]  # of a room its house, of a person all of theirs
    people: set[Any]
    hours: dict[Any, list[Hours]] = field(default_factory=dict)
    others: dict[Any, Other] = field(default_factory=dict)
    visits: dict[Any, Visit] = field(default_factory=dict)
    booked: dict[Any, Booked] = field(default_factory=dict)
    not_in_use: dict[str, set[Any]] = field(default_factory=lambda: {"house": set(), "resource": set()})
    # Worked out before; emptied by whoever changes hours.
    known: dict[Any, set[int]] = field(default_factory=dict)

    def working(self, resource: Any, house: Any) -> set[int]:
        """The minutes at which somebody or something is there, whatever is booked."""
        if (resource, house) not in self.known:
            minutes = (self._open(resource, house, day) - self._closed(resource, house, day) for day in self.days)
            self.known[resource, house] = set().union(*minutes)
        return self.known[resource, house]

    def _open(self, resource: Any, house: Any, day: date) -> set[int]:
        zone, own = self.zones[house], self.hours.get(resource, [])
        follows = not own and house in self.stands_in[resource]
        minutes: set[int] = set()
        for line in own:
            is_valid = line.valid_from <= day <= line.valid_until
            if line.house == house and line.weekday == day.weekday() and is_valid:
                minutes |= shown(day, line.opens, line.closes, zone)
        if follows:
            for weekday, opens, closes in self.opening[house]:
                if weekday == day.weekday():
                    minutes |= shown(day, opens, closes, zone)
        for other in self.others.values():
            is_mine = other.resource == resource or (other.resource is None and follows)
            if other.is_open and is_mine and other.house == house and other.first <= day <= other.last:
                minutes |= shown(day, other.opens, other.closes, zone)
        return minutes

    def _closed(self, resource: Any, house: Any, day: date) -> set[int]:
        zone = self.zones[house]
        minutes: set[int] = set()
        for other in self.others.values():
            is_mine = other.resource in {None, resource} and other.house in {None, house}
            if other.is_open or not is_mine or not other.first <= day <= other.last:
                continue
            if other.opens is None:
                minutes |= {m for m, _clock in passing(day, zone)}
            else:
                minutes |= shown(day, other.opens, other.closes, zone)
        return minutes

    def taken(self, now: int, ignoring: Any = None) -> set[tuple[Any, int]]:
        blocking = [booked for key, booked in self.booked.items() if key != ignoring and booked.blocks(now)]
        return set().union(*(booked.taken for booked in blocking))

    def chosen_from(self, key: Any) -> Any:
        """The need that patients choose from: the first of those with people."""
        visit = self.visits[key]
        return next(
            (need for need, pool in visit.pools.items() if self.people & set(pool) - self.not_in_use["resource"]), None
        )

    def ways(self, key: Any, start: int, house: Any, taken: set[tuple[Any, int]]) -> Iterator[dict[Any, Any]]:
        """Every way, need to resource, in which a visit can begin at a minute, whoever asks for it."""
        visit = self.visits[key]
        occupied = visit.occupied

        def is_free(resource: Any, need: Any) -> bool:
            there = self.working(resource, house)
            return all(start + m in there and (resource, start + m) not in taken for m in occupied[need])

        able = [
            [
                resource
                for resource in visit.pools[need]
                if resource not in self.not_in_use["resource"] and is_free(resource, need)
            ]
            for need in occupied
        ]
        for chosen in product(*able):
            way = dict(zip(occupied, chosen, strict=True))
            used = [(resource, m) for need, resource in way.items() for m in occupied[need]]
            if len(used) == len(set(used)):
                yield way

    def occupied_by(self, key: Any, start: int, way: dict[Any, Any]) -> set[tuple[Any, int]]:
        occupied = self.visits[key].occupied
        return {(resource, start + m) for need, resource in way.items() for m in occupied[need]}

    def offered(
        self,
        key: Any,
        days: list[date],
        now: int,
        *,
        is_staff: bool = False,
        house: Any = None,
        provider: Any = None,
        ignoring: Any = None,
        is_empty: bool = False,
        only: int | None = None,
    ) -> set[tuple[int, Any, Any]]:
        """What can be booked: start, house and the person who is chosen."""
        visit, lead = self.visits[key], self.chosen_from(key)
        taken = set() if is_empty else self.taken(now, ignoring)
        return {
            (start, place, way.get(lead))
            for place in visit.houses
            if house in {None, place} and place not in self.not_in_use["house"]
            for day in days
            for start, clock in passing(day, self.zones[place])
            if clock % visit.step == 0 and only in {None, start} and self._may_begin(visit, start, place, now, is_staff)
            for way in self.ways(key, start, place, taken)
            if provider in {None, way.get(lead)}
        }

    def _may_begin(self, visit: Visit, start: int, house: Any, now: int, is_staff: bool) -> bool:
        if is_staff:
            return start >= now
        zone = self.zones[house]
        last = moment(now, zone).date() + timedelta(days=visit.horizon_days)
        is_near = moment(start, zone).date() <= last
        return visit.is_published and is_near and start > now + visit.notice_hours * 60
