"""A time becomes a patient's."""

import uuid
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from appointments.availability import Audience
from appointments.emails import appointments as emails
from appointments.models import (
    Appointment,
    AppointmentRequest,
    BookingRules,
    Patient,
    Status,
)
from appointments.services.claims import Wish, claim, run
from appointments.services.diary.holds import take_again
from appointments.services.diary.rows import locked, once, told, write
from appointments.services.patients import Details, find_or_add
from clinic.models import Practice, User


class TooManyWaiting(Exception):
    """One contact may have only so many bookings that wait for staff."""


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

    A repeated `submission` gives the first one's appointment; a `request` is answered by it in the same transaction,
    and the mailing that it came by is the booking's too.
    Raises SlotTaken, NotOffered, NotBookable, TooManyWaiting, DiaryBusy, and StatusRefused of the request.
    """
    wish = Wish(visit_type, starts_at, location, provider, audience, now)

    def booked(outrun: int) -> Appointment:
        claimed = claim(wish, outrun=outrun)
        rules, waits = claimed.plan.rules, claimed.plan.is_confirmed_by_staff and by is None
        answer_by = rules.answer_by(starts_at, now=now) if waits else None
        whom = patient or find_or_add(_given(details), now=now)
        appointment = write(
            claimed,
            **_agreed(whom, answer_by, rules, now),
            **_words(details),
            now=now,
            submission=submission,
            booked_by=by,
            request=request,
            came_from=request.came_from if request else "",
        )
        if request is not None and by is not None:
            request.patient = whom
            request.save(update_fields=["patient"])
            request.mark_booked(by=by, now=now)
        emails.tell_booked(appointment, practice=Practice.objects.first(), rules=rules, now=now)
        return appointment

    return once(submission, booked)


def confirm_hold(*, appointment: int, details: Details, now: datetime) -> Appointment:
    """Makes the held time the patient's; one that ran out is taken again. Once it is booked, does nothing.

    Raises SlotTaken, NotOffered, NotBookable, TooManyWaiting, DiaryBusy.
    """

    def confirmed(outrun: int) -> Appointment:
        held = locked(appointment)
        if held.patient is not None:
            return held
        if held.status == Status.EXPIRED or held.has_run_out(now):
            take_again(held, outrun, now)
        whom = find_or_add(details, now=now)
        by_staff = held.visit_type.confirmation == held.visit_type.Confirmation.BY_STAFF
        rules = BookingRules.current()
        answer_by = rules.answer_by(held.starts_at, now=now) if by_staff else None
        agreed = _agreed(whom, answer_by, rules, now)
        status = agreed.pop("status")
        held.step_to(status, by=None, now=now, typed=None, **agreed, **_words(details), **told(held, status))
        emails.tell_booked(held, practice=Practice.objects.first(), rules=rules, now=now)
        return held

    return run(confirmed)


def _agreed(patient: Patient, answer_by: datetime | None, rules: BookingRules, now: datetime) -> dict[str, Any]:
    """The fields of an appointment that has become somebody's; staff confirm by `answer_by`. Raises TooManyWaiting."""
    if answer_by is None:
        return {"status": Status.CONFIRMED, "patient": patient, "settled_at": now, "expires_at": None}
    _take_turns(patient)
    waiting = Appointment.objects.awaiting_answer().filter(
        patient__in=Patient.objects.reached_by(email=patient.email, phone_e164=patient.phone_e164)
    )
    if waiting.count() >= rules.most_requested:
        raise TooManyWaiting(_("You have bookings that wait for our answer already. Please call us to book another."))
    return {"status": Status.REQUESTED, "patient": patient, "settled_at": now, "expires_at": answer_by}


def _take_turns(patient: Patient) -> None:
    """Who sends several at the same moment is counted like one who sends them one after the other."""
    contacts = sorted(filter(None, [patient.email.casefold(), patient.phone_e164]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7344, hashtext(c)) FROM unnest(%s::text[]) AS t(c)", [contacts])


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
