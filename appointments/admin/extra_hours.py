"""Extra hours of one person of which nothing follows, because a room or a device that their visits take is closed."""

from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.availability import Audience, Place, Plan, load_plan, timetable
from appointments.models import HoursException, Need, Resource, VisitType

MOST_DAYS = 28
MOST_VISITS = 30


def nobody_can_book(one: HoursException) -> str:
    """Why nothing can be booked in this time with whom it is for, or "": also for what is not one person's extra."""
    if one.kind != HoursException.Kind.OPEN or one.ends_on < timezone.localdate():
        return ""
    if one.resource is None or one.resource.kind != Resource.Kind.PROVIDER:
        return ""
    visits = VisitType.objects.filter(needs__resources=one.resource, locations=one.location).distinct()
    missing: list[int] = []
    for visit in visits[:MOST_VISITS]:
        plan = load_plan(visit_type=visit.pk, first=one.starts_on, days=_days(one))
        if _has_times(plan, one):
            return ""
        missing += _closed_needs(plan, one)
    if not missing:
        return _("Nobody can book then: no visit of %(person)s fits into this time.") % {"person": one.resource}
    names = [f"“{name}”" for name in dict.fromkeys(Need.objects.filter(pk__in=missing).values_list("name", flat=True))]
    words = ngettext(
        "Nobody can book then: no %(needs)s is open. Open the location too.",
        "Nobody can book then: no %(needs)s are open. Open the location too.",
        len(names),
    )
    return words % {"needs": get_text_list(names, _("and"))}


def _days(one: HoursException) -> int:
    return min((one.ends_on - one.starts_on).days + 1, MOST_DAYS)


def _has_times(plan: Plan, one: HoursException) -> bool:
    """Whether a visit could lie in the extra hours or reach into them; what is taken already does not count."""
    person = one.resource_id if one.resource_id in plan.people else None
    before = timezone.make_aware(datetime.combine(one.starts_on, time())) - timedelta(days=1)
    table = timetable(
        plan=plan,
        first=one.starts_on,
        days=_days(one),
        now=before,
        audience=Audience.STAFF,
        location=one.location_id,
        provider=person,
        is_as_if_empty=True,
    )
    spans = _spans(plan.places[one.location_id], one) if one.location_id in plan.places else []
    times = [(int(free.starts_at.timestamp()), int(free.ends_at.timestamp())) for free in table.times]
    return any(begins < closes and ends > opens for begins, ends in times for opens, closes in spans)


def _closed_needs(plan: Plan, one: HoursException) -> list[int]:
    """What of the visit is nowhere open in these hours, by primary key."""
    if one.location_id not in plan.places:
        return []
    place, spans = plan.places[one.location_id], _spans(plan.places[one.location_id], one)
    last = one.starts_on + timedelta(days=_days(one) - 1)

    def is_open(resource: int) -> bool:
        there = list(plan.open_spans(resource, place, one.starts_on, last))
        return any(begins < closes and ends > opens for begins, ends in there for opens, closes in spans)

    return [
        need
        for need, pool in plan.pools.items()
        if one.resource_id not in pool and not any(is_open(resource) for resource in pool)
    ]


def _spans(place: Place, one: HoursException) -> list[tuple[int, int]]:
    """The extra hours of each day, as instants."""
    if one.opens is None or one.closes is None:
        return []
    days = [one.starts_on + timedelta(days=number) for number in range(_days(one))]
    return [
        (
            int(datetime.combine(day, one.opens, place.zone).timestamp()),
            int(datetime.combine(day, one.closes, place.zone).timestamp()),
        )
        for day in days
    ]
