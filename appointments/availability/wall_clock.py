"""Between a location's wall clock and instants, right on the two days a year that are not 24 hours long.

Instants are whole seconds since 1970 in UTC: sets and comparisons of thousands of them are quick.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MIDNIGHT = time()
DAY = 24 * 60 * 60
# Every zone's offset is a multiple of it, and so is every step.
SMALLEST_STEP = 5 * 60


@lru_cache(maxsize=8192)
def instant(day: date, clock: time, zone: ZoneInfo, *, is_end: bool = False) -> int:
    """When the clock shows this time on this day: the first time, or as an end the last of an autumn night.

    What ends as the doubled hour begins ends the first time. A time that the clock jumps over in spring is the moment
    of the jump.
    """
    early, late = (datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if early > late:
        return _jump(int(late.timestamp()), int(early.timestamp()), zone)
    return int((late if is_end and _is_doubled(day, clock, zone) else early).timestamp())


def _is_doubled(day: date, clock: time, zone: ZoneInfo) -> bool:
    """Whether the minute before this time comes twice."""
    before = datetime.combine(day, clock, zone) - timedelta(minutes=1)
    return before.utcoffset() != before.replace(fold=1).utcoffset()


def _jump(before: int, after: int, zone: ZoneInfo) -> int:
    old = _offset(before, zone)
    while after - before > 60:
        middle = before + (after - before) // 120 * 60
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    return after


def _offset(seconds: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(seconds, zone).utcoffset()


def day_start(day: date, zone: ZoneInfo) -> int:
    return instant(day, MIDNIGHT, zone)


@lru_cache(maxsize=1024)
def grid(day: date, step_minutes: int, zone: ZoneInfo) -> tuple[int, ...]:
    """The instants of a local day at which the clock shows a multiple of the step, counted from midnight."""
    start, end, step = day_start(day, zone), day_start(day + timedelta(days=1), zone), step_minutes * 60
    if end - start == DAY:
        return tuple(range(start, end, step))
    return tuple(_walked(start, end, step, zone))


def _walked(start: int, end: int, step: int, zone: ZoneInfo) -> Iterator[int]:
    for seconds in range(start, end, SMALLEST_STEP):
        local = datetime.fromtimestamp(seconds, zone)
        if (local.hour * 3600 + local.minute * 60 + local.second) % step == 0:
            yield seconds
