"""What the admin shows of an appointment, each a column of the list or a line of its page."""

from urllib.parse import quote

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.admin import clocks
from appointments.admin.shown import NEW_LINE, NOTHING
from appointments.models import Appointment, AppointmentRequest, Change, Patient, Status

MOST = 50


def link(name: str, pk: int, words: object) -> SafeString:
    return format_html('<a href="{}"><bdi>{}</bdi></a>', reverse(f"admin:appointments_{name}_change", args=[pk]), words)


def _of(appointment: Appointment) -> Patient:
    # The list and the page hold only those that are somebody's.
    assert appointment.patient is not None  # noqa: S101 -- for the type checker
    return appointment.patient


@admin.display(description=_("when"), ordering="starts_at")
def when(appointment: Appointment) -> str:
    begins = clocks.start(appointment)
    words = f"{date_format(begins, 'D, M j, Y')}, {clocks.clock(begins)}"
    return f"{words} {zone}" if (zone := clocks.zone_name(appointment)) else words


@admin.display(description=_("patient"), ordering="patient__name")
def patient(appointment: Appointment) -> SafeString:
    # A name in Arabic must not turn the order of its neighbours.
    return format_html("<bdi>{}</bdi>", _of(appointment).name)


@admin.display(description=_("phone"))
def call(appointment: Appointment) -> SafeString | str:
    whom = _of(appointment)
    return format_html('<a href="tel:{}"><bdi>{}</bdi></a>', whom.phone_e164, whom.phone) if whom.phone else NOTHING


@admin.display(description=_("email"))
def write(appointment: Appointment) -> SafeString | str:
    whom = _of(appointment)
    if not whom.email:
        return NOTHING
    subject = str(_("Your appointment %(reference)s") % {"reference": appointment.reference})
    return format_html('<a href="mailto:{}?subject={}">{}</a>', quote(whom.email, safe="@"), quote(subject), whom.email)


@admin.display(description=_("note about the patient"))
def patient_note(appointment: Appointment) -> str:
    return _of(appointment).note or NOTHING


@admin.display(description=_("day and time"))
def time(appointment: Appointment) -> str:
    words = gettext("%(when)s until %(end)s, %(minutes)d minutes")
    told = {
        "when": clocks.when(appointment),
        "end": clocks.clock(clocks.end(appointment)),
        "minutes": appointment.length.total_seconds() // 60,
    }
    return words % told


@admin.display(description=_("occupies"))
def rooms(appointment: Appointment) -> SafeString | str:
    """Everybody and everything that is kept for it, with from and until when, buffers included."""
    zone = clocks.zone_of(appointment.location)
    taken = appointment.allocations.select_related("resource").order_by("occupied", "resource")[:MOST]
    rows = (
        (
            one.resource.name,
            clocks.clock(one.occupied.lower.astimezone(zone)),
            clocks.clock(one.occupied.upper.astimezone(zone)),
        )
        for one in taken
        if one.blocking
    )
    return format_html_join(NEW_LINE, "{}, {}–{}", rows) or str(_("nothing: its time is free for others"))


@admin.display(description=_("status"))
def status(appointment: Appointment) -> SafeString | str:
    words = appointment.get_status_display()
    if appointment.is_standing and appointment.expires_at:
        until = timezone.localtime(appointment.expires_at)
        told = {"status": words, "until": date_format(until, "DATETIME_FORMAT")}
        return gettext("%(status)s; its time is kept until %(until)s") % told
    return words


@admin.display(description=_("confirmed attendance"))
def coming(appointment: Appointment) -> str:
    at = appointment.is_coming_at
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else NOTHING


@admin.display(description=_("agreed to"))
def consent(appointment: Appointment) -> str:
    return f"{appointment.consent_text} ({appointment.consent_version})" if appointment.consent_text else NOTHING


@admin.display(description=_("came by"))
def came_by(appointment: Appointment) -> str:
    if appointment.booked_by is None:
        return str(_("the website"))
    return str(_("booked by %(colleague)s") % {"colleague": appointment.booked_by})


@admin.display(description=_("from the request"))
def asked(appointment: Appointment) -> SafeString | str:
    request = appointment.request
    return link("appointmentrequest", request.pk, request) if request else NOTHING


@admin.display(description=_("history"))
def history(appointment: Appointment) -> SafeString | str:
    rows = (_told(appointment, change) for change in appointment.changes.select_related("by")[:MOST])
    return format_html_join("", '<p class="note"><bdi>{}</bdi><span class="by">{}, {}</span></p>', rows) or NOTHING


def _told(appointment: Appointment, change: Change) -> tuple[str, object, str]:
    words = str(change) if change.was != change.became else gettext("moved")
    if not change.was:
        words = gettext("booked, %(status)s") % {"status": change.get_became_display()}
    if change.was_at and change.became_at:
        zone = clocks.zone_of(appointment.location)
        moved = [date_format(at.astimezone(zone), "DATETIME_FORMAT") for at in (change.was_at, change.became_at)]
        words = gettext("%(step)s: %(before)s → %(after)s") % {"step": words, "before": moved[0], "after": moved[1]}
    if change.reason:
        words = f"{words} ({change.reason})"
    by = change.by or (_("automatic") if change.became == Status.EXPIRED else _("the patient"))
    return words, by, date_format(timezone.localtime(change.at), "DATETIME_FORMAT")


@admin.display(description=_("reminders"))
def reminders(appointment: Appointment) -> SafeString | str:
    rows = (
        (reminder.days_before, reminder.letter.get_state_display() if reminder.letter else _("passed over"))
        for reminder in appointment.reminders.select_related("letter")[:MOST]
    )
    return format_html_join(NEW_LINE, gettext("{} days before: {}"), rows) or NOTHING


@admin.display(description=_("appointment"))
def booked(request: AppointmentRequest) -> SafeString | str:
    """Of a request: what it was booked as."""
    made = request.appointments.select_related("location").order_by("-pk")[:MOST]
    rows = (
        (link("appointment", one.pk, one.reference), f"{clocks.when(one)}, {one.get_status_display()}") for one in made
    )
    return format_html_join(NEW_LINE, "{}, {}", rows) or NOTHING
