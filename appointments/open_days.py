from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from clinic.models import Closure, Location, OpeningHours, Practice

# Where no opening hours have been entered yet: Monday to Friday.
USUAL_WEEK = frozenset(range(5))
LONGEST_REST = 60  # days without one open day, after which the calendar is taken to be wrong


@dataclass(frozen=True)
class OpenDays:
    """The days on which one location is open, or at least one of all, on the practice's own calendar."""

    today: date
    weekdays: frozenset[int]
    closures: tuple[tuple[date, date], ...]

    @classmethod
    def at(cls, now: datetime, location: Location | None = None) -> "OpenDays":
        practice = Practice.objects.only("time_zone").first()
        today = timezone.localdate(now, practice.zone if practice else None)
        hours = OpeningHours.objects.filter(**{"location": location} if location else {"location__is_active": True})
        weekdays = hours.values_list("weekday", flat=True).distinct()
        here = Q(location=None) | Q(location=location) if location else Q(location=None)
        closed = Closure.objects.filter(here, ends_on__gte=today).values_list("starts_on", "ends_on")
        return cls(today, frozenset(weekdays) or USUAL_WEEK, tuple(closed[:100]))

    def is_open(self, day: date) -> bool:
        return day.weekday() in self.weekdays and not any(start <= day <= end for start, end in self.closures)

    def coming(self, days: int) -> Iterator[date]:
        """Open days from tomorrow on, in order, among the next `days` of the calendar."""
        following = (self.today + timedelta(days=n) for n in range(1, days + 1))
        return (day for day in following if self.is_open(day))

    @property
    def next(self) -> date:
        """The first open day after today: when one working day has passed by its end."""
        return next(self.coming(LONGEST_REST), self.today + timedelta(days=1))
