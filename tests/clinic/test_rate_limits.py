"""A limit lets exactly as many through as it says, however many processes count at once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory

from clinic import rate_limits
from clinic.models import RateLimit
from clinic.rate_limits import Limit
from tests.factories import NOON

SECOND = timedelta(seconds=1)
LIMIT = Limit("letters", most=3, period=timedelta(hours=1))


def test_as_many_as_it_says_pass_and_the_next_is_told_how_long_to_wait(db):
    waits = [LIMIT.count("ann@patient.example", now=NOON + number * SECOND) for number in range(5)]

    assert waits == [None, None, None, timedelta(minutes=59, seconds=57), timedelta(minutes=59, seconds=56)]


def test_the_window_begins_with_the_first_try_and_ends_whole(db):
    for number in range(9):
        LIMIT.count("ann", now=NOON + number * SECOND)

    assert LIMIT.count("ann", now=NOON + LIMIT.period - SECOND) == SECOND
    assert [LIMIT.count("ann", now=NOON + LIMIT.period + number * SECOND) for number in range(4)] == [
        None,
        None,
        None,
        LIMIT.period - 3 * SECOND,
    ]


def test_keys_and_limits_do_not_count_for_each_other(db):
    other = Limit("requests", most=3, period=LIMIT.period)
    for _ in range(4):
        LIMIT.count("ann", now=NOON)

    assert (LIMIT.count("ben", now=NOON), other.count("ann", now=NOON)) == (None, None)


def test_the_case_of_an_address_makes_no_second_key(db):
    waits = [
        LIMIT.count(key, now=NOON) for key in ("Ann@Patient.example", "ann@patient.example", "ANN@PATIENT.EXAMPLE")
    ]

    assert waits == [None, None, None]
    assert LIMIT.count("ann@patient.EXAMPLE", now=NOON) == LIMIT.period


def test_no_address_is_kept(db):
    LIMIT.count("ann@patient.example", now=NOON)

    row = RateLimit.objects.get()
    assert (len(row.key), "ann" in row.key) == (64, False)


def test_ended_windows_are_forgotten(db):
    LIMIT.count("ann", now=NOON)
    LIMIT.count("ben", now=NOON + SECOND)

    rate_limits.forget_ended(now=NOON + LIMIT.period)

    assert RateLimit.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_sixty_tries_at_once_exactly_ten_pass():
    limit = Limit("race", most=10, period=LIMIT.period)
    begin = threading.Barrier(12)
    waits = []

    def knock():
        begin.wait(60)
        waits.extend(limit.count("ann", now=NOON) for _ in range(5))
        connection.close()

    visitors = [threading.Thread(target=knock) for _ in range(12)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(60)

    assert (len(waits), waits.count(None)) == (60, 10)


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "expected"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.1", "203.0.113.9", "10.0.0.1"),
        (1, "10.0.0.1", "rubbish", "0.0.0.0"),
        (0, "::ffff:192.0.2.1", None, "192.0.2.1"),
        (0, "", None, "0.0.0.0"),
        # Some proxies add the port.
        (1, "10.0.0.1", "203.0.113.9:567", "203.0.113.9"),
        (1, "10.0.0.1", "1.2.3.4:1, 203.0.113.9:567", "203.0.113.9"),
        (1, "10.0.0.1", "[2001:db8::9]:567", "2001:db8::9"),
        (1, "10.0.0.1", "[2001:db8::9]", "2001:db8::9"),
        (1, "10.0.0.1", "2001:db8::9", "2001:db8::9"),
        (1, "10.0.0.1", "2001:db8::9:567", "2001:db8::9:567"),
        (1, "10.0.0.1", "[::ffff:203.0.113.9]:567", "203.0.113.9"),
        (1, "10.0.0.1", "203.0.113.9:", "0.0.0.0"),
        (1, "10.0.0.1", "203.0.113.9:x", "0.0.0.0"),
        (1, "10.0.0.1", "[203.0.113.9", "0.0.0.0"),
    ],
)
def test_the_visitors_address_is_believed_from_our_own_proxies_alone(settings, proxies, remote, forwarded, expected):
    settings.TRUSTED_PROXIES = proxies
    extra = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}

    assert rate_limits.network_address(RequestFactory().get("/", REMOTE_ADDR=remote, **extra)) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
    ],
)
def test_one_household_is_one_network(remote, expected):
    assert rate_limits.network(RequestFactory().get("/", REMOTE_ADDR=remote)) == expected
