"""All that decides when a visit type can be booked, except what is taken already: read in one query."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from itertools import combinations
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from appointments.availability.wall_clock import day_start, instant
from appointments.models import BookingRules, Course, Resource
from clinic.models import Location, Provider

ONE_DAY = timedelta(days=1)

Row = TypeVar("Row", bound=models.Model)

READ = """
WITH visit AS (
    SELECT v.*, v.is_published AND coalesce(t.is_published, true) AS is_shown
    FROM appointments_visittype v LEFT JOIN clinic_treatment t ON t.id = v.treatment_id
    WHERE {chosen}
), place AS (
    SELECT l.*, coalesce(nullif(l.time_zone, ''), (SELECT time_zone FROM clinic_practice), 'UTC') AS zone
    FROM clinic_location l JOIN appointments_visittype_locations vl ON vl.location_id = l.id
    JOIN visit ON visit.id = vl.visittype_id WHERE l.is_active
), pool AS (
    SELECT n.id AS need, r.*
    FROM appointments_need n JOIN visit ON visit.id = n.visit_type_id
    JOIN appointments_need_resources nr ON nr.need_id = n.id
    JOIN appointments_resource r ON r.id = nr.resource_id WHERE r.is_active
)
SELECT json_build_object(
    'id', id, 'slug', slug, 'name', name, 'step', step_minutes, 'before', buffer_before, 'after', buffer_after,
    'notice', notice_hours, 'horizon', horizon_days, 'is_shown', is_shown, 'by_staff', confirmation = 'by_staff',
    'rules', (SELECT row_to_json(r) FROM appointments_bookingrules r),
    'phases', (SELECT json_agg(json_build_array(p.minutes, p.is_with_patient, ARRAY(
        SELECT need_id FROM appointments_phase_needs WHERE phase_id = p.id)) ORDER BY p.position, p.id)
        FROM appointments_phase p WHERE p.visit_type_id = visit.id),
    'needs', (SELECT json_agg(n.id ORDER BY n.position, n.id)
        FROM appointments_need n WHERE n.visit_type_id = visit.id),
    'pool', (SELECT json_agg(json_build_array(pool.need, pool, pr, ARRAY(
        SELECT location_id FROM clinic_provider_locations WHERE provider_id = pr.id))
        ORDER BY pool.need, pool.position, pool.name, pool.id)
        FROM pool LEFT JOIN clinic_provider pr ON pr.id = pool.provider_id),
    'places', (SELECT json_agg(place ORDER BY position, name, id) FROM place),
    'opening', (SELECT json_agg(json_build_array(location_id, weekday, opens, closes))
        FROM clinic_openinghours WHERE location_id IN (SELECT id FROM place)),
    'hours', (SELECT json_agg(json_build_array(
        resource_id, location_id, weekday, opens, closes, valid_from, valid_until))
        FROM appointments_resourcehours WHERE resource_id IN (SELECT id FROM pool)),
    'exceptions', (SELECT json_agg(json_build_array(kind, resource_id, location_id, starts_on, ends_on, opens, closes))
        FROM appointments_hoursexception
        WHERE starts_on <= %(last)s AND ends_on >= %(first)s
        AND (resource_id IS NULL OR resource_id IN (SELECT id FROM pool))),
    'closures', (SELECT json_agg(json_build_array(location_id, starts_on, ends_on))
        FROM clinic_closure WHERE starts_on <= %(last)s AND ends_on >= %(first)s)
) FROM visit
"""


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
            yield instant(day, self.opens, zone), instant(day, self.closes, zone, is_last=True)


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
                    yield opens, instant(day, hours.closes, place.zone, is_last=True)
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


# A change of hours holds this lock alone until its commit (migration 0005); those who book share it.
HOLD_HOURS = "SELECT set_config('lock_timeout', '3s', true), pg_advisory_xact_lock_shared(7342, 0);"


def load_plan(*, visit_type: str | int, first: date, days: int, is_to_book: bool = False) -> Plan:
    """Reads a visit type, by slug or primary key, for local days from `first` on. Raises NotBookable.

    In a booking's transaction, `is_to_book` makes all that it read stand until the commit.
    """
    chosen = "v.slug = %(visit_type)s" if isinstance(visit_type, str) else "v.id = %(visit_type)s"
    before, after = first - ONE_DAY, first + timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(
            (HOLD_HOURS if is_to_book else "") + READ.format(chosen=chosen),
            {"visit_type": visit_type, "first": before, "last": after},
        )
        row = cursor.fetchone()
    if row is None:
        raise NotBookable(_("This visit cannot be booked online any more."))
    return _plan(row[0], before, after)


def _plan(read: dict[str, Any], first: date, last: date) -> Plan:
    course = Course.laid_out(
        [(minutes, there, needs) for minutes, there, needs in read["phases"] or []],
        before=read["before"],
        after=read["after"],
    )
    pools: dict[int, list[int]] = {need: [] for need in read["needs"] or [] if need in course.occupied}
    people: dict[int, dict[int, Person]] = defaultdict(dict)
    stands_in: dict[int, set[int]] = {}
    for need, row, provider, works_in in read["pool"] or []:
        if need not in pools:
            continue
        resource = _resource(row, provider)
        pools[need].append(resource.pk)
        stands_in[resource.pk] = set(works_in) if resource.location_id is None else {resource.location_id}
        if resource.provider is not None:
            who = resource.provider
            people[need][resource.pk] = Person(resource.pk, who.slug, who.name, resource)
    lead = next((need for need in pools if people[need]), None)
    places = {place.pk: place for place in map(_place, read["places"] or [])}
    weeks, follows = _weeks(read, stands_in)
    return Plan(
        visit_type_pk=read["id"],
        slug=read["slug"],
        name=read["name"],
        step_minutes=read["step"],
        notice=timedelta(hours=read["notice"]),
        horizon_days=read["horizon"],
        is_published=read["is_shown"],
        is_confirmed_by_staff=read["by_staff"],
        course=course,
        pools=pools,
        lead=lead,
        people=people[lead] if lead is not None else {},
        places=places,
        first=first,
        last=last,
        weeks=weeks,
        follows_location=follows,
        exceptions=_exceptions(read),
        rules=BookingRules(**(read["rules"] or {})),
    )


def _place(row: dict[str, Any]) -> Place:
    zone = ZoneInfo(row.pop("zone"))
    location = _known(Location(**row))
    location.zone = zone
    return Place(location.pk, location.slug, location.name, zone, location.address_line, location)


def _resource(row: dict[str, Any], provider: dict[str, Any] | None) -> Resource:
    del row["need"]
    resource = _known(Resource(**row))
    resource.provider = _known(Provider(**provider)) if provider else None
    return resource


def _known(row: Row) -> Row:
    """A row that the database has, as if a query of the ORM had read it."""
    row._state.adding, row._state.db = False, connection.alias
    return row


def _weeks(
    read: dict[str, Any], stands_in: dict[int, set[int]]
) -> tuple[dict[tuple[int, int], list[Hours]], frozenset[int]]:
    own: dict[tuple[int, int], list[Hours]] = defaultdict(list)
    for resource, place, weekday, opens, closes, valid_from, valid_until in read["hours"] or []:
        own[resource, place].append(
            Hours(weekday, time.fromisoformat(opens), time.fromisoformat(closes), _day(valid_from), _day(valid_until))
        )
    opening: dict[int, list[Hours]] = defaultdict(list)
    for place, weekday, opens, closes in read["opening"] or []:
        opening[place].append(Hours(weekday, time.fromisoformat(opens), time.fromisoformat(closes)))
    follows = frozenset(stands_in) - {resource for resource, _place in own}
    for resource in follows:
        for place in stands_in[resource]:
            own[resource, place] = opening[place]
    return dict(own), follows


def _exceptions(read: dict[str, Any]) -> list[Exceptional]:
    exceptions = [
        Exceptional(
            kind == "open",
            resource,
            place,
            date.fromisoformat(starts_on),
            date.fromisoformat(ends_on),
            opens and time.fromisoformat(opens),
            closes and time.fromisoformat(closes),
        )
        for kind, resource, place, starts_on, ends_on, opens, closes in read["exceptions"] or []
    ]
    closures = [
        Exceptional(False, None, place, date.fromisoformat(starts_on), date.fromisoformat(ends_on))
        for place, starts_on, ends_on in read["closures"] or []
    ]
    return exceptions + closures


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None
