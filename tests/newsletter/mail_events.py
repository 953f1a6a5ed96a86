"""Letters that a mail provider reports about, and all that such a report can change."""

from django.test import Client

from newsletter.models import Delivery, MailEvent, Subscriber, Suppression
from newsletter.services import tokens
from tests.factories import NOON, make_campaign, make_subscriber
from tests.newsletter.provider_requests import SECRETS

ADA = "ada@example.com"


def use(settings, provider):
    settings.MAIL_PROVIDER, settings.MAIL_PROVIDER_SECRET = provider, SECRETS[provider]
    return provider


def stranger():
    """Whoever asks: without a cookie, and shown what the site answers when it breaks."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def make_delivery(state="accepted", email=ADA, **fields):
    if "subscriber" not in fields:
        fields["subscriber"] = Subscriber.objects.filter(email=email).first() or make_subscriber(email=email)
    return Delivery.objects.create(
        campaign=make_campaign(),
        **{
            "state": state,
            "attempted_at": NOON,
            "lease_until": NOON if state == "sending" else None,
            "next_attempt_at": NOON if state in {"queued", "retry"} else None,
            **fields,
        },
    )


def mark_of(delivery):
    return tokens.mark(delivery.campaign_id, delivery.subscriber_id)


def stored():
    """All that a report can change, about everybody."""
    return {
        "events": sorted(MailEvent.objects.values_list("kind", flat=True)),
        "people": list(Subscriber.objects.order_by("pk").values_list("email", "state")),
        "suppressions": list(Suppression.objects.order_by("pk").values_list("email", "reason", "words")),
        "deliveries": list(Delivery.objects.order_by("pk").values_list("state", flat=True)),
        "stamps": [
            {name for name in ("delivered_at", "bounced_at", "complained_at", "left_at") if getattr(delivery, name)}
            for delivery in Delivery.objects.order_by("pk")
        ],
    }


def after(*, event, person="confirmed", suppressions=(), delivery="accepted", stamps=()):
    return {
        "events": [event] if event else [],
        "people": [(ADA, person)],
        "suppressions": list(suppressions),
        "deliveries": [delivery],
        "stamps": [set(stamps)],
    }
