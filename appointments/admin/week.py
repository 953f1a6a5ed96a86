"""The week that follows from what was set up: when a visit type can be booked, and why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.availability import Audience, FreeTime, Place, Plan, Timetable, load_plan, timetable
from appointments.models import HoursException, Need, Resource, VisitType
from clinic.models import Closure

LENGTH = 7
ONE_DAY = timedelta(days=1)
FARTHEST = timedelta(days=800)


@dataclass(frozen=True)
class Cell:
    """One day at one location; `is_empty` when nothing can be booked, and `says` is why."""

    says: str
    remark: str = ""
    is_empty: bool = False


@dataclass(frozen=True)
class Week:
    """`rows` are a day's name and its cells, one for each of `places`; the other two are addresses' dates, or None."""

    first: date
    places: list[str]
    rows: list[tuple[str, list[Cell]]]
    previous: date | None
    next: date | None


def chosen_day(request: HttpRequest) -> date:
    """The first day of the week to be shown: `?week=2026-03-02`, else today on the practice's calendar."""
    today = timezone.localdate()
    try:
        chosen = date.fromisoformat(request.GET.get("week", ""))
    except ValueError:
        return today
    return min(max(chosen, today), today + FARTHEST)


def days_from(first: date) -> list[date]:
    return [first + timedelta(days=number) for number in range(LENGTH)]


def laid_out(first: date, places: list[str], cells: dict[date, list[Cell]]) -> Week:
    today = timezone.localdate()
    return Week(
        first=first,
        places=places,
        rows=[(date_format(day, "l, F j"), cells[day]) for day in days_from(first)],
        previous=max(first - timedelta(days=LENGTH), today) if first > today else None,
        next=first + timedelta(days=LENGTH) if first < today + FARTHEST else None,
    )


def week_of(visit_type: VisitType, *, first: date, now: datetime) -> Week:
    """For staff: without notice and horizon. Seven queries."""
    plan = load_plan(visit_type=visit_type.pk, first=first, days=LENGTH)
    free = timetable(plan=plan, first=first, days=LENGTH, now=now, audience=Audience.STAFF)
    begin = min(now, timezone.make_aware(datetime.combine(first, time()))) - ONE_DAY
    hours = timetable(plan=plan, first=first, days=LENGTH, now=begin, audience=Audience.STAFF, is_as_if_empty=True)
    reasons = Reasons.load(plan, visit_type, first)
    places = list(plan.places.values())
    cells = {day: [_cell(reasons, free, hours, place, day, now) for place in places] for day in days_from(first)}
    return laid_out(first, [place.name for place in places], cells)


def _cell(reasons: "Reasons", free: Timetable, hours: Timetable, place: Place, day: date, now: datetime) -> Cell:
    starts, possible = _starts(free, place, day), _starts(hours, place, day)
    if not possible:
        return Cell(reasons.why(place, day), is_empty=True)
    if not starts:
        over = all(start < now for start in possible)
        return Cell(_("over for today") if over else _("fully booked"), is_empty=True)
    told = {"n": len(starts), "of": len(possible)}
    if len(starts) == len(possible):
        says = ngettext("%(n)d time free", "%(n)d times free", len(starts)) % told
    else:
        says = _("%(n)d of %(of)d times free") % told
    return Cell(says, between(starts[0], starts[-1]))


def _starts(table: Timetable, place: Place, day: date) -> list[datetime]:
    on_the_day: list[FreeTime] = table.on(day)
    return sorted({free.starts_at for free in on_the_day if free.location == place.pk})


def between(first: datetime, last: datetime) -> str:
    """“9 a.m. to 4:30 p.m.”, on the clock that both stand on."""
    if first == last:
        return time_format(first.time())
    return _("%(first)s to %(last)s") % {"first": time_format(first.time()), "last": time_format(last.time())}


@dataclass(frozen=True)
class Reasons:
    """What can be said of a day without a single start."""

    plan: Plan
    needs: dict[int, str]
    names: dict[int, str]
    closed: list[Closure | HoursException]

    @classmethod
    def load(cls, plan: Plan, visit_type: VisitType, first: date) -> "Reasons":
        pool = {resource for pool in plan.pools.values() for resource in pool}
        return cls(
            plan,
            dict(Need.objects.filter(visit_type=visit_type).values_list("pk", "name")),
            dict(Resource.objects.filter(pk__in=pool).values_list("pk", "name")),
            closures(first, first + timedelta(days=LENGTH - 1)),
        )

    def why(self, place: Place, day: date) -> str:
        if not self.plan.pools:
            return _("nothing is laid out yet")
        for closed in self.closed:
            if closes_all(closed, place.pk, day):
                return closed_because(closed)
        if self._is_rest_day(place, day):
            return _("closed on this weekday")
        for need, pool in self.plan.pools.items():
            here = [resource for resource in pool if (resource, place.pk) in self.plan.weeks]
            if not here:
                return _("no “%(need)s” here") % {"need": self.needs[need]}
            if not any(self._is_there(resource, place, day) for resource in here):
                return self._is_out(need, here)
        return _("the hours that it needs never meet for long enough")

    def _is_rest_day(self, place: Place, day: date) -> bool:
        """Whether everybody and everything there follows the location's own hours, which have no such day."""
        here = [
            key
            for pool in self.plan.pools.values()
            for resource in pool
            if (key := (resource, place.pk)) in self.plan.weeks
        ]
        follow = all(resource in self.plan.follows_location for resource, _place in here)
        return bool(here) and follow and not any(hours.holds_on(day) for key in here for hours in self.plan.weeks[key])

    def _is_there(self, resource: int, place: Place, day: date) -> bool:
        closed = list(self.plan.closed_spans(resource, place, day - ONE_DAY, day + ONE_DAY))
        return any(left for span in self.plan.open_spans(resource, place, day, day) for left in without(span, closed))

    def _is_out(self, need: int, pool: list[int]) -> str:
        names = [self.names[resource] for resource in pool] if len(pool) < 4 else [f"“{self.needs[need]}”"]
        told = {"names": get_text_list(names, _("and"))}
        if pool[0] in self.plan.people:
            return ngettext("%(names)s is not in", "%(names)s are not in", len(names)) % told
        return ngettext("%(names)s is not open", "%(names)s are not open", len(names)) % told


def closures(first: date, last: date) -> list[Closure | HoursException]:
    """All that closes anything on these days; two queries."""
    here = Q(starts_on__lte=last, ends_on__gte=first)
    others = HoursException.objects.filter(here, kind=HoursException.Kind.CLOSED).order_by("starts_on", "pk")
    return [*Closure.objects.filter(here).order_by("starts_on", "pk")[:100], *others[:300]]


def closes_all(closed: Closure | HoursException, place: int, day: date) -> bool:
    """Whether it closes a whole location for that whole day."""
    if isinstance(closed, HoursException) and (closed.resource_id is not None or closed.opens is not None):
        return False
    return closed.location_id in {None, place} and closed.starts_on <= day <= closed.ends_on


def closed_because(closed: Closure | HoursException) -> str:
    return _("closed: %(reason)s") % {"reason": closed.reason} if closed.reason else _("closed")


def without(span: tuple[int, int], closed: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of a span, in order."""
    begin, end = span
    for opens, closes in sorted(closed):
        if closes <= begin or opens >= end:
            continue
        if begin < opens:
            yield begin, opens
        begin = max(begin, closes)
    if begin < end:
        yield begin, end


def local(seconds: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone)
