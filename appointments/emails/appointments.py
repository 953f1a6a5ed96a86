"""The letters about an appointment: when, where, with whom and what happens next. What it is for stands in none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format

from appointments.calendar_files import Method, calendar_file
from appointments.links import manage_link
from appointments.models import Appointment, BookingRules, Resource, Status
from appointments.zones import zone_name
from clinic import addresses, letters
from clinic.mail_links import Link
from clinic.models import Letter, Location, Practice
from clinic.rate_limits import Limit

# A limit of their own, so that nobody who types a stranger's address into other forms keeps this letter from them.
BOOKINGS_OF_ONE_MAILBOX = Limit("appointments.booking.mailbox", 10, timedelta(days=1))
FOLDER = "appointments/letters"


@dataclass(frozen=True)
class Moment:
    """An instant on the clock of a place, put into words when the template asks: in the letter's language."""

    instant: datetime
    zone: ZoneInfo

    @property
    def at(self) -> datetime:
        return self.instant.astimezone(self.zone)

    @property
    def day(self) -> str:
        return date_format(self.at, "l, F j, Y")

    @property
    def clock(self) -> str:
        """“9:40 a.m. EDT (Eastern Time)”; zones without letters of their own have their offset instead."""
        short, offset = self.at.strftime("%Z"), self.at.strftime("%z")
        zone = short if short.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}"
        return f"{date_format(self.at, 'g:i a')} {zone} ({zone_name(self.zone)})"


@dataclass(frozen=True)
class Visit:
    """A time at a place with somebody, as it stands or as the patient was told."""

    when: Moment
    place: Location
    provider: Resource | None

    @property
    def person(self) -> str:
        return str(self.provider.provider) if self.provider else ""


def tell_booked(
    appointment: Appointment, *, practice: Practice | None, now: datetime, rules: BookingRules | None = None
) -> None:
    """The first letter, of a booking that is confirmed at once or waits for staff, and then one to the front desk.

    Call it in the booking's transaction, after its locks on resources. One statement for each letter, one more to
    count (not for what staff booked), and one when the `rules` are not given. The patient, the location, the provider
    and the person that the provider is have been loaded. Somebody without an email address gets none.
    """
    if appointment.status == Status.REQUESTED:
        _tell_front_desk(appointment, practice, now)
    if appointment.booked_by_id is None and not _may_write(_email(appointment), now):
        return
    rules = rules or BookingRules.current()
    template = "waiting" if appointment.status == Status.REQUESTED else "booked"
    tell_of_standing(template, appointment, practice=practice, rules=rules, now=now)


def may_write_again(appointment: Appointment, *, now: datetime) -> timedelta | None:
    """Counts a letter that whoever holds the link can bring about again and again; how long it has to wait."""
    return BOOKINGS_OF_ONE_MAILBOX.count(addresses.mailbox(_email(appointment)), now=now)


def tell_of_standing(
    template: str,
    appointment: Appointment,
    *,
    practice: Practice | None,
    rules: BookingRules,
    now: datetime,
    was: Visit | None = None,
) -> Letter | None:
    """A letter about what is to take place: booked, waiting, confirmed, moved or reminder. It is void at the start.

    Those of a change name what `was` told before. None for a patient without an email address.
    """
    zone = _zone(appointment.location, practice)
    until = appointment.changeable_until(rules)
    return _write(
        template,
        appointment,
        practice,
        now,
        context={
            "visit": _visit(appointment, practice),
            "was": was,
            "until": Moment(until, zone) if until > now else None,
            "answer_by": appointment.expires_at and Moment(appointment.expires_at, zone),
            "has_said_so": appointment.is_coming_at is not None,
            "is_waiting": appointment.status == Status.REQUESTED,
            "rules": rules,
        },
        method="REQUEST" if appointment.status == Status.CONFIRMED and template != "reminder" else None,
        not_after=appointment.starts_at,
    )


def tell_of_end(template: str, appointment: Appointment, *, practice: Practice | None, now: datetime) -> Letter | None:
    """A letter that there is no appointment any more: cancelled, declined or lapsed. It names what had been told."""
    was = told_visit(appointment, practice)
    return _write(
        template,
        appointment,
        practice,
        now,
        context={"visit": was},
        # What was never confirmed is in no calendar.
        method="CANCEL" if appointment.told_status == Status.CONFIRMED else None,
        not_after=was.when.instant,
    )


