"""“Send me my link”: one look-up and one task for every address, known or not, so that the answer tells nothing."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower

from newsletter.emails import letters
from newsletter.models import Subscriber, Suppression
from newsletter.models.subscriber import SubscriberQuerySet

State = Subscriber.State


def of(email: str) -> list[int]:
    """The primary key of whoever has this canonical address and may be written to; nothing for all others."""
    return list(_to_be_written_to().of(email).values_list("pk", flat=True))


def send(*, subscribers: list[int], now: datetime) -> None:
    """Writes to each of them who may still be written to: a letter with the link to choose, and the one to leave."""
    with transaction.atomic():
        for subscriber in _to_be_written_to().filter(pk__in=subscribers):
            letters.own_link(subscriber, now=now)


def _to_be_written_to() -> SubscriberQuerySet:
    """On the list, or asked to be. Who has left, or wants no letter of ours, has nothing to choose."""
    suppressed = Suppression.objects.in_force().filter(email=Lower(OuterRef("email")))
    return Subscriber.objects.filter(~Exists(suppressed), state__in=[State.PENDING, State.CONFIRMED])
