"""The two links that patients have: to a time that is held while they type, and to an appointment of theirs.

Whoever has the link may do what its page offers; there is no other way in. Neither address says what it is about.
"""

from datetime import datetime, timedelta
from typing import Final

from appointments.models import Appointment
from clinic import mail_links
from clinic.mail_links import Link, LinkExpired

HOLD: Final = "appointments.hold"
MANAGE: Final = "appointments.manage"
# Far longer than a hold lasts: what was typed is still there for whoever comes back to the open page.
HOLD_LIFETIME: Final = timedelta(days=1)
AFTER_THE_VISIT: Final = timedelta(days=30)


def hold_link(appointment: Appointment) -> Link:
    """To the page where the details for a held time are typed."""
    return Link(HOLD, appointment.pk, "appointments:held", HOLD_LIFETIME)


def manage_link(appointment: Appointment, *, now: datetime) -> Link:
    """To the page of a booked appointment; it ends 30 days after the visit, or in 30 days when that is over already."""
    lifetime = max(appointment.ends_at - now, timedelta()) + AFTER_THE_VISIT
    return Link(MANAGE, appointment.pk, "appointments:manage", lifetime)


def held(token: str, *, now: datetime) -> Appointment:
    """The appointment of a hold's link, whatever has become of it.

    Raises Http404 for a token that was never given out for this, LinkExpired for one that is over or whose hold is
    swept away.
    """
    return _find(HOLD, token, now)


def managed(token: str, *, now: datetime) -> Appointment:
    """The booked appointment of a link. Raises what `held` raises."""
    appointment = _find(MANAGE, token, now)
    if appointment.patient_id is None:
        raise LinkExpired
    return appointment


def _find(purpose: str, token: str, now: datetime) -> Appointment:
    link = mail_links.find(purpose, token, now=now)
    shown = Appointment.objects.select_related("visit_type", "location", "provider__provider", "told_location")
    appointment = shown.filter(pk=link.object_id).first()
    if appointment is None:
        raise LinkExpired
    return appointment
