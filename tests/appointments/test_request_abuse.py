"""Machines and bullies are slowed down; no person is ever turned away without a telephone number."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from appointments import consent
from appointments.models import AppointmentRequest
from appointments.services.requests import NETWORK_LIMITS, REQUESTS_OF_ONE_MAILBOX
from appointments.stamps import SALT, Stamp
from clinic.models import Letter
from tests.appointments.steps import ADA, FORM, filled_in, hidden_stamp, send, stamp, summary, words

pytestmark = pytest.mark.django_db


# The time that it takes


def test_sent_too_fast_it_asks_for_one_more_click_and_keeps_everything(client, practice):
    response = send(client, stamp=stamp(age=timedelta(0)), message="Any morning")
    assert response.status_code == 200
    assert "Please check and send again" in words(response)
    assert "Any morning</textarea>" in response.content.decode()
    assert AppointmentRequest.objects.count() == 0
    again = send(client, stamp=hidden_stamp(response), message="Any morning")
    assert again.status_code == 303
    assert AppointmentRequest.objects.count() == 1


def test_the_page_as_it_is_shown_works_with_its_own_stamp(client, practice):
    first = send(client, stamp=hidden_stamp(client.get(FORM)))
    assert send(client, stamp=hidden_stamp(first)).status_code == 303


def test_correcting_a_mistake_quickly_is_not_too_fast(client, practice):
    response = send(client, email="ada@", stamp=stamp(age=timedelta(minutes=1)))
    assert send(client, stamp=hidden_stamp(response)).status_code == 303


def test_a_page_that_was_open_for_a_month_is_taken(client, practice):
    assert send(client, stamp=stamp(age=timedelta(days=31))).status_code == 303


@pytest.mark.parametrize("broken", ["", "nonsense", "a:b:c", "\0", "é" * 50, stamp()[:-3] + "xyz"])
def test_a_broken_stamp_asks_for_one_more_click(client, practice, broken):
    response = send(client, stamp=broken)
    assert (response.status_code, AppointmentRequest.objects.count()) == (200, 0)
    assert send(client, stamp=hidden_stamp(response)).status_code == 303


def test_a_stamp_of_somebody_elses_making_is_not_believed(client, practice):
    sealed = stamp(age=timedelta(days=1))
    held = signing.loads(sealed, salt=SALT)
    forged = signing.dumps(held, salt=SALT, key="another key")
    assert send(client, stamp=forged).status_code == 200
    assert send(client, stamp=signing.dumps(held, salt="another salt")).status_code == 200
    assert AppointmentRequest.objects.count() == 0


# The words of consent


def test_words_that_have_changed_since_are_asked_for_again(client, practice):
    response = send(client, stamp=stamp(version="2019-01"))
    assert response.status_code == 422
    message = "We have changed these words since you opened the page. Read them again and tick the box."
    assert summary(response) == [(message, "id_consent")]
    assert 'id="id_consent" checked' not in response.content.decode()
    assert Stamp.read(hidden_stamp(response)).consent_version == consent.VERSION
    assert send(client, stamp=hidden_stamp(response)).status_code == 303


# One submission, one request


def test_the_same_page_sent_twice_is_one_request(client, practice):
    sealed = stamp()
    first, second = send(client, stamp=sealed), send(client, stamp=sealed)
    assert (first.status_code, second.status_code) == (303, 303)
    assert words(client.get(first["Location"])) == words(client.get(second["Location"]))
    assert AppointmentRequest.objects.count() == 1
    assert Letter.objects.filter(to=ADA).count() == 1


def test_going_back_and_changing_something_is_another_request(client, practice):
    sealed = stamp()
    send(client, stamp=sealed)
    send(client, stamp=sealed, message="Or in the evening")
    assert AppointmentRequest.objects.count() == 2


def test_two_people_who_write_the_same_are_two_requests(client, practice):
    send(client, stamp=stamp())
    send(client, stamp=stamp())
    assert AppointmentRequest.objects.count() == 2


def test_a_request_stored_long_ago_is_found_again_by_its_submission(client, practice):
    sealed = stamp(age=timedelta(days=40))
    first = send(client, stamp=sealed)
    AppointmentRequest.objects.update(status="closed")
    second = send(client, stamp=sealed)
    assert "Our front desk has dealt with it." in words(client.get(second["Location"]))
    assert first["Location"] != second["Location"]


# How many


def test_one_address_gets_three_letters_a_day_and_every_request_is_taken(client, practice):
    addresses = [ADA, "Ada@Example.com", "ada+one@example.com", "ADA+two@example.com", "ada@example.com"]
    for number, address in enumerate(addresses):
        assert send(client, email=address, network=f"192.0.2.{number}").status_code == 303
    assert AppointmentRequest.objects.count() == 5
    stored = ["ada@example.com", "Ada@example.com", "ada+one@example.com", "ADA+two@example.com", "ada@example.com"]
    assert list(AppointmentRequest.objects.order_by("pk").values_list("email", flat=True)) == stored
    assert Letter.objects.exclude(to=practice.email).count() == REQUESTS_OF_ONE_MAILBOX.most == 3
    assert Letter.objects.filter(to=practice.email).count() == 5
    # Somebody else is not affected.
    send(client, email="ben@example.com")
    assert Letter.objects.filter(to="ben@example.com").count() == 1


def test_dots_do_not_make_another_mailbox_at_gmail(client, practice):
    for address in ["a.da@gmail.com", "ad.a@gmail.com", "ada@googlemail.com", "a.d.a+x@gmail.com"]:
        send(client, email=address)
    assert Letter.objects.exclude(to=practice.email).count() == 3


def test_letters_that_only_look_other_do_not_make_another_domain(client, practice):
    for address in ["ada@ｅｘａｍｐｌｅ.com", "ada@ⓔxample.com", "ada@example．com", "ada@EXAMPLE.com"]:
        assert send(client, email=address).status_code == 303
    assert list(Letter.objects.exclude(to=practice.email).values_list("to", flat=True)) == ["ada@example.com"] * 3


def test_a_network_may_send_twenty_in_an_hour(client, practice):
    answers = [send(client).status_code for _sent in range(21)]
    assert answers == [303] * 20 + [429]
    assert AppointmentRequest.objects.count() == 20
    assert send(client, network="198.51.100.7").status_code == 303


def test_who_is_refused_sees_the_phone_number_and_all_that_was_typed(client, practice):
    for _sent in range(20):
        send(client)
    response = send(client, name="Ada Byron", message="Any morning")
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600
    page = response.content.decode()
    assert f'Please call us: <a href="tel:{practice.phone}">' in page
    assert 'value="Ada Byron"' in page
    assert "Any morning</textarea>" in page


def test_a_day_has_sixty(practice):
    hour, day = NETWORK_LIMITS
    now = timezone.now()
    assert (hour.most, hour.period, day.most, day.period) == (20, timedelta(hours=1), 60, timedelta(days=1))
    assert [day.count("192.0.2.1", now=now) is None for _sent in range(61)] == [True] * 60 + [False]


def test_what_a_client_claims_to_be_does_not_count(client, practice):
    for number in range(20):
        client.post(FORM, filled_in(), REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    response = client.post(FORM, filled_in(), REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.99")
    assert response.status_code == 429


def test_a_form_with_mistakes_does_not_count(client, practice):
    for _sent in range(25):
        assert send(client, email="ada@").status_code == 422
    assert send(client).status_code == 303


def test_a_stamp_says_nothing_about_the_visitor():
    held = signing.loads(Stamp.new(now=timezone.now(), consent_version="1").sealed(), salt=SALT)
    assert sorted(held) == ["consent", "is_checked", "opening", "shown"]
    assert uuid.UUID(held["opening"]).version == 4


def test_only_a_page_that_asked_is_marked_as_checked():
    fresh = Stamp.new(now=timezone.now(), consent_version="1")
    assert fresh.is_too_fast(fresh.shown_at)
    assert not replace(fresh, is_checked=True).is_too_fast(fresh.shown_at)
    assert not fresh.is_too_fast(fresh.shown_at + timedelta(seconds=2))
