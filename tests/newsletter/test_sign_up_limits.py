"""Nobody's mailbox is flooded, and one network does not fill the list."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.models import Letter
from newsletter import wording
from newsletter.models import Consent, Subscriber, Suppression
from newsletter.services import signing_up
from tests.appointments.steps import send as ask_for_an_appointment
from tests.newsletter.steps import ADA, sign_up

pytestmark = pytest.mark.django_db


def test_one_mailbox_gets_three_letters_a_day_and_the_screen_does_not_tell(client):
    answers = [sign_up(client) for _time in range(5)]
    assert {(answer.status_code, answer["Location"], answer.content) for answer in answers} == {
        (303, "/newsletter/sent/", b"")
    }
    assert Letter.objects.count() == Consent.objects.count() == 3


def test_tags_dots_and_case_are_one_mailbox(client):
    for email in (ADA, "ADA+1@example.com", "a.d.a+2@EXAMPLE.com", "ada+3@example.com", "a.da@example.com"):
        assert sign_up(client, email).status_code == 303
    assert Letter.objects.count() == Subscriber.objects.count() == 3
    assert sign_up(client, "ada@example.org").status_code == 303
    assert Letter.objects.count() == 4


@pytest.mark.parametrize(
    "spellings",
    [
        ["a.da@gmail.com", "ada@googlemail.com", "ad.a+x@GoogleMail.com", "ADA@gmail.com"],
        ["ada@bücher.example", "ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example", "ada@BÜCHER.example"],
        ["ada@example.com", "ada@ｅｘａｍｐｌｅ.com", "ada@ⓔxample.com", "ada@EXAMPLE.com"],
    ],
)
def test_spellings_of_a_domain_are_one_mailbox(client, spellings):
    assert [sign_up(client, email).status_code for email in spellings] == [303] * 4
    assert Letter.objects.count() == 3


def test_whoever_signs_a_stranger_up_keeps_no_letter_about_an_appointment_from_them(client, practice):
    for _time in range(4):
        assert sign_up(client).status_code == 303
    for _time in range(4):
        assert ask_for_an_appointment(client, email=ADA).status_code == 303
    kinds = Letter.objects.filter(to=ADA).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["newsletter/letters/confirm"] * 3 + ["appointments/letters/received"] * 3


@pytest.mark.parametrize("reason", ["too often", "complained"])
def test_what_is_not_answered_takes_the_same_work_and_leaves_no_letter(client, reason):
    def work(email):
        with CaptureQueriesContext(connection) as queries:
            assert sign_up(client, email).status_code == 303
        # The first words of each statement: verb and table, and not the name of a savepoint.
        return [" ".join(query["sql"].split()[:3]).partition(' "s')[0] for query in queries]

    if reason == "complained":
        Suppression.objects.add([ADA], Suppression.Reason.COMPLAINED, now=timezone.now())
    for _time in range(0 if reason == "complained" else 3):
        sign_up(client)
    before = stored()

    unanswered = work(ADA)

    asks, letters = stored()
    # Whoever has complained and asks again has asked.
    assert (asks - before[0], letters - before[1]) == (1 if reason == "complained" else 0, 0)
    answered = work("new@example.com")
    assert 'INSERT INTO "clinic_letter"' in answered
    unanswered.remove("ROLLBACK TO SAVEPOINT")
    assert unanswered == answered


def stored():
    return Consent.objects.count(), Letter.objects.count()


def test_the_next_day_there_is_a_letter_again():
    now = timezone.now()
    for days in (0, 0, 0, 0, 1):
        signing_up.sign_up(
            email=ADA,
            name="",
            page="",
            network_address="192.0.2.1",
            words=wording.SIGN_UP.newest,
            language="en",
            now=now + timedelta(days=days),
        )
    assert Letter.objects.count() == 4


def test_a_network_is_asked_to_wait_and_told_the_phone_number(client, practice):
    for number in range(30):
        assert sign_up(client, f"person{number}@example.com").status_code == 303
    answer = sign_up(client, "one-too-many@example.com")
    assert answer.status_code == 429
    assert 3500 < int(answer["Retry-After"]) <= 3600
    assert practice.phone in answer.content.decode()
    assert not Subscriber.objects.filter(email="one-too-many@example.com").exists()
    assert sign_up(client, "neighbour@example.com", REMOTE_ADDR="192.0.2.77").status_code == 303


def test_a_household_in_ipv6_is_one_network(client):
    for number in range(30):
        sign_up(client, f"person{number}@example.com", REMOTE_ADDR=f"2001:db8::{number + 1:x}")
    assert sign_up(client, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert sign_up(client, REMOTE_ADDR="2001:db8:0:1::1").status_code == 303


def test_mistakes_are_not_counted(client):
    for _time in range(40):
        assert sign_up(client, "ada@").status_code == 422
    assert sign_up(client).status_code == 303
