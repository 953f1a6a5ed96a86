"""Dead addresses and complaints: off the list for ever, however often and in whatever order they are told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet

from newsletter.models import Delivery, Subscriber, Suppression
from newsletter.services.bounces import bounced, complained
from tests.appointments.test_faults import somebody_holds
from tests.clinic.test_worker import until
from tests.factories import NOON, make_campaign, make_subscriber
from tests.newsletter.killed import stuck

LATER = NOON + timedelta(hours=1)
AT_ONCE = 6

pytestmark = pytest.mark.django_db


def log(subscriber):
    lines = Suppression.objects.of(subscriber.email).order_by("pk")
    return list(lines.values_list("reason", "words", "at"))


def state(subscriber):
    subscriber.refresh_from_db()
    return subscriber.state, subscriber.left_at


def make_delivery(subscriber, **fields):
    return Delivery.objects.create(
        campaign=make_campaign(), subscriber=subscriber, **{"state": "accepted", "attempted_at": NOON, **fields}
    )


@pytest.mark.parametrize(
    ("act", "reason", "stamp"), [(bounced, "bounced", "bounced_at"), (complained, "complained", "complained_at")]
)
def test_it_is_written_into_the_row_the_log_and_the_delivery_and_a_second_time_changes_nothing(act, reason, stamp):
    subscriber = make_subscriber(email="Ada@Example.com")
    delivery = make_delivery(subscriber)

    act(subscriber=subscriber.pk, words="No such person.", now=LATER, delivery=delivery.pk)
    act(subscriber=subscriber.pk, words="Once more.", now=LATER + timedelta(hours=1), delivery=delivery.pk)

    assert state(subscriber) == (reason, LATER)
    assert log(subscriber) == [(reason, "No such person.", LATER)]
    delivery.refresh_from_db()
    assert {name: getattr(delivery, name) for name in ("bounced_at", "complained_at")} == {
        "bounced_at": None,
        "complained_at": None,
        stamp: LATER,
    }
    assert not Subscriber.objects.mailable().exists()


def test_a_letter_that_was_no_newsletter_needs_no_delivery():
    subscriber = make_subscriber()
    other = make_delivery(make_subscriber())

    bounced(subscriber=subscriber.pk, words="", now=LATER)

    assert state(subscriber) == ("bounced", LATER)
    other.refresh_from_db()
    assert other.bounced_at is None


@pytest.mark.parametrize("before", ["pending", "confirmed"])
@pytest.mark.parametrize(("act", "after"), [(bounced, "bounced"), (complained, "complained")])
def test_who_was_not_off_the_list_is_off_since_now(before, act, after):
    subscriber = make_subscriber(state=before)

    act(subscriber=subscriber.pk, words="", now=LATER)

    assert state(subscriber) == (after, LATER)


@pytest.mark.parametrize(
    ("before", "act", "after"),
    [
        ("unsubscribed", bounced, "bounced"),
        ("unsubscribed", complained, "complained"),
        ("bounced", complained, "complained"),
        ("complained", bounced, "complained"),
    ],
)
def test_the_row_shows_the_strongest_and_the_log_holds_all_of_it(before, act, after):
    subscriber = make_subscriber(state=before)
    Suppression.objects.add([subscriber.email], before, now=NOON)

    act(subscriber=subscriber.pk, words="", now=LATER)

    # Off the list since they left, not since this was told.
    assert state(subscriber) == (after, NOON)
    assert [reason for reason, _words, _at in log(subscriber)] == [before, act.__name__]


def lines_after_a_crowd():
    """How many lines several threads write of one address whose row says so already, all at it in the same moment."""
    subscriber = make_subscriber(state="bounced")

    def one(_number):
        try:
            bounced(subscriber=subscriber.pk, words="", now=LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        # The log may be read and not written, until each of them has looked or waits for who has.
        with somebody_holds("LOCK newsletter_suppression IN SHARE MODE"):
            crowd = [pool.submit(one, number) for number in range(AT_ONCE)]
            until(lambda: stuck() == AT_ONCE)
        for told in crowd:
            told.result()
    return len(log(subscriber))


@pytest.mark.django_db(transaction=True)
def test_told_many_times_at_once_is_one_line():
    assert lines_after_a_crowd() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_there_are_several(monkeypatch):
    """The negative control."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **how: self)

    assert lines_after_a_crowd() == AT_ONCE
