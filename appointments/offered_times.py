"""Free times as patients read them: with the names of place and person instead of numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from appointments.availability import FreeTime, Person, Place, Plan


@dataclass(frozen=True)
class OfferedTime:
    """One button. Without a person it is with whoever is free then."""

    starts_at: datetime
    place: Place
    person: Person | None

    @property
    def value(self) -> str:
        """ISO 8601 with offset, as the form's `start` sends it."""
        return self.starts_at.isoformat()

    @property
    def clock(self) -> datetime:
        """What the clock shows there: naive, because templates would turn an aware one into the zone of the page."""
        return self.starts_at.replace(tzinfo=None)


def offered(plan: Plan, times: Iterable[FreeTime], *, naming: bool) -> list[OfferedTime]:
    """The same times in the same order; `naming` keeps who it would be with."""
    return [
        OfferedTime(
            starts_at=free.starts_at,
            place=plan.places[free.location],
            person=plan.people[free.provider] if naming and free.provider is not None else None,
        )
        for free in times
    ]


def each_start_once(times: Iterable[FreeTime]) -> list[FreeTime]:
    """The first of those that begin at the same moment: with the first person, in the first place."""
    first: dict[datetime, FreeTime] = {}
    for free in times:
        first.setdefault(free.starts_at, free)
    return list(first.values())
