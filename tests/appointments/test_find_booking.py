"""“Send my link again” says the same to everybody, and writes only to those who have something coming."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from appointments import tasks
from appointments.services import diary
from clinic import letters
from clinic.models import Letter, MailLink
from tests.appointments.by_link import at, booked, let_it_run_out
from tests.appointments.steps import summary, words
from tests.appointments.visits import ANN, cancel, make_house

pytestmark = pytest.mark.django_db

FIND = "/appointments/find/"
DAUGHTER = diary.Details(name="Eve Xylander", email=ANN.email, phone=ANN.phone)
BEN = diary.Details(name="Ben Stranger", email="ben@stranger.example", phone="(212) 555-0177")


@pytest.fixture
def house(practice):
    return make_house()


def ask(client, email=ANN.email, network="192.0.2.1"):
    return client.post(FIND, {"email": email}, REMOTE_ADDR=network)


def work():
    """What the worker does with what was asked."""
    for result in DBTaskResult.objects.order_by("enqueued_at"):
        tasks.send_links.func(*result.args_kwargs["args"])
        result.delete()


def sent_links():
    return list(Letter.objects.filter(kind="appointments/letters/links").order_by("pk"))


def test_one_letter_holds_the_links_to_all_that_are_coming(client, house):
    hers, daughters = booked(house, at("10:00")), booked(house, at("11:00"), details=DAUGHTER)
    booked(house, at("12:00"), details=BEN)
    cancel(booked(house, at("13:00")), now=timezone.now())
    booked(house, at("10:00", days=-3), now=timezone.now() - timedelta(days=9))
    ask(client)
    work()
    (letter,) = sent_links()
    assert letter.to == ANN.email
    assert [link["object"] for link in letter.links.values()] == [hers.pk, daughters.pk]
    text = letters.with_links(letter, now=timezone.now())
    assert [word for word in ("Xylander", "Eve", "Ben", "Rhinoplasty") if word in letter.subject + text] == []
    tokens = re.findall(r"/appointments/manage/([^/\s]+)/", text)
    assert [client.get(f"/appointments/manage/{token}/").status_code for token in tokens] == [200, 200]


def test_the_answer_is_the_same_for_known_and_unknown(client, house):
    hers = booked(house)
    answers, statements = [], []
    for email in (ANN.email, "nobody@patient.example"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = ask(client, email)
        answers.append((response.status_code, response["Location"], response["Cache-Control"]))
        statements.append(len(queries))
    assert answers[0] == answers[1] == (303, FIND + "?sent=1", "no-store")
    assert statements[0] == statements[1]
    # A task names nobody.
    assert [task.args_kwargs["args"] for task in DBTaskResult.objects.order_by("enqueued_at")] == [[[hers.pk]], [[]]]
    assert sent_links() == []
    assert "an email with its link is on its way" in words(client.get(FIND + "?sent=1"))


def test_an_address_without_anything_coming_gets_no_letter(client, house):
    cancel(booked(house), now=timezone.now())
    before = Letter.objects.count()
    ask(client)
    ask(client, "nobody@patient.example")
    work()
    assert Letter.objects.count() == before
    assert MailLink.objects.count() == 0


def test_the_letter_goes_to_the_address_in_the_books_whatever_its_case(client, house):
    booked(house)
    ask(client, "ANN@Patient.Example")
    work()
    assert [letter.to for letter in sent_links()] == [ANN.email]


def test_a_booking_that_waits_is_found_and_one_that_lapsed_is_not(client, practice):
    waiting = booked(make_house(by_staff=True))
    ask(client)
    work()
    assert len(sent_links()) == 1
    let_it_run_out(waiting)
    ask(client)
    work()
    assert len(sent_links()) == 1


def test_one_mailbox_is_asked_for_only_so_often_known_or_not(client, house):
    booked(house)
    for email in (ANN.email, "nobody@patient.example"):
        answers = [ask(client, email, network=f"192.0.2.{number}").status_code for number in range(4)]
        assert answers == [303, 303, 303, 429]
    response = ask(client, "A.nn+tag@patient.example", network="192.0.2.9")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
    assert "555 0142" in words(response)
    work()
    assert len(sent_links()) == 3


def test_one_network_asks_only_so_often(client, house):
    answers = [ask(client, f"somebody{number}@patient.example").status_code for number in range(11)]
    assert answers == [303] * 10 + [429]


@pytest.mark.parametrize(
    ("email", "message"),
    [
        ("", "Enter the email address that you gave when you booked."),
        ("ann", "Enter an email address in the correct format, like name@example.com."),
        ("ann@patient.example\nbcc: x@y.example", "Write this on one line, without hidden characters."),
    ],
)
def test_what_is_no_address_comes_back(client, practice, email, message):
    response = ask(client, email)
    assert response.status_code == 422
    assert summary(response) == [(message, "id_email")]
    assert DBTaskResult.objects.count() == 0


def test_the_page_is_kept_by_nobody(client, practice):
    response = client.get(FIND)
    assert (response["Cache-Control"], response["X-Robots-Tag"]) == ("no-store", "noindex")
