"""When one person, room or device can be booked at all, and which appointments lie outside of that."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.admin.objections import places_of
from appointments.admin.week import (
    LENGTH,
    ONE_DAY,
    Cell,
    Week,
    closed_because,
    closes_all,
    closures,
    days_from,
    laid_out,
    local,
    without,
)
from appointments.availability.plan import Exceptional, Hours
from appointments.availability.wall_clock import instant
from appointments.models import Allocation, Appointment, HoursException, Resource, ResourceHours
from clinic.models import Closure, Location, OpeningHours

MOST_LOOKED_AT = 1000
MOST_PLACES = 30


@dataclass(frozen=True)
class WorkingDays:
    """Weekly hours by location, its own or the location's, and what differs from them on the days it was loaded for."""

    resource: Resource
    places: list[Location]
    follows: bool
    weeks: dict[int, list[Hours]]
    extra: list[HoursException]
    closed: list[Closure | HoursException]

    @classmethod
    def load(cls, resource: Resource, first: date, last: date) -> "WorkingDays":
        """Six queries, however many hours and exceptions there are."""
        own = list(resource.hours.all())
        concerns = Q(resource=resource) if own else Q(resource=resource) | Q(resource=None)
        opened = HoursException.objects.filter(concerns, kind=HoursException.Kind.OPEN)
        extra = list(opened.filter(starts_on__lte=last, ends_on__gte=first).order_by("starts_on", "pk")[:100])
        usual = places_of(resource)
        also = {one.location_id for one in extra if one.resource_id is not None}
        places = list(Location.objects.filter(pk__in=usual | also).prefetch_related("hours")[:MOST_PLACES])
        followed = (hours for place in places if place.pk in usual for hours in place.hours.all())
        lines: list[ResourceHours] | list[OpeningHours] = own or list(followed)
        weeks: dict[int, list[Hours]] = {pk: [] for pk in usual}
        for line in lines:
            weeks[line.location_id].append(Hours(line.weekday, line.opens, line.closes, *_validity(line)))
        closed = [one for one in closures(first, last) if getattr(one, "resource_id", None) in {None, resource.pk}]
        return cls(resource, places, not own, weeks, extra, closed)

    def spans(self, place: Location, day: date) -> list[tuple[int, int]]:
        """What is left of a local day, as instants in order."""
        opened = [
            (instant(day, hours.opens, place.zone), instant(day, hours.closes, place.zone, is_end=True))
            for hours in self.weeks.get(place.pk, [])
            if hours.holds_on(day)
        ]
        for extra in self.extra:
            is_mine = extra.resource_id is not None or place.pk in self.weeks
            if extra.location_id == place.pk and is_mine:
                opened += _exceptional(extra).spans(place.zone, day, day)
        return [left for span in joined(opened) for left in without(span, self._closed(place, day))]

    def _closed(self, place: Location, day: date) -> list[tuple[int, int]]:
        here = (one for one in self.closed if one.location_id in {None, place.pk})
        return [span for one in here for span in _exceptional(one).spans(place.zone, day - ONE_DAY, day + ONE_DAY)]

    def why(self, place: Location, day: date) -> str:
        for closed in self.closed:
            if closes_all(closed, place.pk, day):
                return closed_because(closed)
        for closed in self.closed:
            mine = isinstance(closed, HoursException) and closed.resource_id == self.resource.pk
            if mine and closed.location_id in {None, place.pk} and closed.starts_on <= day <= closed.ends_on:
                return _("away: %(reason)s") % {"reason": closed.reason} if closed.reason else _("away")
        return _("closed on this weekday") if self.follows else _("no working hours")


def resource_week(resource: Resource, *, first: date, now: datetime) -> Week:
    """Where and when it can be booked on seven days, and how many appointments it has."""
    last = first + timedelta(days=LENGTH - 1)
    working = WorkingDays.load(resource, first, last)
    taken = _appointments_by_day(resource, first, last)
    cells = {day: [_cell(working, place, day, taken) for place in working.places] for day in days_from(first)}
    return laid_out(first, [place.name for place in working.places], cells)


def _cell(working: WorkingDays, place: Location, day: date, taken: Counter[tuple[int, date]]) -> Cell:
    number = taken[place.pk, day]
    remark = ngettext("%d appointment", "%d appointments", number) % number if number else ""
    if not (spans := working.spans(place, day)):
        return Cell(working.why(place, day), remark, is_empty=True)
    clocks = (
        f"{time_format(local(opens, place.zone).time())}–{time_format(local(closes, place.zone).time())}"
        for opens, closes in spans
    )
    return Cell(", ".join(clocks), remark)


