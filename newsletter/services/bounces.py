"""Addresses that letters do not reach, and people who call our letters spam: both get no newsletter for ever."""

from datetime import datetime

from django.db import transaction

from newsletter.emails import letters
from newsletter.models import Delivery, Subscriber, Suppression

Reason = Suppression.Reason
# The status codes by which an address itself is wrong (RFC 3463 section 3.2, RFC 7505 for 5.1.10). By 5.1.7 and 5.1.8
# the sender is refused, by 5.2.2 the mailbox is full, by 5.7.x the letter is not wanted.
DEAD_ADDRESS = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}
# The state of a row shows the strongest of what is known; the log of suppressions holds all of it.
STRONGER = {
    Reason.BOUNCED: (Subscriber.State.BOUNCED, Subscriber.State.COMPLAINED),
    Reason.COMPLAINED: (Subscriber.State.COMPLAINED,),
}


def bounced(*, subscriber: int, words: str, now: datetime, delivery: int | None = None) -> None:
    """The mail server, or the provider afterwards, says for good that the address does not work.

    `words` are its own. `delivery` is the letter that told, if it was a newsletter. A second time changes nothing.
    A row that has left shows from then on that the address is dead; one that has complained goes on saying so.
    """
    with transaction.atomic():
        _off(subscriber, Reason.BOUNCED, words, now)
        if delivery:
            Delivery.objects.filter(pk=delivery, bounced_at=None).update(bounced_at=now)


def complained(*, subscriber: int, words: str, now: datetime, delivery: int | None = None) -> None:
    """The person has called a letter spam. As `bounced`, and stronger than it."""
    with transaction.atomic():
        _off(subscriber, Reason.COMPLAINED, words, now)
        if delivery:
            Delivery.objects.filter(pk=delivery, complained_at=None).update(complained_at=now)


def _off(subscriber: int, reason: Suppression.Reason, words: str, now: datetime) -> None:
    # The row's lock also keeps a second line of the same reason out of the log.
    locked = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber)
    state = Subscriber.State(reason.value)
    if locked.state not in STRONGER[reason]:
        # Who is off the list already has been so since then.
        locked.take_off(state, now=locked.left_at or now)
        letters.end_all({locked.pk: locked.email}, now=now)
    if not Suppression.objects.of(locked.email).filter(reason=reason).exists():
        Suppression.objects.add([locked.email], reason, words=words, now=now)
