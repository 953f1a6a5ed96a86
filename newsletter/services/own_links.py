"""“Send me my link”: one look-up and one task for every address, known or not, so that the answer tells nothing."""

from datetime import datetime

from django.db import transaction

from newsletter.emails import letters
from newsletter.models import Subscriber


def of(email: str) -> list[int]:
    """The primary key of whoever is on the list with this canonical address; nothing for all others.

    Not who has yet to confirm: that may be a stranger, whom somebody signed up to have letters sent to them.
    """
    return list(Subscriber.objects.mailable().of(email).values_list("pk", flat=True))


def send(*, subscribers: list[int], now: datetime) -> None:
    """Writes to each of them who is still on the list: a letter with the link to choose, and the one to leave."""
    with transaction.atomic():
        for subscriber in Subscriber.objects.mailable().filter(pk__in=subscribers):
            letters.own_link(subscriber, now=now)
