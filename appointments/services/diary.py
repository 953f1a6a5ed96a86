"""What can be done with a time: hold it, book it, move it, give it up. The only writer of appointments.

Each function is one transaction of its own, tried again as a whole when the database asks for it; it cannot be called
inside another. Instants are aware, `now` is the caller's. A `provider` is a resource's primary key.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection
from django.utils.translation import gettext_lazy as _

from appointments.availability import Audience, NotBookable
from appointments.emails import appointments as emails
from appointments.models import (
    Allocation,
    Appointment,
    AppointmentRequest,
    BookingRules,
    Change,
    Patient,
    Status,
    StepRefused,
)
from appointments.services import reminders
from appointments.services.claims import (
    Claim,
    DiaryBusy,
    NotOffered,
    SlotTaken,
    Wish,
    broken_constraint,
    claim,
    run,
)
from appointments.services.patients import Details, find_or_add
from clinic.models import Practice, User

__all__ = [
    "Details",
    "DiaryBusy",
    "HoldEnded",
    "NotBookable",
    "NotOffered",
    "SlotTaken",
    "TooLate",
    "TooManyWaiting",
    "accept",
    "book",
    "cancel",
    "confirm_hold",
    "decline",
    "hold",
    "keep",
    "let_go",
    "move",
    "reinstate",
    "release_run_out",
    "retake",
    "save_typed",
    "step",
]

MOST_TIMES_KEPT = 10  # WCAG 2.2, 2.2.1: the limit can be extended at least ten times


class TooManyWaiting(Exception):
    """One contact may have only so many bookings that wait for staff."""


class HoldEnded(Exception):
    """The hold ran out, or was kept as often as it may be."""


class TooLate(Exception):
    """Patients move and cancel by themselves only until some hours before the visit."""


def hold(
    *,
    visit_type: str | int,
    starts_at: datetime,
    location: int | None,
    provider: int | None,
    submission: uuid.UUID,
    holder: uuid.UUID | None,
    now: datetime,
) -> Appointment:
    """Keeps a time for some minutes while somebody types. Raises SlotTaken, NotOffered, NotBookable, DiaryBusy.

    A repeated `submission` gives the first one's appointment, held again if it ran out and is still free.
    """
    wish = Wish(visit_type, starts_at, location, provider, Audience.PATIENTS, now)

    def held(outrun: int) -> Appointment:
        claimed = claim(wish, outrun=outrun)
        return _write(
            claimed,
            status=Status.HELD,
            now=now,
            submission=submission,
            holder=holder,
            expires_at=now + claimed.plan.rules.hold,
        )

    first = _once(submission, held)
    return retake(appointment=first.pk, now=now) if first.has_run_out(now) else first


def book(
    *,
    visit_type: str | int,
    starts_at: datetime,
    location: int | None,
    provider: int | None,
    details: Details | None,
    patient: Patient | None,
    by: User | None,
    submission: uuid.UUID,
    audience: Audience,
    now: datetime,
    request: AppointmentRequest | None = None,
) -> Appointment:
    """Books in one go, for `patient` or for whom the `details` name. What staff book is confirmed at once.

    A repeated `submission` gives the first one's appointment; a `request` is answered by it in the same transaction.
    Raises SlotTaken, NotOffered, NotBookable, TooManyWaiting, DiaryBusy, and StatusRefused of the request.
    """
    wish = Wish(visit_type, starts_at, location, provider, audience, now)

    def booked(outrun: int) -> Appointment:
        claimed = claim(wish, outrun=outrun)
        whom = patient or find_or_add(_given(details), now=now)
        appointment = _write(
            claimed,
            **_agreed(claimed.plan.is_confirmed_by_staff and by is None, whom, claimed.plan.rules, now),
            **_words(details),
            now=now,
            submission=submission,
            booked_by=by,
            request=request,
        )
        if request is not None and by is not None:
            request.patient = whom
            request.save(update_fields=["patient"])
            request.mark_booked(by=by, now=now)
        emails.tell_booked(appointment, practice=Practice.objects.first(), rules=claimed.plan.rules, now=now)
        return appointment

    return _once(submission, booked)


def keep(*, appointment: int, now: datetime) -> Appointment:
    """Holds it for the whole time again. Raises HoldEnded."""

    def kept(_outrun: int) -> Appointment:
        held = _locked(appointment)
        if held.status != Status.HELD or held.has_run_out(now) or held.times_kept >= MOST_TIMES_KEPT:
            raise HoldEnded
        held.times_kept += 1
        held.expires_at = now + BookingRules.current().hold
        held.save(update_fields=["times_kept", "expires_at"])
        return held

    return run(kept)


def retake(*, appointment: int, now: datetime) -> Appointment:
    """Holds a time again that ran out, if it is still free. Raises SlotTaken, NotOffered, NotBookable, DiaryBusy."""

    def retaken(outrun: int) -> Appointment:
        held = _locked(appointment)
        if held.patient is None and (held.status == Status.EXPIRED or held.has_run_out(now)):
            _take_again(held, outrun, now)
        return held

    return run(retaken)


def let_go(*, appointment: int, now: datetime) -> None:
    """Gives a held time back at once."""

    def released(_outrun: int) -> None:
        held = _locked(appointment)
        if held.status == Status.HELD:
            held.step_to(Status.EXPIRED, by=None, now=now)

    run(released)


def save_typed(*, appointment: int, typed: dict[str, Any], now: datetime) -> None:
    """Keeps what was typed so far with the hold, for as long as nobody is booked."""
    Appointment.objects.filter(pk=appointment, patient=None).update(typed=typed)


def confirm_hold(*, appointment: int, details: Details, now: datetime) -> Appointment:
    """Makes the held time the patient's; one that ran out is taken again. Once it is booked, does nothing.

    Raises SlotTaken, NotOffered, NotBookable, TooManyWaiting, DiaryBusy.
    """

    def confirmed(outrun: int) -> Appointment:
        held = _locked(appointment)
        if held.patient is not None:
            return held
        if held.status == Status.EXPIRED or held.has_run_out(now):
            _take_again(held, outrun, now)
        whom = find_or_add(details, now=now)
        by_staff = held.visit_type.confirmation == held.visit_type.Confirmation.BY_STAFF
        rules = BookingRules.current()
        agreed = _agreed(by_staff, whom, rules, now)
        status = agreed.pop("status")
        told = {**_told(held), "told_status": status}
        held.step_to(status, by=None, now=now, typed=None, **agreed, **_words(details), **told)
        emails.tell_booked(held, practice=Practice.objects.first(), rules=rules, now=now)
        return held

    return run(confirmed)


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
        moving = _locked(appointment)
        if not moving.is_standing or moving.has_run_out(now):
            raise StepRefused(_("This appointment is %s; it cannot be moved.") % moving.get_status_display())
        if audience is Audience.PATIENTS:
            _refuse_too_late(moving, now)
        wish = Wish(moving.visit_type_id, starts_at, location, provider, audience, now, ignoring=moving.pk)
        was_at = moving.starts_at
        _occupy(moving, claim(wish, outrun=outrun))
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
        waiting = _locked(appointment)
        if waiting.status != Status.REQUESTED or waiting.has_run_out(now):
            raise StepRefused(_("This booking does not wait for us any more."))
        waiting.step_to(Status.CONFIRMED, by=by, now=now, reason=reason, settled_at=now, tell_at=_told_after(now))
        return waiting

    return run(accepted)


def decline(*, appointment: int, by: User, now: datetime, reason: str = "") -> Appointment:
    """Staff say no to a booking that waits for them. Raises StepRefused."""
    return run(lambda _outrun: _given_up(_locked(appointment), Status.DECLINED, by, now, reason))


def cancel(*, appointment: int, by: User | None, now: datetime, reason: str = "") -> Appointment:
    """By staff, or by the patient when `by` is None. Raises StepRefused, and TooLate for patients."""

    def cancelled(_outrun: int) -> Appointment:
        ending = _locked(appointment)
        if by is None:
            _refuse_too_late(ending, now)
        return _given_up(ending, Status.CANCELLED, by, now, reason)

    return run(cancelled)


def reinstate(*, appointment: int, by: User | None, now: datetime, reason: str = "") -> Appointment:
    """Takes back a cancellation, a refusal or a lapse, if the time is still free.

    What waited for staff when it was cancelled waits again; all else is confirmed. Raises StepRefused, SlotTaken,
    NotOffered, DiaryBusy.
    """

    def reinstated(outrun: int) -> Appointment:
        back = _locked(appointment)
        waited = back.changes.filter(became=back.status, was=Status.REQUESTED).exists()
        status = Status.REQUESTED if waited and back.status == Status.CANCELLED else Status.CONFIRMED
        if back.patient is None or back.is_standing or not back.may_become(status):
            raise StepRefused(_("This appointment is %s; it cannot be taken back.") % back.get_status_display())
        # A visit that should be going on already is not refused as one of the past.
        as_of = min(now, back.starts_at - timedelta(seconds=1)) if by else now
        wish = Wish(
            back.visit_type_id, back.starts_at, back.location_id, back.provider_id, Audience.STAFF, as_of, back.pk
        )
        _occupy(back, claim(wish, outrun=outrun))
        expires_at = now + BookingRules.current().answer if status == Status.REQUESTED else None
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
        present = _locked(appointment)
        takes_back = status == Status.CONFIRMED and present.status in {Status.ARRIVED, Status.NO_SHOW}
        if status not in {Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW} and not takes_back:
            raise StepRefused(_("This is not a step of the day."))
        present.step_to(status, by=by, now=now, reason=reason)
        return present

    return run(stepped)


def say_coming(*, appointment: int, now: datetime) -> Appointment:
    """The patient says that they come. Raises StepRefused for what does not take place."""

    def said(_outrun: int) -> Appointment:
        coming = _locked(appointment)
        if not coming.is_standing or coming.starts_at <= now:
            raise StepRefused(_("This appointment is %s.") % coming.get_status_display())
        coming.is_coming_at = coming.is_coming_at or now
        coming.save(update_fields=["is_coming_at"])
        return coming

    return run(said)


def release_run_out(*, now: datetime) -> int:
    """Ends holds, and bookings that nobody confirmed in time; returns how many, at most a hundred."""

    def released(_outrun: int) -> int:
        ended = Appointment.objects.run_out(now).select_for_update(skip_locked=True)[:100]
        for appointment in ended:
            appointment.lapse(now=now)
        return len(ended)

    return run(released)


TIME = ["starts_at", "ends_at", "location", "provider"]


def _once(submission: uuid.UUID, work: Callable[[int], Appointment]) -> Appointment:
    """What `work` makes; what the same submission made before, when it was first."""
    try:
        return run(work)
    except (SlotTaken, NotOffered, IntegrityError) as error:
        if isinstance(error, IntegrityError) and broken_constraint(error) != "appointment_submission_once":
            raise
        if first := Appointment.objects.filter(submission=submission).first():
            return first
        raise


# What stands before an appointment's row is waited for as long as for a lock on resources.
LOCK_ROW = """
SELECT set_config('lock_timeout', '3s', true);
SELECT id FROM appointments_appointment WHERE id = %s FOR UPDATE
"""


def _locked(appointment: int) -> Appointment:
    """Locks first and then reads: who had to wait for the row would see it new, but with the old one's patient."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_ROW, [appointment])
    rows = Appointment.objects.select_related("visit_type", "patient", "location", "provider__provider")
    return rows.get(pk=appointment)


