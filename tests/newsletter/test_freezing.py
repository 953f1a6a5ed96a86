"""A long list takes its time to start. Meanwhile people leave, staff edit pages, and the other workers go on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from clinic.models import Practice
from newsletter import wording
from newsletter.models import Campaign, Consent, Subscriber
from newsletter.services import campaigns, preferences, signing_up
from newsletter.services.campaigns import NotNow
from tests.appointments.test_faults import somebody_holds
from tests.clinic.test_worker import until
from tests.factories import NOON, make_campaign, make_practice, make_subscriber, make_topic, manager
from tests.newsletter.killed import stuck
from tests.newsletter.sending import TEXT, begun

pytestmark = pytest.mark.django_db(transaction=True)
# As the database takes them for the foreign key of each delivery, until the freeze is committed.
KEYS_ARE_HELD = "SELECT 1 FROM newsletter_subscriber FOR KEY SHARE"


@pytest.fixture
def impatient():
    """Whoever would wait for a lock fails."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield
    connection.close()


# What others do meanwhile


def ask(person):
    fields = {"email": person.email, "name": "", "page": "/", "network_address": "192.0.2.1", "language": "en"}
    signing_up.sign_up(words=wording.SIGN_UP.newest, now=NOON, **fields)


def confirm(person):
    line = person.record(Consent.Kind.ASKED, wording.SIGN_UP.newest, now=NOON)
    signing_up.confirm(ask=line, words=wording.CONFIRMATION.newest, network_address="192.0.2.1", now=NOON)


def leave(person):
    words = wording.LEAVING_BY_MAIL_PROGRAM.newest
    signing_up.leave(subscriber=person, words=words, network_address="192.0.2.1", now=NOON)


def be_taken_off(person):
    signing_up.take_off(Subscriber.objects.filter(pk=person.pk), by=manager(), now=NOON)


def choose(person):
    fields = {"name": "Eve", "topics": [make_topic()], "language": "en", "network_address": "192.0.2.1"}
    preferences.choose(subscriber=person, words=wording.CHOICE.newest, now=NOON, **fields)


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        (ask, ["asked"]),
        (confirm, ["asked", "confirmed"]),
        (leave, ["left"]),
        (be_taken_off, ["left"]),
        (choose, ["chose"]),
    ],
)
def test_nobody_waits_for_a_list_that_is_being_frozen(impatient, act, kinds):
    person = make_subscriber(state="pending" if act == confirm else "confirmed")
    with somebody_holds(KEYS_ARE_HELD):
        act(person)
    assert list(person.consents.order_by("pk").values_list("kind", flat=True)) == kinds


def test_a_page_is_edited_while_keys_are_looked_up(impatient):
    campaign = due(drafted(), by=manager())
    with ThreadPoolExecutor(1) as worker:
        with somebody_holds("SELECT 1 FROM newsletter_subscriber FOR UPDATE"):
            asked = worker.submit(alone, partial(campaigns.begin_due, now=NOON))
            until(lambda: stuck() == 1)
            Practice.objects.update(tagline="Open on Sundays")
        asked.result()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipients, campaign.deliveries.count()) == ("sending", 3, 3)


def test_a_worker_does_not_wait_for_a_campaign_that_somebody_holds(impatient):
    by = manager()
    ended, _people = begun(by=by)
    ended.deliveries.update(state="accepted", next_attempt_at=None)
    campaign = due(make_campaign(blocks=[TEXT]), by=by)
    with somebody_holds("SELECT 1 FROM newsletter_campaign FOR UPDATE"):
        campaigns.begin_due(now=NOON)
        campaigns.end_finished(now=NOON)
    assert states() == {campaign.pk: "scheduled", ended.pk: "sending"}
    campaigns.begin_due(now=NOON)
    campaigns.end_finished(now=NOON)
    assert states() == {campaign.pk: "sending", ended.pk: "sent"}


# What does not start


def test_why_it_cannot_start_names_nobody(monkeypatch):
    by = manager()
    campaign = due(drafted(), by=by)

    def refused(*_campaign, **_also):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO newsletter_subscriber SELECT * FROM newsletter_subscriber")

    monkeypatch.setattr(campaigns, "freeze", refused)
    campaigns.begin_due(now=NOON)
    campaign.refresh_from_db()
    assert campaign.state == "draft"
    assert campaign.pause_reason == (
        'It cannot start: IntegrityError: duplicate key value violates unique constraint "newsletter_subscriber_pkey"'
    )

    due(campaign, by=by)
    monkeypatch.setattr(campaigns, "freeze", lambda *_campaign, **_also: int("<reader-0@example.com>"))
    campaigns.begin_due(now=NOON)
    campaign.refresh_from_db()
    assert campaign.pause_reason == ("It cannot start: ValueError: invalid literal for int() with base 10: (address)")


@pytest.mark.parametrize("act", [campaigns.start, partial(campaigns.schedule, at=NOON + timedelta(hours=1))])
def test_what_a_colleague_has_changed_is_looked_at_again(act):
    campaign, by = drafted(), manager()
    seen = campaign.version
    assert Campaign.objects.get().version == seen
    Campaign.objects.get().save()

    with pytest.raises(NotNow, match="A colleague has changed it"):
        act(campaign, by=by, now=NOON, seen=seen)
    assert (states(), campaign.steps.count()) == ({campaign.pk: "draft"}, 0)

    act(campaign, by=by, now=NOON, seen=Campaign.objects.get().version)
    assert states() == {campaign.pk: "scheduled"}


def drafted():
    make_practice()
    for _number in range(3):
        make_subscriber()
    return make_campaign(blocks=[TEXT])


def due(campaign, *, by):
    campaigns.start(campaign, by=by, now=NOON)
    return campaign


def states():
    return dict(Campaign.objects.values_list("pk", "state"))


def alone(task):
    """In a thread with a connection of its own."""
    try:
        return task()
    finally:
        connection.close()
