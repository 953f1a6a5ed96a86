"""What hours allow and nobody has taken: PostgreSQL subtracts, and says from when to when a visit can begin."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from appointments.availability.plan import ONE_DAY, Place, Plan

# `fits` turns each free span into the starts for which one occupied span of a need lies inside it; a resource serves
# a need from where all of them do.
READ = """
WITH given AS (
    SELECT place, resource, is_open, tstzrange(to_timestamp(opens), to_timestamp(closes)) AS span
    FROM unnest(%(places)s::bigint[], %(resources)s::bigint[], %(opens)s::bigint[], %(closes)s::bigint[],
                %(are_open)s::boolean[]) AS g(place, resource, opens, closes, is_open)
), worked AS (
    SELECT place, resource,
        range_agg(span) FILTER (WHERE is_open) - coalesce(range_agg(span) FILTER (WHERE NOT is_open), '{}') AS spans
    FROM given GROUP BY place, resource
), busy AS (
    SELECT resource_id AS resource, range_agg(occupied) AS spans
    FROM appointments_allocation
    WHERE blocking AND resource_id = ANY(%(busy)s::bigint[])
        AND lower(occupied) > to_timestamp(%(from)s) - interval '24 hours' AND lower(occupied) < to_timestamp(%(until)s)
        AND appointment_id <> ALL (ARRAY(SELECT id FROM appointments_appointment WHERE expires_at <= %(now)s))
        AND appointment_id IS DISTINCT FROM %(ignoring)s
    GROUP BY resource_id
), free AS (
    SELECT place, resource, unnest(worked.spans - coalesce(busy.spans, '{}')) AS span
    FROM worked LEFT JOIN busy USING (resource)
), occupied AS (
    SELECT * FROM unnest(%(needs)s::bigint[], %(starts)s::int[], %(ends)s::int[]) AS o(need, starts, ends)
), pool AS (
    SELECT * FROM unnest(%(pool_needs)s::bigint[], %(pool)s::bigint[]) AS p(need, resource)
), fits AS (
    SELECT need, place, resource, range_agg(tstzrange(
        lower(span) - starts * interval '1 minute', upper(span) - ends * interval '1 minute', '[]')) AS spans
    FROM free JOIN pool USING (resource) JOIN occupied USING (need)
    WHERE upper(span) - lower(span) >= (ends - starts) * interval '1 minute'
    GROUP BY need, place, resource, starts, ends
), serves AS (
    SELECT need, place, resource, range_intersect_agg(spans) AS spans FROM fits
    GROUP BY need, place, resource
    HAVING count(*) = (SELECT count(*) FROM occupied WHERE occupied.need = fits.need)
)
SELECT need, place, resource, extract(epoch FROM lower(span))::bigint, extract(epoch FROM upper(span))::bigint
FROM serves, unnest(spans) AS span
ORDER BY need, place, resource, span
"""


@dataclass(frozen=True)
class Given:
    place: int
    resource: int
    opens: int
    closes: int
    is_open: bool


def hours(plan: Plan, places: list[Place], first: date, days: int) -> list[Given]:
    """What the hours say: a day more on both ends, because a visit or its buffer may cross midnight."""
    resources = {resource for pool in plan.pools.values() for resource in pool}
    begin, end = first - ONE_DAY, first + timedelta(days=days)
    return [
        Given(place.pk, resource, opens, closes, is_open)
        for place in places
        for resource in sorted(resources)
        for is_open, spans in (
            (True, plan.open_spans(resource, place, begin, end)),
            (False, plan.closed_spans(resource, place, begin, end)),
        )
        for opens, closes in spans
        if opens < closes
    ]


def open_days(plan: Plan, given: list[Given], places: list[Place], first: date, days: int) -> Iterator[date]:
    """The local days on which a location is open, or somebody is there who is not closed all the while."""
    for place in places:
        yield from (day for n in range(days) if plan.is_open(place, day := first + timedelta(days=n)))
    closed = [span for span in given if not span.is_open]
    for span in given:
        if span.is_open and not any(_covers(other, span) for other in closed):
            yield datetime.fromtimestamp(span.opens, plan.places[span.place].zone).date()


def _covers(other: Given, span: Given) -> bool:
    same = (other.place, other.resource) == (span.place, span.resource)
    return same and other.opens <= span.opens and span.closes <= other.closes


def read(
    plan: Plan,
    given: list[Given],
    earliest: int,
    latest: int,
    now: datetime,
    ignoring: int | None,
    is_as_if_empty: bool,
) -> list[tuple[int, int, int, int, int]]:
    occupied = [(need, *span) for need in plan.pools for span in plan.course.occupied[need]]
    pool = [(need, resource) for need, resources in plan.pools.items() for resource in resources]
    before, after = plan.reach
    with connection.cursor() as cursor:
        cursor.execute(
            READ,
            {
                "places": [span.place for span in given],
                "resources": [span.resource for span in given],
                "opens": [span.opens for span in given],
                "closes": [span.closes for span in given],
                "are_open": [span.is_open for span in given],
                "busy": [] if is_as_if_empty else sorted({resource for _need, resource in pool}),
                "from": earliest + before * 60,
                "until": latest + after * 60,
                "now": now,
                "ignoring": ignoring,
                "needs": [need for need, _starts, _ends in occupied],
                "starts": [starts for _need, starts, _ends in occupied],
                "ends": [ends for _need, _starts, ends in occupied],
                "pool_needs": [need for need, _resource in pool],
                "pool": [resource for _need, resource in pool],
            },
        )
        return cursor.fetchall()