def _write(claimed: Claim, *, now: datetime, **fields: Any) -> Appointment:
    """A new appointment with its allocations and its first line of history."""
    appointment = Appointment(visit_type_id=claimed.plan.visit_type_pk, created_at=now, **fields)
    _set_time(appointment, claimed)
    if appointment.patient is not None:
        for name, value in {**_told(appointment), "told_status": appointment.status}.items():
            setattr(appointment, name, value)
    appointment.save(force_insert=True)
    Allocation.objects.bulk_create(claimed.allocations(appointment))
    Change.objects.create(
        appointment=appointment,
        by=appointment.booked_by,
        at=now,
        became=appointment.status,
        became_at=claimed.starts_at,
    )
    return appointment


def _set_time(appointment: Appointment, claimed: Claim) -> None:
    appointment.starts_at, appointment.ends_at = claimed.starts_at, claimed.ends_at
    appointment.location = claimed.place.location
    appointment.provider = claimed.plan.people[claimed.provider].resource if claimed.provider else None


def _occupy(appointment: Appointment, claimed: Claim) -> None:
    """Its allocations become those of the claim; nothing of the appointment itself is saved."""
    appointment.allocations.all().delete()
    _set_time(appointment, claimed)
    Allocation.objects.bulk_create(claimed.allocations(appointment))


