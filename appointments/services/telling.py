"""Telling patients what has changed, once the time to take it back is over."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from appointments.emails import appointments as emails
from appointments.links import AFTER_THE_VISIT, MANAGE
from appointments.models import Appointment, BookingRules, Patient, Status
from appointments.services.sweeping import MOST_AT_ONCE, GoesOn, always, one_by_one
from clinic import letters, mail_links
from clinic.models import Letter, Practice

# Visits of one patient whose links may still work.
MOST_RECENT = 100
STANDING = {Status.REQUESTED, Status.CONFIRMED}
# What ended without a visit, and the letter that says so.
ENDS = {Status.CANCELLED: "cancelled", Status.DECLINED: "declined", Status.EXPIRED: "lapsed"}


def tell_changes(*, now: datetime, goes_on: GoesOn = always) -> int:
    """Writes a letter of each change whose time to be told has come; returns how many were written.

    What the patient knows already, as after a change and its reversal, is not told; of several changes only what
    they came to. `goes_on` is asked before each.
    """
    due = Appointment.objects.filter(tell_at__lte=now).order_by("tell_at", "pk").values_list("pk", flat=True)
    jobs = [(pk, now) for pk in due[:MOST_AT_ONCE]]
    return one_by_one(_tell, jobs, goes_on=goes_on)


def _tell(appointment_pk: int, now: datetime) -> Letter | None:
    with transaction.atomic():
        # Somebody is changing it right now, or has told of it.
        if not Appointment.objects.filter(pk=appointment_pk, tell_at__lte=now).lock():
            return None
        appointment = Appointment.objects.select_related(
            "patient", "location", "provider__provider", "told_location", "told_provider__provider"
        ).get(pk=appointment_pk)
        template = _letter_for(appointment, now)
        if template is None:
            _tell_at(appointment, None)
            return None
        if (
            template == "moved"
            and _is_of_the_patient(appointment)
            and (wait := emails.may_write_again(appointment, now=now))
        ):
            # Later, and then all at once: whoever moves it again and again fills nobody's mailbox.
            _tell_at(appointment, now + wait)
            return None
        # Whatever waits to be sent about it is no longer true.
        letters.withdraw(_letters_about(appointment), now=now)
        letter = _write(template, appointment, now)
        _note_as_told(appointment)
        return letter


def _letter_for(appointment: Appointment, now: datetime) -> str | None:
    """The template of what the patient does not know yet; None when there is nothing, or it is over anyway."""
    status, told = Status(appointment.status), appointment.told_status
    if status in ENDS:
        is_news = told in STANDING and (appointment.told_starts_at or appointment.starts_at) > now
        return ENDS[status] if is_news else None
    # Who has arrived, or did not come, needs no letter.
    if status not in STANDING or appointment.starts_at <= now:
        return None
    if told != status:
        return "confirmed" if status == Status.CONFIRMED else "waiting"
    return "moved" if _as_it_stands(appointment) != _as_told(appointment) else None


def _is_of_the_patient(appointment: Appointment) -> bool:
    """Whether nobody of the staff made the last change: what they move is told in time, whatever strangers typed."""
    last = appointment.changes.last()
    return last is None or last.by_id is None


def _as_it_stands(appointment: Appointment) -> tuple[datetime | int | None, ...]:
    return appointment.starts_at, appointment.location_id, appointment.provider_id


def _as_told(appointment: Appointment) -> tuple[datetime | int | None, ...]:
    return appointment.told_starts_at, appointment.told_location_id, appointment.told_provider_id


def _write(template: str, appointment: Appointment, now: datetime) -> Letter | None:
    practice = Practice.objects.first()
    if Status(appointment.status) in ENDS:
        return emails.tell_of_end(template, appointment, practice=practice, now=now)
    was = emails.told_visit(appointment, practice)
    rules = BookingRules.current()
    return emails.tell_of_standing(template, appointment, practice=practice, rules=rules, now=now, was=was)


def forget_old_address(patient: Patient, *, now: datetime) -> None:
    """After a mail address was corrected: whoever has the letters to the wrong one can do nothing with them."""
    with transaction.atomic():
        # Older ones have links that ended by themselves.
        recent = patient.appointments.filter(ends_at__gt=now - AFTER_THE_VISIT).order_by("-starts_at")[:MOST_RECENT]
        mail_links.end(MANAGE, [appointment.pk for appointment in recent], now=now)
        for appointment in recent:
            letters.withdraw(_letters_about(appointment), now=now)


def _letters_about(appointment: Appointment) -> QuerySet[Letter]:
    """Earlier letters that lead to its page. The first bound is one that the database can look up."""
    return Letter.objects.filter(
        created_at__gte=appointment.created_at, links__link__purpose=MANAGE, links__link__object=appointment.pk
    )


def _tell_at(appointment: Appointment, instant: datetime | None) -> None:
    appointment.tell_at = instant
    appointment.save(update_fields=["tell_at"])


def _note_as_told(appointment: Appointment) -> None:
    """By letter, or to somebody without an email address by whoever made the change."""
    appointment.told_status, appointment.told_starts_at = appointment.status, appointment.starts_at
    appointment.told_location, appointment.told_provider = appointment.location, appointment.provider
    appointment.tell_at = None
    appointment.save(update_fields=["told_status", "told_starts_at", "told_location", "told_provider", "tell_at"])
