"""What became of the letters that the mail server took: told by the mail provider, each thing taken in once.

A report is believed as far as it can be checked: the view has seen that it comes from the provider, and a mark or a
Message-ID names a delivery only with our own HMAC in it. What concerns nobody on the list leaves no trace.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from anymail.signals import AnymailTrackingEvent
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from clinic import addresses
from newsletter.models import Delivery, MailEvent, Subscriber
from newsletter.services import bounces, signing_up, tokens
from newsletter.services.told import Kind, Told, told
from newsletter.wording import Wording

KEPT = timedelta(days=365)
# Providers repeat for a few days at most. What is older is somebody's recording; its number may be forgotten by now.
OLDEST = timedelta(days=30)

# Evidence, as in wording.py: never changed, only added to.
LEAVING_AT_PROVIDER = Wording(
    "leaving at the provider", ["The person has left with the mail provider, which told the site so."]
)

REMEMBER = """
INSERT INTO newsletter_mailevent (provider, event_id, kind, at, received_at, delivery_id)
VALUES (%(provider)s, %(number)s, %(kind)s, %(at)s, %(now)s, %(delivery)s)
ON CONFLICT DO NOTHING
"""

State = Delivery.State
# Whose letters may be in the provider's hands without our knowing. A waiting one is among them only after a first try.
UNSETTLED = (State.SENDING, State.UNCERTAIN, State.QUEUED, State.RETRY)
# By these the letter is there, whatever the mail server had answered.
THERE = (Kind.DELIVERED, Kind.COMPLAINED, Kind.UNSUBSCRIBED)


def take(provider: str, events: Iterable[AnymailTrackingEvent], *, now: datetime) -> int:
    """Takes in what the provider told and returns how much of it was new and about somebody here.

    Each event is a transaction of its own, so that two crowds of them never wait for each other; when one fails, those
    before it are kept and the provider's repetition finds them done.
    """
    found = (told(provider, event, now=now) for event in events)
    return sum(_take(provider, event, now) for event in found if event and event.at > now - OLDEST)


def forget_old(*, now: datetime) -> int:
    """What was told a year ago is of no more use; returns how many were forgotten."""
    return MailEvent.objects.filter(received_at__lt=now - KEPT).delete()[0]


@transaction.atomic
def _take(provider: str, event: Told, now: datetime) -> bool:
    delivery = _delivery(event)
    if delivery and not _is_to(event, delivery.subscriber):
        # A database that was brought back from a copy has given the numbers in its mark out again.
        delivery = None
    subscriber = delivery.subscriber if delivery else _addressee(event)
    if subscriber is None:
        return False
    # The person's row before the delivery's, as everywhere, and for every event: a delivery that is changed twice in
    # one transaction has PostgreSQL look at its person again, which another that waits for the delivery may hold.
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk)
    if not _is_new(provider, event, delivery, now):
        return False
    _act_on_person(event, subscriber, delivery, now)
    if delivery:
        _act_on_delivery(event, delivery)
    return True


def _delivery(event: Told) -> Delivery | None:
    deliveries = Delivery.objects.select_related("subscriber")
    for name in (event.mark, event.message_id):
        if ids := tokens.of_message_id(name):
            return deliveries.filter(campaign_id=ids[0], subscriber_id=ids[1]).first()
    by_number = deliveries.filter(provider_id=event.message_id) if event.message_id else deliveries.none()
    return by_number.order_by("-pk").first()


def _is_to(event: Told, subscriber: Subscriber) -> bool:
    """Whether the report is about a letter to this person; some say nothing of the address."""
    try:
        return not event.recipient or addresses.canonical(event.recipient).lower() == subscriber.email.lower()
    except ValidationError:
        return False


def _addressee(event: Told) -> Subscriber | None:
    """Whom a report about another letter concerns, an appointment's or one from elsewhere: it is the same address."""
    if event.kind not in (Kind.BOUNCED, Kind.COMPLAINED, Kind.UNSUBSCRIBED):
        return None
    try:
        return Subscriber.objects.of(addresses.canonical(event.recipient)).first()
    except ValidationError:
        return None


def _is_new(provider: str, event: Told, delivery: Delivery | None, now: datetime) -> bool:
    said: dict[str, str | int | datetime | None] = {
        "provider": provider,
        "number": event.number,
        "kind": event.kind,
        "at": event.at,
        "now": now,
        "delivery": delivery.pk if delivery else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, said)
        return cursor.rowcount == 1


def _act_on_person(event: Told, subscriber: Subscriber, delivery: Delivery | None, now: datetime) -> None:
    # Who joined after it happened has shown since that the address works, and wants to be there.
    is_past = subscriber.confirmed_at is not None and event.at <= subscriber.confirmed_at
    letter = delivery.pk if delivery else None
    match event.kind:
        case Kind.COMPLAINED:
            bounces.complained(subscriber=subscriber.pk, words=event.words, now=now, delivery=letter)
        case Kind.BOUNCED if not is_past:
            bounces.bounced(subscriber=subscriber.pk, words=event.words, now=now, delivery=letter)
        case Kind.UNSUBSCRIBED if not is_past:
            words = LEAVING_AT_PROVIDER.newest
            signing_up.leave(subscriber=subscriber, words=words, network_address="", now=now, delivery=delivery)


def _act_on_delivery(event: Told, delivery: Delivery) -> None:
    line = Delivery.objects.filter(pk=delivery.pk)
    if event.kind == Kind.REJECTED:
        # Taken by the mail server and not sent on by the provider.
        taken = line.filter(state__in=[State.SENDING, State.UNCERTAIN, State.ACCEPTED], delivered_at=None)
        taken.update(state=State.FAILED, answer=event.words, lease_until=None)
        return
    states = [*UNSETTLED, State.FAILED] if event.kind in THERE else UNSETTLED
    unsettled = line.filter(state__in=states, attempted_at__isnull=False)
    unsettled.update(state=State.ACCEPTED, lease_until=None, next_attempt_at=None, settled_by=None)
    if event.kind == Kind.REFUSED:
        # What was delivered after it has arrived all the same, in whichever order the two are told.
        refused = line.filter(state=State.ACCEPTED, bounced_at=None).exclude(delivered_at__gt=event.at)
        refused.update(bounced_at=event.at, answer=event.words)
    if event.kind == Kind.DELIVERED:
        line.filter(bounced_at__lt=event.at).update(bounced_at=None, answer=event.words)
        line.filter(delivered_at=None).update(delivered_at=event.at)
