"""Signing up, confirming and leaving. Every step leaves its evidence in the same transaction."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from clinic import addresses
from clinic.models import User
from clinic.rate_limits import LETTERS_TO_ONE_MAILBOX
from newsletter import wording
from newsletter.emails import letters
from newsletter.models import Consent, Subscriber, Suppression
from newsletter.wording import Words


class AskEnded(Exception):
    """The person has left after asking, so what was asked then counts no more."""


def sign_up(
    *, email: str, name: str, page: str, network_address: str, words: Words, language: str, now: datetime
) -> None:
    """Writes down the ask and sends a letter; nobody is on the list by this alone.

    Returns nothing, and does the same work, whether the address is new, pending, confirmed or has left. A known
    one keeps its name and state: anybody can type anybody's address. One that comes after three letters
    to its mailbox in a day, those of other forms included, stores nothing and sends nothing.
    """
    if LETTERS_TO_ONE_MAILBOX.count(addresses.mailbox(email), now=now):
        return
    with transaction.atomic():
        subscriber = Subscriber.objects.entered(email=email, name=name, language=language, now=now)
        ask = subscriber.record(Consent.Kind.ASKED, words, now=now, page=page, network_address=network_address)
        if subscriber.is_on_the_list:
            letters.already_on_the_list(subscriber, now=now)
        else:
            letters.please_confirm(subscriber, ask, now=now)


def confirm(*, ask: Consent, words: Words, network_address: str, now: datetime) -> Subscriber:
    """Puts the person who asked on the list; a second time changes nothing.

    Raises AskEnded when the person has left after asking.
    """
    with transaction.atomic():
        subscriber = Subscriber.objects.select_for_update().get(pk=ask.subscriber_id)
        if subscriber.has_left_since(ask):
            raise AskEnded
        if not subscriber.is_on_the_list:
            subscriber.confirm(now=now)
            subscriber.record(Consent.Kind.CONFIRMED, words, now=now, network_address=network_address)
    return subscriber


def leave(*, subscriber: Subscriber, words: Words, network_address: str, now: datetime) -> Subscriber:
    """Takes the address off the list, also before it was confirmed; a second time changes nothing."""
    with transaction.atomic():
        locked = Subscriber.objects.select_for_update().get(pk=subscriber.pk)
        if not locked.has_left:
            locked.take_off(Subscriber.State.UNSUBSCRIBED, now=now)
            Suppression.objects.add([locked.email], Suppression.Reason.UNSUBSCRIBED, now=now)
            locked.record(Consent.Kind.LEFT, words, now=now, network_address=network_address)
    return locked


def take_off(subscribers: QuerySet[Subscriber], *, by: User, now: datetime) -> int:
    """For those who asked staff to leave; returns how many of them had not left already."""
    words = wording.LEAVING_BY_STAFF.newest
    kind = Consent.Kind.LEFT
    with transaction.atomic():
        staying = subscribers.exclude(state__in=Subscriber.OFF).order_by("pk").select_for_update()
        ids = list(staying.values_list("pk", flat=True))
        Subscriber.objects.filter(pk__in=ids).update(state=Subscriber.State.UNSUBSCRIBED, left_at=now)
        evidence = (
            Consent(subscriber_id=pk, kind=kind, words=words.text, version=words.version, at=now, by=by) for pk in ids
        )
        Consent.objects.bulk_create(evidence, batch_size=1000)
    return len(ids)
