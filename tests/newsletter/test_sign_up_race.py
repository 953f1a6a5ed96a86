"""Several forms with one address, sent at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections, transaction
from django.test import Client

from clinic.models import Letter
from clinic.rate_limits import Limit
from newsletter.models import Consent, Subscriber
from newsletter.services import signing_up
from tests.factories import NOON
from tests.newsletter.steps import ADA, last_letter, path_in, sign_up

AT_ONCE = 8


@pytest.fixture
def many_letters(monkeypatch):
    monkeypatch.setattr(signing_up, "LETTERS_TO_ONE_MAILBOX", Limit("letters.mailbox", 100, timedelta(days=1)))


def all_at_once(act):
    """What each of several threads, let go together, got from `act`."""
    start = Barrier(AT_ONCE)

    def one(number):
        start.wait(10)
        try:
            return act(number).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def while_the_row_is_held(act):
    """The same, but all have come to the subscriber's row before the first may pass: the worst moment, every time."""

    def one(number):
        try:
            return act(number).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM newsletter_subscriber FOR UPDATE")
            answers = [pool.submit(one, number) for number in range(AT_ONCE)]
            wait_until(lambda: waiting(cursor) == AT_ONCE)
        return [answer.result() for answer in answers]


def waiting(cursor):
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return cursor.fetchone()[0]


def wait_until(is_so, seconds=20):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "They never came to the lock."
        time.sleep(0.02)


def in_any_case(number):
    email = ADA if number % 2 else ADA.upper()
    return sign_up(Client(raise_request_exception=False), email)


@pytest.mark.django_db(transaction=True)
def test_one_address_signed_up_many_times_at_once_is_one_subscriber(many_letters):
    assert all_at_once(in_any_case) == [303] * AT_ONCE
    assert Subscriber.objects.count() == 1
    assert Consent.objects.count() == Letter.objects.count() == AT_ONCE


def rows_of_two_at_once():
    """The second comes before the first has committed: the worst moment, every time."""

    def enter(email):
        with transaction.atomic():
            Subscriber.objects.entered(email=email, language="en", now=NOON)

    def second():
        try:
            enter(ADA.upper())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            enter(ADA)
            entered = pool.submit(second)
            wait_until(lambda: entered.done() or waiting(cursor) == 1)
        entered.result()
    return Subscriber.objects.count()


@pytest.mark.django_db(transaction=True)
def test_two_that_do_not_see_each_other_yet_are_one_subscriber():
    assert rows_of_two_at_once() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_constraint_the_race_is_lost():
    """The negative control: what the test above would see if the database did not guard the address."""
    (guard,) = [constraint for constraint in Subscriber._meta.constraints if constraint.name == "subscriber_email_once"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Subscriber, guard)
    try:
        assert rows_of_two_at_once() == 2
    finally:
        Subscriber.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Subscriber, guard)


@pytest.mark.django_db(transaction=True)
def test_the_limit_of_one_mailbox_is_exact_under_load():
    assert all_at_once(in_any_case) == [303] * AT_ONCE
    assert Letter.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_confirming_many_times_at_once_is_confirmed_once():
    sign_up(Client())
    page = path_in(last_letter(), "confirm")
    assert while_the_row_is_held(lambda number: Client().post(page)) == [200] * AT_ONCE
    assert Consent.objects.filter(kind="confirmed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_leaving_many_times_at_once_is_left_once():
    sign_up(Client())
    page = path_in(last_letter(), "unsubscribe")
    assert while_the_row_is_held(lambda number: Client().post(page)) == [200] * AT_ONCE
    assert Consent.objects.filter(kind="left").count() == 1
