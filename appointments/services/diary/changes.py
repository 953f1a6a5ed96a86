"""What happens to an appointment after it was booked."""

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from appointments.availability import Audience
from appointments.models import Appointment, BookingRules, Status, StepRefused
from appointments.services import reminders
from appointments.services.claims import Wish, claim, run
from appointments.services.diary.rows import locked, occupy
from clinic.models import User

TIME = ["starts_at", "ends_at", "location", "provider"]


class TooLate(Exception):
    """Patients move and cancel by themselves only until some hours before the visit."""


def move(
    *,
    appointment: int,
    starts_at: datetime,
    location: int | None,
    provider: int | None,
    by: User | None,
    audience: Audience,
    now: datetime,
    reason: str = "",
) -> Appointment:
    """Gives it another time; the old one is given up in the same transaction, and not when this fails.

    Raises StepRefused for one that is over, TooLate for patients, SlotTaken, NotOffered, NotBookable, DiaryBusy.
    """

    def moved(outrun: int) -> Appointment:
        moving = locked(appointment)
        if not moving.is_standing or moving.has_run_out(now):
            raise StepRefused(_("This appointment is %s; it cannot be moved.") % moving.get_status_display())
        if audience is Audience.PATIENTS:
            _refuse_too_late(moving, now)
        wish = Wish(moving.visit_type_id, starts_at, location, provider, audience, now, ignoring=moving.pk)
        was_at = moving.starts_at
        occupy(moving, claim(wish, outrun=outrun))
        moving.sequence += 1
        moving.settled_at, moving.is_coming_at = now, None
        moving.tell_at = now + BookingRules.current().undo
        moving.save(update_fields=[*TIME, "sequence", "settled_at", "is_coming_at", "tell_at"])
        moving.changes.create(
            by=by, at=now, was=moving.status, became=moving.status, was_at=was_at, became_at=starts_at, reason=reason
        )
        reminders.withdraw(moving, now=now)
        return moving

    return run(moved)


def accept(*, appointment: int, by: User, now: datetime, reason: str = "") -> Appointment:
    """Staff say yes to a booking that waits for them. Raises StepRefused."""

    def accepted(_outrun: int) -> Appointment:
        waiting = locked(appointment)
        if waiting.status != Status.REQUESTED or waiting.has_run_out(now):
            raise StepRefused(_("This booking does not wait for us any more."))
        waiting.step_to(Status.CONFIRMED, by=by, now=now, reason=reason, settled_at=now, tell_at=_told_after(now))
        return waiting

    return run(accepted)


def decline(*, appointment: int, by: User, now: datetime, reason: str = "") -> Appointment:
    """Staff say no to a booking that waits for them. Raises StepRefused."""
    return run(lambda _outrun: _given_up(locked(appointment), Status.DECLINED, by, now, reason))


def cancel(*, appointment: int, by: User | None, now: datetime, reason: str = "") -> Appointment:
    """By staff, or by the patient when `by` is None. Raises StepRefused, and TooLate for patients."""

    def cancelled(_outrun: int) -> Appointment:
        ending = locked(appointment)
        if by is None:
            _refuse_too_late(ending, now)
        return _given_up(ending, Status.CANCELLED, by, now, reason)

    return run(cancelled)


def reinstate(*, appointment: int, by: User | None, now: datetime, reason: str = "") -> Appointment:
    """Takes back a cancellation, and for staff a refusal or a lapse, if the time is still free.

    What waited for staff when it was cancelled waits again; all else is confirmed. Raises StepRefused, SlotTaken,
    NotOffered, DiaryBusy.
    """

    def reinstated(outrun: int) -> Appointment:
        back = locked(appointment)
        waited = back.changes.filter(became=back.status, was=Status.REQUESTED).exists()
        status = Status.REQUESTED if waited and back.status == Status.CANCELLED else Status.CONFIRMED
        is_theirs = by is not None or back.status == Status.CANCELLED
        if back.patient is None or back.is_standing or not is_theirs or not back.may_become(status):
            raise StepRefused(_("This appointment is %s; it cannot be taken back.") % back.get_status_display())
        # A visit that should be going on already is not refused as one of the past.
        as_of = min(now, back.starts_at - timedelta(seconds=1)) if by else now
        wish = Wish(
            back.visit_type_id, back.starts_at, back.location_id, back.provider_id, Audience.STAFF, as_of, back.pk
        )
        occupy(back, claim(wish, outrun=outrun))
        expires_at = BookingRules.current().answer_by(back.starts_at, now=now) if status == Status.REQUESTED else None
        back.step_to(
            status,
            by=by,
            now=now,
            reason=reason,
            expires_at=expires_at,
            sequence=back.sequence + 1,
            tell_at=_told_after(now),
        )
        return back

    return run(reinstated)


def step(*, appointment: int, status: Status, by: User, now: datetime, reason: str = "") -> Appointment:
    """What happens on the day, and what takes it back: arrived, completed, did not come. Raises StepRefused."""

    def stepped(_outrun: int) -> Appointment:
        present = locked(appointment)
        takes_back = status == Status.CONFIRMED and present.status in {Status.ARRIVED, Status.NO_SHOW}
        if status not in {Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW} and not takes_back:
            raise StepRefused(_("This is not a step of the day."))
        present.step_to(status, by=by, now=now, reason=reason)
        return present

    return run(stepped)


def say_coming(*, appointment: int, now: datetime) -> Appointment:
    """The patient says that they come. Raises StepRefused for what does not take place."""

    def said(_outrun: int) -> Appointment:
        coming = locked(appointment)
        if not coming.is_standing or coming.starts_at <= now:
            raise StepRefused(_("This appointment is %s.") % coming.get_status_display())
        coming.is_coming_at = coming.is_coming_at or now
        coming.save(update_fields=["is_coming_at"])
        return coming

    return run(said)


def _told_after(now: datetime) -> datetime:
    return now + BookingRules.current().undo


def _given_up(ending: Appointment, status: Status, by: User | None, now: datetime, reason: str) -> Appointment:
    also = {"sequence": ending.sequence + 1, "tell_at": _told_after(now), "is_coming_at": None}
    ending.step_to(status, by=by, now=now, reason=reason, **also)
    reminders.withdraw(ending, now=now)
    return ending


def _refuse_too_late(appointment: Appointment, now: datetime) -> None:
    if now > appointment.changeable_until(BookingRules.current()):
        raise TooLate(_("It is too late to change this appointment here. Please call us."))
