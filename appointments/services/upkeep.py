"""What the worker does for the diary every few seconds."""

from datetime import datetime, timedelta
from functools import partial
from operator import call

from django.db import transaction
from django.db.models import Exists, OuterRef

from appointments.models import Appointment, Change, Status
from appointments.models.appointment import AppointmentQuerySet
from appointments.services import diary, reminders, telling
from appointments.services.sweeping import GoesOn, one_by_one

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_REMOVED = 500


def sweep(*, now: datetime, goes_on: GoesOn) -> None:
    """Ends what ran out, then tells of changes and reminds, then removes what nobody filled in.

    `goes_on` is asked between jobs and within the long ones. A job that breaks leaves the others their turn; raises
    OperationalError and InterfaceError when the database is away.
    """
    jobs = (
        partial(diary.release_run_out, now=now),
        partial(telling.tell_changes, now=now, goes_on=goes_on),
        partial(reminders.write_due, now=now, goes_on=goes_on),
        partial(forget_typed, now=now),
        partial(remove_never_filled, now=now),
    )
    one_by_one(call, ((job,) for job in jobs), goes_on=goes_on)


def forget_typed(*, now: datetime) -> None:
    """What was typed for a hold is gone an hour after its end; until then nothing has to be typed twice."""
    _never_filled(HOUR, now).filter(typed__isnull=False).update(typed=None)


def remove_never_filled(*, now: datetime) -> None:
    """Holds that became nobody's appointment are removed after a day, some hundred at a time."""
    with transaction.atomic():
        # Locked, so that none goes that is taken up again at this moment.
        locked = _never_filled(DAY, now).order_by("created_at").select_for_update(skip_locked=True)
        gone = list(locked.values_list("pk", flat=True)[:MOST_REMOVED])
        if gone:
            Appointment.objects.filter(pk__in=gone).delete()


def _never_filled(age: timedelta, now: datetime) -> AppointmentQuerySet:
    """Ended holds that were made so long ago and ended at least an hour ago: kept or taken again, one lasts longer."""
    lately = Change.objects.filter(appointment=OuterRef("pk"), at__gt=now - HOUR)
    return Appointment.objects.filter(
        ~Exists(lately), patient__isnull=True, status=Status.EXPIRED, created_at__lt=now - age
    )
