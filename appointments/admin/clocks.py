"""Times at the desk: each in the zone of its location."""

from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format, time_format

from appointments import zones
from appointments.models import Appointment
from clinic.models import Location


def zone_of(location: Location) -> tzinfo:
    """The admin has set the practice's zone, so a location that has no other needs no look at the practice."""
    return location.zone if location.time_zone else timezone.get_current_timezone()


def start(appointment: Appointment) -> datetime:
    return appointment.starts_at.astimezone(zone_of(appointment.location))


def end(appointment: Appointment) -> datetime:
    return appointment.ends_at.astimezone(zone_of(appointment.location))


def zone_name(appointment: Appointment) -> str:
    """“Berlin time” where the clock is not the practice's own, else ""."""
    zone = zone_of(appointment.location)
    is_ours = str(zone) == timezone.get_current_timezone_name()
    return zones.zone_name(zone) if isinstance(zone, ZoneInfo) and not is_ours else ""


def clock(instant: datetime) -> str:
    return time_format(instant, "TIME_FORMAT")


def day_name(day: date) -> str:
    return date_format(day, "l, F j, Y")


def when(appointment: Appointment) -> str:
    """“Tuesday, March 3, 2026, 9:40 a.m.”, with the zone where it is not the practice's."""
    begins = start(appointment)
    words = f"{day_name(begins.date())}, {clock(begins)}"
    return f"{words} {zone}" if (zone := zone_name(appointment)) else words
