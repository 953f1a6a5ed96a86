"""A campaign under way, a worker that sends it, and what a person in it sees."""

import time
from datetime import timedelta

from newsletter.models import Campaign
from newsletter.services import campaigns
from newsletter.services.sending import Mailer
from tests.factories import NOON, make_campaign, make_practice, make_subscriber, manager

TEXT = {"kind": "text", "text": "<p>What is new.</p>"}
FAST = 60_000


def begun(*, count=3, at=NOON, **fields):
    """A campaign that has just been started for `count` new people, in the order in which they are written to."""
    make_practice()
    people = [make_subscriber(email=f"reader-{number}@example.com") for number in range(count)]
    return begin(at=at, **fields), people


def begin(*, at=NOON, by=None, blocks=(TEXT,), **fields):
    campaign = make_campaign(blocks=blocks, **{"rate_per_minute": FAST, **fields})
    campaigns.start(campaign, by=by or manager(), now=at)
    campaigns.begin_due(now=at)
    return Campaign.objects.get(pk=campaign.pk)


class Clock:
    """Runs on from `start`; a bucket of tokens fills by it."""

    def __init__(self, start=NOON):
        self._start, self._began = start, time.monotonic()

    def __call__(self):
        return self._start + timedelta(seconds=1 + time.monotonic() - self._began)


class StillClock:
    """Stands still but for the jumps that it is told."""

    def __init__(self, start=NOON):
        self._moment = start

    def __call__(self):
        return self._moment

    def jump(self, seconds):
        self._moment += timedelta(seconds=seconds)


def slow_mailer(per_minute):
    """A worker that wakes for each letter when the rate allows it, and for which no time passes in between."""
    clock = StillClock()
    return Mailer(clock=clock, sleep=lambda _seconds: clock.jump(60 / per_minute))


def send_all(start=NOON, *, mailer=None, seconds=10):
    """What one worker does until nothing is due."""
    until = time.monotonic() + seconds
    mailer = mailer or Mailer(clock=Clock(start))
    assert not mailer.turn(goes_on=lambda: time.monotonic() < until), "There is more to send."


def receivers(sink):
    return sorted(message["To"] for message in sink.accepted)


def states(campaign):
    return list(campaign.deliveries.order_by("pk").values_list("state", flat=True))
