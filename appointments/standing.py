"""What has become of an appointment, and what its patient may still do about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from appointments.models import Appointment, BookingRules, Status
from clinic.models import Location

CANCELLATION, MOVE = "cancellation", "move"


@dataclass(frozen=True)
class Undo:
    """The last change of the patient, which no letter has told of yet. `was` is what the clock showed there."""

    what: str
    minutes_left: int
    was: datetime
    was_at: Location


@dataclass(frozen=True)
class Standing:
    """An appointment as its patient sees it at a moment."""

    appointment: Appointment
    rules: BookingRules
    now: datetime

    @property
    def is_over(self) -> bool:
        return self.appointment.starts_at <= self.now

    @property
    def is_coming_up(self) -> bool:
        return self.appointment.is_standing and not self.is_over and not self.appointment.has_run_out(self.now)

    @property
    def is_waiting(self) -> bool:
        return self.appointment.status == Status.REQUESTED

    @property
    def has_lapsed(self) -> bool:
        """Nobody confirmed it in time; whether the worker has said so yet makes no difference."""
        return self.appointment.status == Status.EXPIRED or self.appointment.has_run_out(self.now)

    @property
    def may_change(self) -> bool:
        """Whether the patient may move and cancel it without calling."""
        return self.is_coming_up and self.now <= self.appointment.changeable_until(self.rules)

    @property
    def is_in_calendars(self) -> bool:
        """A calendar would show as certain what waits for an answer."""
        return self.is_coming_up and not self.is_waiting

    @property
    def may_say_coming(self) -> bool:
        """Once they have been reminded of this time."""
        reminders = self.appointment.reminders.filter(starts_at=self.appointment.starts_at)
        return self.is_in_calendars and reminders.exists()

    @property
    def will_be_reminded(self) -> bool:
        """Whether one of the practice's reminders of this time is still ahead."""
        days = min(self.rules.reminder_offsets, default=0)
        return bool(days) and self.appointment.starts_at - timedelta(days=days) > self.now

    @property
    def undo(self) -> Undo | None:
        what, one = self._undone(), self.appointment
        if not what or one.tell_at is None or one.told_starts_at is None or one.told_location is None:
            return None
        minutes = -(-(one.tell_at - self.now) // timedelta(minutes=1))
        was = one.told_starts_at.astimezone(one.told_location.zone).replace(tzinfo=None)
        return Undo(what, minutes, was, one.told_location)

    def _undone(self) -> str:
        one = self.appointment
        if one.tell_at is None or one.tell_at <= self.now or one.told_starts_at is None:
            return ""
        last = one.changes.last()
        # What staff have changed, staff take back; and nobody can come to a time that has passed.
        if last is None or last.by_id is not None or one.told_starts_at <= self.now:
            return ""
        if one.status == Status.CANCELLED:
            return CANCELLATION
        told = (one.told_starts_at, one.told_location_id, one.told_provider_id)
        stands = (one.starts_at, one.location_id, one.provider_id)
        return MOVE if one.is_standing and told != stands else ""
