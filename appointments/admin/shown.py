"""What the admin shows of a request, each a column of the queue or a line of its page."""

from urllib.parse import quote

from django.contrib import admin
from django.template.defaultfilters import linebreaksbr
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentRequest

NOTHING = "–"
NEW_LINE = mark_safe("<br>")


@admin.display(description=_("patient"), ordering="name")
def patient(request: AppointmentRequest) -> SafeString:
    # A name in Arabic must not turn the order of its neighbours.
    return format_html("<bdi>{}</bdi>", request.name)


@admin.display(description=_("age"), ordering="-created_at")
def age(request: AppointmentRequest) -> SafeString | str:
    now = timezone.now()
    words = request.age(now)
    # The admin has set the practice's zone, so this is the practice's own date.
    if not request.is_overdue(timezone.localdate(now)):
        return words
    return format_html('<strong class="urgent">{}, {}</strong>', words, _("overdue"))


@admin.display(description=_("asks for"))
def asks_for(request: AppointmentRequest) -> str:
    return str(request.asks_for or _("not sure yet"))


@admin.display(description=_("asks for"))
def wish(request: AppointmentRequest) -> SafeString | str:
    """What the queue says of it: with the offer that came along."""
    if not request.offer_words:
        return asks_for(request)
    words = _("Offer: %(title)s") % {"title": request.offer_title}
    return format_html("{}<br><small>{}</small>", asks_for(request), words)


@admin.display(description=_("offer"))
def offer(request: AppointmentRequest) -> SafeString:
    """As the patient read it when they asked, whatever became of the offer since."""
    title, _newline, terms = request.offer_words.partition("\n")
    return format_html("<strong>{}</strong>{}{}", title, NEW_LINE, linebreaksbr(terms, autoescape=True))


@admin.display(description=_("phone"))
def call(request: AppointmentRequest) -> SafeString | str:
    if not request.phone:
        return NOTHING
    return format_html('<a href="tel:{}"><bdi>{}</bdi></a>', request.phone_e164, request.phone)


@admin.display(description=_("email"))
def write(request: AppointmentRequest) -> SafeString | str:
    if not request.email:
        return NOTHING
    subject = str(_("Your request %(reference)s") % {"reference": request.reference})
    return format_html(
        '<a href="mailto:{}?subject={}">{}</a>', quote(request.email, safe="@"), quote(subject), request.email
    )


@admin.display(description=_("where"))
def where(request: AppointmentRequest) -> str:
    return str(request.location or _("any location"))


@admin.display(description=_("with whom"))
def with_whom(request: AppointmentRequest) -> str:
    return str(request.provider or _("whoever is free first"))


@admin.display(description=_("days"))
def days(request: AppointmentRequest) -> SafeString | str:
    times = ((str(time),) for time in request.preferred_times.all()[:20])
    return format_html_join(NEW_LINE, "{}", times) or str(_("any day"))


@admin.display(description=_("notes"))
def notes(request: AppointmentRequest) -> SafeString | str:
    """The oldest first, each with its author and time."""
    rows = (
        (note.text, note.author or NOTHING, date_format(timezone.localtime(note.created_at), "DATETIME_FORMAT"))
        for note in request.notes.select_related("author")[:100]
    )
    return format_html_join("", '<p class="note"><bdi>{}</bdi><span class="by">{}, {}</span></p>', rows) or NOTHING


@admin.display(description=_("came by"))
def came_by(request: AppointmentRequest) -> str:
    if request.came_from:
        return str(_("the website, through a link of the mailing %(code)s") % {"code": request.came_from})
    if request.taken_by is None:
        return str(_("the website"))
    return str(_("a call, written down by %(colleague)s") % {"colleague": request.taken_by})


@admin.display(description=_("agreed to"))
def consent(request: AppointmentRequest) -> str:
    return f"{request.consent_text} ({request.consent_version})" if request.consent_text else NOTHING


@admin.display(description=_("steps so far"))
def steps(request: AppointmentRequest) -> SafeString | str:
    changes = request.status_changes.select_related("by")[:50]
    rows = (
        (change, change.by or NOTHING, date_format(timezone.localtime(change.at), "DATETIME_FORMAT"))
        for change in changes
    )
    return format_html_join(NEW_LINE, "{}: {}, {}", rows) or NOTHING
