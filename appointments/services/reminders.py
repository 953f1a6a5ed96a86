"""Reminders of visits: so many days before on the wall clock of the place, late rather than never, once each."""

from datetime import datetime

from django.db import connection, transaction

from appointments.emails import appointments as emails
from appointments.models import Appointment, BookingRules, Reminder, Status
from appointments.services.sweeping import MOST_AT_ONCE, GoesOn, always, one_by_one
from clinic import letters
from clinic.models import Letter, Practice

# What is due: confirmed, told of as it stands, to begin soon, and agreed before the reminder's instant, which is
# `days` earlier at the same hour on the clock there. A reminder that was written covers those of more days.
DUE = """
    SELECT visit.id, visit.starts_at, array_agg(before.days ORDER BY before.days)
    FROM appointments_appointment visit
    JOIN appointments_patient patient ON patient.id = visit.patient_id
    JOIN clinic_location place ON place.id = visit.location_id
    CROSS JOIN LATERAL (
        SELECT coalesce(nullif(place.time_zone, ''), (SELECT time_zone FROM clinic_practice), 'UTC') AS name
    ) zone
    CROSS JOIN unnest(%(days)s::int[]) AS before (days)
    CROSS JOIN LATERAL (
        SELECT (visit.starts_at AT TIME ZONE zone.name - make_interval(days => before.days))
            AT TIME ZONE zone.name AS at
    ) due
    WHERE visit.starts_at > %(now)s AND visit.starts_at < %(now)s + make_interval(days => %(most)s + 1)
    AND visit.status = 'confirmed' AND visit.tell_at IS NULL AND patient.email <> ''
    AND due.at <= %(now)s AND due.at > coalesce(visit.settled_at, visit.created_at)
    AND NOT EXISTS (
        SELECT FROM appointments_reminder written
        WHERE written.appointment_id = visit.id AND written.starts_at = visit.starts_at
        AND written.days_before <= before.days
    )
    GROUP BY visit.id ORDER BY visit.starts_at, visit.id LIMIT %(limit)s
"""


def write_due(*, now: datetime, goes_on: GoesOn = always) -> int:
    """Writes the reminders whose time has come; returns how many. Two queries when there are none.

    Of several that are due for one visit only the nearest is written, and the others are noted as passed over.
    None is ever sent once the visit has begun.
    """
    rules = BookingRules.current()
    days = sorted(rules.reminder_offsets)
    if not days:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"days": days, "most": days[-1], "now": now, "limit": MOST_AT_ONCE})
        due = cursor.fetchall()
    practice = Practice.objects.first() if due else None
    jobs = [(pk, starts_at, days_due, practice, rules, now) for pk, starts_at, days_due in due]
    return one_by_one(_remind, jobs, goes_on=goes_on)


def withdraw(appointment: Appointment, *, now: datetime) -> None:
    """Takes back the reminders of an appointment that have not left. Call it in the transaction that moves or ends it.

    They are forgotten too: should the change be taken back, they are due again. Two statements.
    """
    mine = Reminder.objects.filter(appointment=appointment, letter__isnull=False)
    letters.withdraw(Letter.objects.filter(pk__in=mine.values("letter")), now=now)
    mine.filter(letter__state=Letter.State.WITHDRAWN).delete()


def _remind(
    appointment_pk: int,
    starts_at: datetime,
    days_due: list[int],
    practice: Practice | None,
    rules: BookingRules,
    now: datetime,
) -> bool:
    with transaction.atomic():
        # Somebody is moving or cancelling it right now.
        if not Appointment.objects.filter(pk=appointment_pk, starts_at=starts_at, status=Status.CONFIRMED).lock():
            return False
        appointment = Appointment.objects.select_related("patient", "location", "provider__provider").get(
            pk=appointment_pk
        )
        letter = emails.tell_of_standing("reminder", appointment, practice=practice, rules=rules, now=now)
        # A second worker that is at the same breaks on the constraint, and its letter with it.
        Reminder.objects.bulk_create(
            Reminder(appointment=appointment, starts_at=starts_at, days_before=days, letter=None if number else letter)
            for number, days in enumerate(days_due)
        )
    return True
