"""Reads a plan in one query."""

from collections import defaultdict
from datetime import date, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from appointments.availability.plan import ONE_DAY, Exceptional, Hours, NotBookable, Person, Place, Plan
from appointments.models import BookingRules, Course, Resource
from clinic.models import Location, Provider

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
    weeks, follows, opening = _weeks(read, stands_in)
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
        opening=opening,
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
) -> tuple[dict[tuple[int, int], list[Hours]], frozenset[int], dict[int, list[Hours]]]:
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
    return dict(own), follows, dict(opening)


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
