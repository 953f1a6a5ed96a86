from datetime import datetime

from django.db import transaction

from appointments.emails import appointments as emails
from appointments.models import Appointment
from clinic.models import Practice

MOST_LINKS = 20


def send_links(*, email: str, now: datetime) -> int:
    """Writes one letter with a link to each coming appointment of all patients with this address; returns how many.

    No letter for an address without any: whoever asks learns nothing, and strangers get no mail.
    """
    with transaction.atomic():
        coming = Appointment.objects.standing().filter(patient__email__iexact=email, starts_at__gt=now)
        coming = coming.exclude(expires_at__lte=now).order_by("starts_at", "pk")
        found = list(coming.select_related("patient", "location", "provider__provider")[:MOST_LINKS])
        if found and (patient := found[0].patient):
            # As it stands in the books: what was typed may differ from it in case.
            emails.tell_links(found, to=patient.email, practice=Practice.objects.first(), now=now)
    return len(found)
