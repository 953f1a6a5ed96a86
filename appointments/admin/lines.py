"""Short lists on the pages of set-up: appointments, requests and other hours, each line a link."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.models import Appointment, AppointmentRequest, HoursException

MOST = 20


def appointment_lines(appointments: list[Appointment], *, total: int, none: str) -> SafeString | str:
    """The first twenty, each with day, time, who and what on the clock of its place; how many more of `total`."""
    rows = (
        (
            reverse("admin:appointments_appointment_change", args=[one.pk]),
            date_format(one.local_start, "D, M j, Y"),
            time_format(one.local_start.time()),
            one.patient.name if one.patient else "–",
            f"{one.visit_type}, {one.location}, {one.get_status_display()}",
        )
        for one in appointments[:MOST]
    )
    listed = format_html_join("", '<li><a href="{}">{}, {}</a> <bdi>{}</bdi> · {}</li>', rows)
    return _as_list(listed, total) if listed else none


def request_lines(requests: list[AppointmentRequest], *, total: int, none: str) -> SafeString | str:
    rows = (
        (
            reverse("admin:appointments_appointmentrequest_change", args=[one.pk]),
            one.reference,
            date_format(timezone.localtime(one.created_at), "DATE_FORMAT"),
            one.get_status_display(),
        )
        for one in requests[:MOST]
    )
    listed = format_html_join("", '<li><a href="{}">{}</a> {} · {}</li>', rows)
    return _as_list(listed, total) if listed else none


def exception_lines(exceptions: Iterable[HoursException]) -> SafeString:
    rows = (
        (
            reverse("admin:appointments_hoursexception_change", args=[one.pk]),
            days_of(one),
            " · ".join(filter(None, [one.get_kind_display(), times_of(one), whom(one), where(one), one.reason])),
        )
        for one in exceptions
    )
    return format_html('<ul class="lines">{}</ul>', format_html_join("", '<li><a href="{}">{}</a> {}</li>', rows))


def _as_list(listed: SafeString, number: int) -> SafeString:
    more = number - MOST
    rest = ngettext("and %d more", "and %d more", more) % more if more > 0 else ""
    return format_html('<ul class="lines">{}{}</ul>', listed, format_html("<li>{}</li>", rest) if rest else "")


def days_of(one: HoursException) -> str:
    first, last = date_format(one.starts_on, "D, M j, Y"), date_format(one.ends_on, "D, M j, Y")
    return first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}


def times_of(one: HoursException) -> str:
    if one.opens is None or one.closes is None:
        return _("all day")
    return f"{time_format(one.opens)}–{time_format(one.closes)}"


def whom(one: HoursException) -> str:
    return one.resource.name if one.resource else _("everybody and everything")


def where(one: HoursException) -> str:
    if one.location:
        return one.location.name
    return _("wherever they are") if one.resource else _("all locations")


def warn(request: HttpRequest, appointments: list[Appointment], *, url: str) -> None:
    """Says how many appointments are concerned, with a link to where they are listed; nothing when there are none."""
    if not appointments:
        return
    number = len(appointments)
    words = ngettext(
        "%d appointment lies in this time. It stays as it is: call the patient, then move or cancel it.",
        "%d appointments lie in this time. They stay as they are: call the patients, then move or cancel them.",
        number,
    )
    told = format_html('{} <a href="{}">{}</a>', words % number, url, _("Show them"))
    messages.warning(request, told)
