"""“Send my link again”: one look-up and one task for every address, known or not, so that the answer tells nothing."""

from datetime import datetime

from django.db import transaction

from appointments.emails import appointments as emails
from appointments.models import Appointment
from clinic.models import Practice

MOST_LINKS = 20


def coming_of(*, email: str, now: datetime) -> list[int]:
    """The coming appointments, by primary key, of all patients with this address: the soonest ones."""
    coming = Appointment.objects.standing().filter(patient__email__iexact=email, starts_at__gt=now)
    coming = coming.exclude(expires_at__lte=now).order_by("starts_at", "pk")
    return list(coming.values_list("pk", flat=True)[:MOST_LINKS])


def send_links(*, appointments: list[int], now: datetime) -> None:
    """Writes one letter with a link to each of them that is still to come. None are nobody's: no letter."""
    with transaction.atomic():
        coming = Appointment.objects.standing().filter(pk__in=appointments, starts_at__gt=now)
        coming = coming.select_related("patient", "location", "provider__provider").order_by("starts_at", "pk")
        found = list(coming[:MOST_LINKS])
        if found and (patient := found[0].patient):
            # As it stands in the books: what was typed may differ from it in case.
            emails.tell_links(found, to=patient.email, practice=Practice.objects.first(), now=now)
