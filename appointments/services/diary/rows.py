"""The rows of an appointment: itself, its allocations and the first line of its history."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection

from appointments.models import Allocation, Appointment, Change
from appointments.services.claims import Claim, NotOffered, SlotTaken, broken_constraint, run

# What stands before an appointment's row is waited for as long as for a lock on resources.
LOCK_ROW = """
SELECT set_config('lock_timeout', '3s', true);
SELECT id FROM appointments_appointment WHERE id = %s FOR UPDATE
"""


def locked(appointment: int) -> Appointment:
    """Locks first and then reads: who had to wait for the row would see it new, but with the old one's patient."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_ROW, [appointment])
    rows = Appointment.objects.select_related("visit_type", "patient", "location", "provider__provider")
    return rows.get(pk=appointment)


def once(submission: uuid.UUID, work: Callable[[int], Appointment]) -> Appointment:
    """What `work` makes; what the same submission made before, when it was first."""
    try:
        return run(work)
    except (SlotTaken, NotOffered, IntegrityError) as error:
        if isinstance(error, IntegrityError) and broken_constraint(error) != "appointment_submission_once":
            raise
        if first := Appointment.objects.filter(submission=submission).first():
            return first
        raise


def write(claimed: Claim, *, now: datetime, **fields: Any) -> Appointment:
    """A new appointment with its allocations and its first line of history."""
    appointment = Appointment(visit_type_id=claimed.plan.visit_type_pk, created_at=now, **fields)
    _set_time(appointment, claimed)
    if appointment.patient is not None:
        for name, value in told(appointment, appointment.status).items():
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


def occupy(appointment: Appointment, claimed: Claim) -> None:
    """Its allocations become those of the claim; nothing of the appointment itself is saved."""
    appointment.allocations.all().delete()
    _set_time(appointment, claimed)
    Allocation.objects.bulk_create(claimed.allocations(appointment))


def told(appointment: Appointment, status: str) -> dict[str, Any]:
    """What the first letter says, which goes out with the booking."""
    return {
        "told_status": status,
        "told_starts_at": appointment.starts_at,
        "told_location": appointment.location,
        "told_provider": appointment.provider,
    }
