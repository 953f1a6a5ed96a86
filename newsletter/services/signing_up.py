"""Signing up, confirming and leaving. Every step leaves its evidence in the same transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from clinic import addresses
from clinic.models import User
from clinic.rate_limits import Limit
from newsletter import wording
from newsletter.emails import letters
from newsletter.models import Consent, Delivery, MailingRules, Subscriber, Suppression, Topic
from newsletter.wording import Words

Reason = Suppression.Reason
# Not that of other forms: what a stranger types here must not keep from anybody the letter about their appointment, nor
# tell by the time it takes that there was one. The key is addresses.mailbox.
LETTERS_TO_ONE_MAILBOX = Limit("newsletter.mailbox", 3, timedelta(days=1))


class AskEnded(Exception):
    """The person has left after asking, so what was asked then counts no more."""


class TopicsGone(Exception):
    """None of the topics that were asked for is there any more, and to have none would mean everything."""


class NotSentTo(Exception):
    """Letters to this address came back, or were reported as spam: no newsletter goes to it any more."""


def sign_up(
    *,
    email: str,
    name: str,
    page: str,
    network_address: str,
    words: Words,
    language: str,
    now: datetime,
    topics: Sequence[Topic] = (),
) -> None:
    """Writes down the ask and sends a letter; nobody is on the list by this alone.

    Returns nothing, and does the same work, whether the address is new, pending, confirmed or has left. A known
    one keeps its name, state and topics: anybody can type anybody's address, and what they typed stays with the ask.
    After three letters to a mailbox in a day, and for whoever has complained, it takes back what it has done: of the
    one nothing is stored, of the other the ask without its letter. How long it took tells nobody.
    """
    is_too_often = LETTERS_TO_ONE_MAILBOX.count(addresses.mailbox(email), now=now) is not None
    # The outer one commits in any case, or the disk would be waited for in one of the two only.
    with transaction.atomic(), transaction.atomic():
        subscriber = Subscriber.objects.entered(email=email, language=language, now=now)
        ask = subscriber.record(
            Consent.Kind.ASKED, words, now=now, name=name, topics=topics, page=page, network_address=network_address
        )
        with transaction.atomic():
            if subscriber.is_on_the_list:
                letters.already_on_the_list(subscriber, now=now)
            else:
                letters.please_confirm(subscriber, ask, now=now)
            if Suppression.objects.of(subscriber.email).filter(reason=Reason.COMPLAINED).exists():
                transaction.set_rollback(True)
        if is_too_often:
            transaction.set_rollback(True)


def confirm(*, ask: Consent, words: Words, network_address: str, now: datetime) -> Subscriber:
    """Puts the person who asked on the list, with name and topics of that ask; a second time changes nothing.

    It is the one thing that lifts an earlier leaving. Raises AskEnded when the person has left after asking,
    NotSentTo when the address is dead or its owner has complained, which nobody can lift, and TopicsGone.
    """
    with transaction.atomic():
        subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=ask.subscriber_id)
        if not may_be_sent_to(subscriber):
            raise NotSentTo
        if subscriber.has_left_since(ask):
            raise AskEnded
        if not subscriber.is_on_the_list:
            _put_on_the_list(subscriber, ask, words, network_address, now)
    return subscriber


def chosen_in(ask: Consent) -> list[Topic]:
    """The topics of this ask as they are today, under whatever name; none for who chose none. Raises TopicsGone."""
    keys = ask.topic_keys
    found = list(Topic.objects.filter(name__in=ask.topics) if keys is None else Topic.objects.filter(pk__in=keys))
    if ask.topics and not found:
        raise TopicsGone
    return found


def may_be_sent_to(subscriber: Subscriber) -> bool:
    """Whether a confirmation can put this address on the list: it is neither dead nor of one who complained."""
    return not Suppression.objects.of(subscriber.email).for_ever().exists()


def leave(
    *, subscriber: Subscriber, words: Words, network_address: str, now: datetime, delivery: Delivery | None = None
) -> Subscriber:
    """Takes the address off the list, also before it was confirmed; a second time changes nothing.

    `delivery` is the newsletter behind whose link it was done, if it was one: its report counts who left by it. Who
    is off the list already, because letters came back, stays so and is not counted.
    """
    with transaction.atomic():
        locked = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
        if not locked.has_left:
            locked.take_off(Subscriber.State.UNSUBSCRIBED, now=now)
            letters.end_all({locked.pk: locked.email}, now=now)
            Suppression.objects.add([locked.email], Reason.UNSUBSCRIBED, now=now)
            locked.record(Consent.Kind.LEFT, words, now=now, network_address=network_address)
            if delivery is not None:
                Delivery.objects.filter(pk=delivery.pk, subscriber=locked, left_at=None).update(left_at=now)
    return locked


def take_off(subscribers: QuerySet[Subscriber], *, by: User, now: datetime) -> int:
    """For those who asked staff to leave; returns how many of them had not left already."""
    words = wording.LEAVING_BY_STAFF.newest
    kind = Consent.Kind.LEFT
    with transaction.atomic():
        staying = subscribers.exclude(state__in=Subscriber.OFF).order_by("pk")
        staying = staying.select_for_update(of=("self",), no_key=True)
        people = dict(staying.values_list("pk", "email"))
        Subscriber.objects.filter(pk__in=people).update(state=Subscriber.State.UNSUBSCRIBED, left_at=now)
        letters.end_all(people, now=now)
        Suppression.objects.add(people.values(), Reason.UNSUBSCRIBED, now=now, by=by)
        evidence = (
            Consent(subscriber_id=pk, kind=kind, words=words.text, version=words.version, at=now, by=by)
            for pk in people
        )
        Consent.objects.bulk_create(evidence, batch_size=1000)
    return len(people)


def _put_on_the_list(subscriber: Subscriber, ask: Consent, words: Words, network_address: str, now: datetime) -> None:
    topics = chosen_in(ask)
    if Suppression.objects.of(subscriber.email).in_force().exists():
        Suppression.objects.add([subscriber.email], Reason.LIFTED, now=now)
    subscriber.confirm(name=ask.name, now=now)
    subscriber.topics.set(topics)
    subscriber.record(Consent.Kind.CONFIRMED, words, now=now, topics=topics, network_address=network_address)
    rules = MailingRules.current()
    if rules.welcome_is_sent:
        letters.welcome(subscriber, rules, now=now)