def _appointments_by_day(resource: Resource, first: date, last: date) -> Counter[tuple[int, date]]:
    found = Appointment.objects.known().filter(allocations__resource=resource, allocations__blocking=True)
    near = found.filter(starts_at__date__range=(first - ONE_DAY, last + ONE_DAY)).select_related("location").distinct()
    return Counter(
        (one.location_id, one.local_start.date()) for one in near.order_by("starts_at", "pk")[:MOST_LOOKED_AT]
    )


def outside_hours(resource: Resource, *, now: datetime) -> list[Appointment]:
    """Coming appointments for which it would not be there, by its hours as they stand; of at most 1000, in order."""
    allocations = _coming(now).filter(resource=resource)[:MOST_LOOKED_AT]
    days = [allocation.occupied.upper.date() for allocation in allocations]
    if not days:
        return []
    working = WorkingDays.load(resource, min(days) - 2 * ONE_DAY, max(days) + 2 * ONE_DAY)
    return _appointments_of([one for one in allocations if not _is_within(one, working)])


def _is_within(allocation: Allocation, working: WorkingDays) -> bool:
    place = allocation.appointment.location
    begin, end = (int(bound.timestamp()) for bound in (allocation.occupied.lower, allocation.occupied.upper))
    first = local(begin, place.zone).date()
    spans = [span for day in (first - ONE_DAY, first, first + ONE_DAY) for span in working.spans(place, day)]
    return any(opens <= begin and end <= closes for opens, closes in joined(spans))


def lying_in(closed: Closure | HoursException, *, now: datetime) -> list[Appointment]:
    """Coming appointments that lie in a closed time; of at most 1000, in order."""
    if isinstance(closed, HoursException) and closed.kind == HoursException.Kind.OPEN:
        return []
    about = Q(occupied__endswith__date__gte=closed.starts_on - ONE_DAY)
    about &= Q(occupied__startswith__date__lte=closed.ends_on + ONE_DAY)
    if closed.location_id is not None:
        about &= Q(appointment__location=closed.location_id)
    if isinstance(closed, HoursException) and closed.resource_id is not None:
        about &= Q(resource=closed.resource_id)
    return _appointments_of([one for one in _coming(now).filter(about)[:MOST_LOOKED_AT] if _is_in(one, closed)])


def _is_in(allocation: Allocation, closed: Closure | HoursException) -> bool:
    zone = allocation.appointment.location.zone
    begin, end = (int(bound.timestamp()) for bound in (allocation.occupied.lower, allocation.occupied.upper))
    spans = _exceptional(closed).spans(zone, local(begin, zone).date() - ONE_DAY, local(end, zone).date())
    return any(opens < end and begin < closes for opens, closes in spans)


def _coming(now: datetime):  # type: ignore[no-untyped-def] # a QuerySet of two generic types that say nothing here
    standing = Appointment.objects.standing().filter(ends_at__gt=now, patient__isnull=False)
    allocations = Allocation.objects.filter(blocking=True, appointment__in=standing)
    with_all = allocations.select_related("appointment__location", "appointment__patient", "appointment__visit_type")
    return with_all.order_by("occupied__startswith", "appointment", "pk")


def _appointments_of(allocations: list[Allocation]) -> list[Appointment]:
    return list({allocation.appointment_id: allocation.appointment for allocation in allocations}.values())


def _exceptional(one: Closure | HoursException) -> Exceptional:
    if isinstance(one, Closure):
        return Exceptional(False, None, one.location_id, one.starts_on, one.ends_on)
    is_open = one.kind == HoursException.Kind.OPEN
    return Exceptional(is_open, one.resource_id, one.location_id, one.starts_on, one.ends_on, one.opens, one.closes)


def _validity(line: object) -> tuple[date | None, date | None]:
    return getattr(line, "valid_from", None), getattr(line, "valid_until", None)


def joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same time without overlaps, in order."""
    found: list[tuple[int, int]] = []
    for opens, closes in sorted(span for span in spans if span[0] < span[1]):
        if found and opens <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], closes)
        else:
            found.append((opens, closes))
    return found
