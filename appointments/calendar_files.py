"""The calendar file of an appointment. It names no treatment and carries no link: calendars are shared and synced."""

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vCalAddress

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]
PRODUCT = "-//Clinic website//Appointments//EN"


def calendar_file(
    *,
    method: Method,
    uid: str,
    sequence: int,
    starts_at: datetime,
    ends_at: datetime,
    zone: ZoneInfo,
    stamped_at: datetime,
    practice_name: str,
    organizer_email: str,
    attendee_email: str = "",
    address: str,
    phone: str,
    reference: str,
) -> str:
    """An iCalendar text (RFC 5545) of one visit, its lines ended by CR LF.

    PUBLISH is a copy to download; REQUEST invites and changes, CANCEL takes back, both by mail (RFC 5546 section 3.2).
    A change keeps `uid` and raises `sequence`, and a cancellation raises it too: a lower one is ignored.
    The instants are aware, `zone` is the clock at the location. `organizer_email` is the address that letters are
    sent from: calendars ignore a change that another sent (RFC 6047 section 2.2.1). A PUBLISH holds neither address.
    Raises ValueError for a naive instant, an end that is not after the start, and mail without an attendee.
    """
    if any(instant.utcoffset() is None for instant in (starts_at, ends_at, stamped_at)):
        raise ValueError("A calendar file needs instants that know their zone.")
    if ends_at <= starts_at:
        raise ValueError("A visit ends after it starts.")
    if method != "PUBLISH" and not attendee_email:
        raise ValueError("An invitation names who is invited.")
    name = " ".join(practice_name.split())
    place = ", ".join(line.strip(" ,") for line in address.splitlines() if line.strip())
    event = Event()
    event.add("UID", uid)
    event.add("SEQUENCE", sequence)
    # In UTC, without a VTIMEZONE: a single visit is an instant (RFC 5545 section 3.3.5, form 2), which every client
    # shows on its own clock. Outlook for the desktop is reported to misread a zone that is written as a list of
    # dates, which is how icalendar writes it, and to be an hour off.
    event.add("DTSTAMP", stamped_at.astimezone(UTC))
    event.add("DTSTART", starts_at.astimezone(UTC))
    event.add("DTEND", ends_at.astimezone(UTC))
    event.add("SUMMARY", _("Appointment at %(practice)s") % {"practice": name})
    event.add("LOCATION", place)
    event.add("DESCRIPTION", _description(starts_at.astimezone(zone), reference, phone))
    event.add("STATUS", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    event.add("CLASS", "PRIVATE")
    # No VALARM: the practice reminds by letter, and one would still ring where a cancellation was not understood.
    if method != "PUBLISH":
        _add_people(event, name, organizer_email, attendee_email)
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("METHOD", method)
    calendar.add_component(event)
    return calendar.to_ical().decode()


def _add_people(event: Event, name: str, organizer_email: str, attendee_email: str) -> None:
    """Only where people are invited: RFC 5545 section 3.8.4.3 forbids an organizer of anything else."""
    organizer = vCalAddress(f"mailto:{organizer_email}")
    organizer.params["CN"] = name
    attendee = vCalAddress(f"mailto:{attendee_email}")
    # They chose the time themselves, and nobody reads an answer.
    attendee.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    event.add("ORGANIZER", organizer)
    event.add("ATTENDEE", attendee)


def _description(starts_at: datetime, reference: str, phone: str) -> str:
    """With the time on the clock of the place, for a reader who is elsewhere today."""
    lines = [
        _("Local time: %(time)s") % {"time": date_format(starts_at, "DATETIME_FORMAT")},
        _("Reference: %(reference)s") % {"reference": reference},
        _("Phone: %(phone)s") % {"phone": phone},
    ]
    return "\n".join(lines)
