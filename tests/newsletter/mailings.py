"""Campaigns that have come some way, for the tests of the pages on which staff watch them."""

from django.utils import timezone

from newsletter.models import Delivery
from newsletter.services import campaigns
from tests import factories

State = Delivery.State


def started(*states, subject="Spring news", people=None, **fields):
    """A campaign that goes to one person for each of `states`, in this order, with the letters as they say."""
    campaign = factories.make_campaign(subject=subject, **fields)
    people = people or [factories.make_subscriber() for _state in states]
    by, now = factories.User.objects.filter(username="max").first() or factories.manager(), timezone.now()
    campaigns.start(campaign, by=by, now=now)
    campaigns.begin_due(now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.state == "sending", campaign.pause_reason
    for person, state in zip(people, states, strict=True):
        put(campaign.deliveries.get(subscriber=person), state)
    return campaign


def put(delivery, state, **fields):
    """As the sending leaves a letter of this state."""
    now = timezone.now()
    waits = state in Delivery.WAITING
    for name, value in {
        "state": state,
        "attempts": 0 if state == State.QUEUED else 1,
        "attempted_at": None if state in {State.QUEUED, State.SKIPPED} else now,
        "next_attempt_at": now if waits else None,
        "lease_until": now if state == State.SENDING else None,
        **fields,
    }.items():
        setattr(delivery, name, value)
    delivery.save()
    return delivery