def tell_links(appointments: Sequence[Appointment], *, to: str, practice: Practice | None, now: datetime) -> Letter:
    """The links to all that one mail address has before it. It may serve several people: the letter names none."""
    names = [f"link{number}" for number, _appointment in enumerate(appointments, 1)]
    return letters.write(
        template=f"{FOLDER}/links.txt",
        to=to,
        now=now,
        context={
            "lines": [
                {"visit": _visit(one, practice), "reference": one.reference, "link": f"[[{name}]]"}
                for name, one in zip(names, appointments, strict=True)
            ],
            "phone": practice.phone if practice else "",
        },
        links={name: manage_link(one, now=now) for name, one in zip(names, appointments, strict=True)},
        reply_to=practice.email if practice else "",
        practice=practice,
    )


def calendar_of(appointment: Appointment, *, method: Method, practice: Practice | None, now: datetime) -> str:
    """The calendar file of an appointment. What is cancelled is where the patient's calendar has it: as told."""
    visit = (told_visit if method == "CANCEL" else _visit)(appointment, practice)
    return calendar_file(
        method=method,
        uid=str(appointment.calendar_uid),
        sequence=appointment.sequence,
        starts_at=visit.when.instant,
        ends_at=visit.when.instant + appointment.length,
        zone=visit.when.zone,
        stamped_at=now,
        practice_name=practice.name if practice else visit.place.name,
        organizer_email=parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        attendee_email=_email(appointment),
        address=f"{visit.place.name}\n{visit.place.address_line}",
        phone=_phone(visit.place, practice),
        reference=appointment.reference,
    )


def told_visit(appointment: Appointment, practice: Practice | None) -> Visit:
    """What the patient was told last; as it stands, when that was nothing."""
    if appointment.told_starts_at is None or appointment.told_location is None:
        return _visit(appointment, practice)
    when = Moment(appointment.told_starts_at, _zone(appointment.told_location, practice))
    return Visit(when, appointment.told_location, appointment.told_provider)


def _visit(appointment: Appointment, practice: Practice | None) -> Visit:
    when = Moment(appointment.starts_at, _zone(appointment.location, practice))
    return Visit(when, appointment.location, appointment.provider)


def _zone(place: Location, practice: Practice | None) -> ZoneInfo:
    """The same as Location.zone, which would ask the database for the practice's."""
    return ZoneInfo(place.time_zone or (practice.time_zone if practice else "UTC"))


def _phone(place: Location, practice: Practice | None) -> str:
    return place.phone or (practice.phone if practice else "")


def _email(appointment: Appointment) -> str:
    return appointment.patient.email if appointment.patient else ""


def _write(
    template: str,
    appointment: Appointment,
    practice: Practice | None,
    now: datetime,
    *,
    context: Mapping[str, Any],
    method: Method | None,
    not_after: datetime,
) -> Letter | None:
    if not (to := _email(appointment)):
        return None
    links: dict[str, Link] = {"link": manage_link(appointment, now=now)}
    visit: Visit = context["visit"]
    return letters.write(
        template=f"{FOLDER}/{template}.txt",
        to=to,
        now=now,
        context={**context, "reference": appointment.reference, "phone": _phone(visit.place, practice)},
        links=links,
        reply_to=practice.email if practice else "",
        calendar=calendar_of(appointment, method=method, practice=practice, now=now) if method else "",
        not_after=not_after,
        practice=practice,
    )


def _may_write(email: str, now: datetime) -> bool:
    return bool(email) and BOOKINGS_OF_ONE_MAILBOX.count(addresses.mailbox(email), now=now) is None


def _tell_front_desk(appointment: Appointment, practice: Practice | None, now: datetime) -> None:
    """To the practice's own address; before there is one, the dashboard alone shows it."""
    if practice is None or not practice.email or appointment.expires_at is None:
        return
    letters.write(
        template=f"{FOLDER}/to_confirm.txt",
        to=practice.email,
        now=now,
        context={
            "reference": appointment.reference,
            "answer_by": Moment(appointment.expires_at, _zone(appointment.location, practice)),
            "page": settings.BASE_URL + reverse("admin:appointments_appointment_change", args=[appointment.pk]),
        },
        not_after=appointment.expires_at,
        practice=practice,
    )
