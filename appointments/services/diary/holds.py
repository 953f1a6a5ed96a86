"""A time that is kept while somebody types."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from appointments.availability import Audience
from appointments.models import (
    Appointment,
    BookingRules,
    Status,
)
from appointments.services.claims import Wish, claim, run
from appointments.services.diary.rows import locked, occupy, once, write

CARRIED_FOR = timedelta(minutes=10)
LET_GO = "let go"
MOST_TIMES_KEPT = 10  # WCAG 2.2, 2.2.1: the limit can be extended at least ten times


class HoldEnded(Exception):
    """The hold ran out, or was kept as often as it may be."""


def hold(
    *,
    visit_type: str | int,
    starts_at: datetime,
    location: int | None,
    provider: int | None,
    submission: uuid.UUID,
    holder: uuid.UUID | None,
    now: datetime,
    came_from: str = "",
) -> Appointment:
    """Keeps a time for some minutes while somebody types. Raises SlotTaken, NotOffered, NotBookable, DiaryBusy.

    `came_from` is the code of the mailing whose link led here (clinic.came_from), or nothing.
    A repeated `submission` gives the first one's appointment, held again if it ran out and is still free.
    """
    wish = Wish(visit_type, starts_at, location, provider, Audience.PATIENTS, now)

    def held(outrun: int) -> Appointment:
        claimed = claim(wish, outrun=outrun)
        return write(
            claimed,
            status=Status.HELD,
            now=now,
            submission=submission,
            holder=holder,
            came_from=came_from,
            expires_at=now + claimed.plan.rules.hold,
        )

    first = once(submission, held)
    return retake(appointment=first.pk, now=now) if first.has_run_out(now) else first


def keep(*, appointment: int, now: datetime) -> Appointment:
    """Holds it for the whole time again. Raises HoldEnded."""

    def kept(_outrun: int) -> Appointment:
        held = locked(appointment)
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
        held = locked(appointment)
        if held.patient is None and (held.status == Status.EXPIRED or held.has_run_out(now)):
            take_again(held, outrun, now)
        return held

    return run(retaken)


def let_go(*, appointment: int, now: datetime) -> None:
    """Gives a held time back at once."""

    def released(_outrun: int) -> None:
        held = locked(appointment)
        if held.status == Status.HELD:
            held.step_to(Status.EXPIRED, by=None, now=now, reason=LET_GO)

    run(released)


def save_typed(*, appointment: int, typed: dict[str, Any], now: datetime) -> None:
    """Keeps what was typed so far with the hold, for as long as nobody is booked."""
    Appointment.objects.filter(pk=appointment, patient=None).update(typed=typed)


def carry_typed(*, to: Appointment, now: datetime) -> None:
    """What the same browser typed for a time that it let go minutes ago comes along, once."""
    if to.holder is None or to.typed:
        return
    gone = Appointment.objects.filter(
        holder=to.holder,
        patient=None,
        typed__isnull=False,
        status=Status.EXPIRED,
        changes__reason=LET_GO,
        changes__at__gt=now - CARRIED_FOR,
    )
    if (source := gone.order_by("-pk").first()) is not None:
        save_typed(appointment=to.pk, typed=source.typed or {}, now=now)
        Appointment.objects.filter(pk=source.pk).update(typed=None)


def release_run_out(*, now: datetime) -> int:
    """Ends holds, and bookings that nobody confirmed in time; returns how many, at most a hundred."""

    def released(_outrun: int) -> int:
        ended = Appointment.objects.run_out(now).select_for_update(skip_locked=True)[:100]
        for appointment in ended:
            appointment.lapse(now=now)
        return len(ended)

    return run(released)


def take_again(held: Appointment, outrun: int, now: datetime) -> None:
    wish = Wish(held.visit_type_id, held.starts_at, held.location_id, held.provider_id, Audience.PATIENTS, now, held.pk)
    claimed = claim(wish, outrun=outrun)
    occupy(held, claimed)
    held.expires_at, held.times_kept = now + claimed.plan.rules.hold, 0
    if held.status == Status.EXPIRED:
        held.step_to(Status.HELD, by=None, now=now, expires_at=held.expires_at, times_kept=0)
    else:
        held.save(update_fields=["expires_at", "times_kept"])