def _take_again(held: Appointment, outrun: int, now: datetime) -> None:
    wish = Wish(held.visit_type_id, held.starts_at, held.location_id, held.provider_id, Audience.PATIENTS, now, held.pk)
    claimed = claim(wish, outrun=outrun)
    _occupy(held, claimed)
    held.expires_at, held.times_kept = now + claimed.plan.rules.hold, 0
    if held.status == Status.EXPIRED:
        held.step_to(Status.HELD, by=None, now=now, expires_at=held.expires_at, times_kept=0)
    else:
        held.save(update_fields=["expires_at", "times_kept"])


def _agreed(waits_for_staff: bool, patient: Patient, rules: BookingRules, now: datetime) -> dict[str, Any]:
    """The fields of an appointment that has become somebody's. Raises TooManyWaiting."""
    if not waits_for_staff:
        return {"status": Status.CONFIRMED, "patient": patient, "settled_at": now, "expires_at": None}
    waiting = Appointment.objects.awaiting_answer().filter(
        patient__in=Patient.objects.reached_by(email=patient.email, phone_e164=patient.phone_e164)
    )
    if waiting.count() >= rules.most_requested:
        raise TooManyWaiting(_("You have bookings that wait for our answer already. Please call us to book another."))
    return {"status": Status.REQUESTED, "patient": patient, "settled_at": now, "expires_at": now + rules.answer}


def _given(details: Details | None) -> Details:
    if details is None:
        raise ValueError("A booking needs a patient, or the details of one.")
    return details


def _words(details: Details | None) -> dict[str, str]:
    if details is None:
        return {}
    return {
        "message": details.message,
        "consent_text": details.consent_text,
        "consent_version": details.consent_version,
    }


def _told(appointment: Appointment) -> dict[str, Any]:
    """What the first letter says, which goes out with the booking."""
    return {
        "told_starts_at": appointment.starts_at,
        "told_location": appointment.location,
        "told_provider": appointment.provider,
    }


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
