"""Whoever comes at that time already is asked about once: two visits side by side may be meant, or a slip."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appointments.admin import clocks
from appointments.models import BLOCKING, Patient
from appointments.models.appointment import AppointmentQuerySet


@dataclass(frozen=True)
class Overlap:
    """`answer` is what the second button sends: it agrees to these visits, not to one that comes in between."""

    patient: Patient
    time: str
    answer: str


def overlap(
    visible: AppointmentQuerySet,
    patient: Patient,
    *,
    starts_at: datetime,
    length: timedelta,
    ignoring: int | None = None,
) -> Overlap | None:
    """The standing visits of `patient`, among those that the colleague may see, that overlap the time."""
    standing = visible.filter(patient=patient, status__in=BLOCKING).exclude(pk=ignoring or 0).select_related("location")
    there = list(standing.filter(starts_at__lt=starts_at + length, ends_at__gt=starts_at).order_by("starts_at", "pk"))
    if not there:
        return None
    first = there[0]
    time = " ".join(filter(None, [clocks.clock(clocks.start(first)), clocks.zone_name(first)]))
    return Overlap(patient, time, "-".join(["anyway", *(str(one.pk) for one in there)]))
