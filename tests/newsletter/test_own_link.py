"""“Send me my link” says the same to everybody, and writes only to those who may be written to."""

import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from clinic import letters
from clinic.models import Letter, MailLink, RateLimit
from newsletter import tasks
from newsletter.models import Subscriber, Suppression
from tests.appointments.steps import send as ask_for_an_appointment
from tests.factories import make_subscriber
from tests.newsletter.steps import ADA, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db

LINK = "/newsletter/link/"
KIND = "newsletter/letters/own_link"


def ask(client, email=ADA, network="192.0.2.1", **headers):
    return client.post(LINK, {"email": email}, REMOTE_ADDR=network, **headers)


def work():
    """What the worker does with what was asked."""
    for result in DBTaskResult.objects.order_by("enqueued_at"):
        tasks.send_own_link.func(*result.args_kwargs["args"])
        result.delete()


def sent_links():
    return list(Letter.objects.filter(kind=KIND).order_by("pk"))


def test_who_has_lost_every_link_chooses_and_leaves_again(client, practice):
    make_subscriber(email=ADA)
    answer = ask(client)
    assert (answer.status_code, answer["Location"]) == (303, "/newsletter/link/sent/")
    assert "a letter with its link is on its way" in client.get(answer["Location"]).content.decode()
    work()
    (letter,) = sent_links()
    assert set(letter.links) == {"preferences", "leave"}
    chosen = client.post(path_in(letter, "preferences"), {"name": "Ada King"})
    assert "Saved." in chosen.content.decode()
    assert Subscriber.objects.get().name == "Ada King"
    assert "You are off the list" in client.post(path_in(letter, "unsubscribe")).content.decode()
    assert Subscriber.objects.get().state == "unsubscribed"


@override_settings(SENDS_MAIL=True, DEFAULT_FROM_EMAIL="news@example.org")
def test_the_letter_that_arrives_names_nobody(client, practice):
    make_subscriber(email=ADA, name="Ada Lovelace")
    ask(client)
    work()
    assert letters.send_next(now=timezone.now())
    (message,) = mail.outbox
    assert message.to == [ADA]
    assert message.subject == "The link to your e-newsletter settings"
    assert "[[" not in message.body
    assert [word for word in (ADA, "Lovelace") if word in message.subject + message.body] == []
    assert "12 Orchard Street, New York, NY 10002" in message.body
    addresses = re.findall(r"^http\S+$", message.body, flags=re.MULTILINE)
    assert [address.split("/")[-3] for address in addresses] == ["preferences", "unsubscribe"]


def prepared(state):
    """An address in this state; the answers must not tell which."""
    email = f"{state}@example.com"
    if state == "suppressed":
        # Back on the list by a restore, and not yet taken off.
        make_subscriber(email=email)
        Suppression.objects.add([email], Suppression.Reason.UNSUBSCRIBED, now=timezone.now())
    elif state != "unknown":
        make_subscriber(email=email, state=state)
    return email


@contextmanager
def statements():
    """The SQL of all that is asked of the database, without its values."""
    asked = []

    def note(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield asked


STATES = ["unknown", "confirmed", "pending", "unsubscribed", "bounced", "complained", "suppressed"]


def test_the_answer_is_the_same_whatever_the_list_knows(client):
    emails = [*map(prepared, STATES), "asked@example.com"]
    asked = make_subscriber(email="asked@example.com")
    for number in range(3):
        ask(client, asked.email, network=f"198.51.100.{number}")
    DBTaskResult.objects.all().delete()
    answers = []
    for email in emails:
        stranger = Client()
        with statements() as sql:
            answer = ask(stranger, email, network=f"192.0.2.{len(answers) + 1}")
        page = stranger.get(answer["Location"])
        answers.append((answer.status_code, dict(answer.headers), answer.content, page.content, sql))
    assert len(answers[0][-1]) >= 4
    assert answers == [answers[0]] * len(emails)
    # Nothing is written to anybody within the request, and a task names nobody.
    assert Letter.objects.count() == 0
    confirmed = Subscriber.objects.get(email="confirmed@example.com")
    found = [task.args_kwargs["args"] for task in DBTaskResult.objects.order_by("enqueued_at")]
    assert found == [[[]], [[confirmed.pk]], [[]], [[]], [[]], [[]], [[]], [[]]]

    work()
    assert [letter.to for letter in sent_links()] == ["confirmed@example.com"]


def test_whom_somebody_else_signed_up_gets_no_more_letters_than_that_one(client):
    sign_up(client)
    ask(client)
    # Also one that was asked for on the list and is written later.
    tasks.send_own_link.enqueue([Subscriber.objects.get().pk])
    work()
    assert [letter.kind for letter in Letter.objects.all()] == ["newsletter/letters/confirm"]


def test_who_has_left_before_the_letter_is_written_gets_none(client):
    subscriber = make_subscriber(email=ADA)
    ask(client)
    subscriber.take_off(Subscriber.State.UNSUBSCRIBED, now=timezone.now())
    work()
    assert sent_links() == []


def test_the_letter_goes_to_the_address_on_the_list_whatever_its_case(client):
    make_subscriber(email=ADA)
    ask(client, "Ada@EXAMPLE.com")
    work()
    assert [letter.to for letter in sent_links()] == [ADA]


def test_one_address_is_sent_three_a_day_and_whoever_asks_again_is_told_no_more(client):
    make_subscriber(email=ADA)
    spellings = [ADA, "ADA@example.com", "ada@EXAMPLE.com", ADA, ADA]
    for email in (*spellings, *["nobody@example.com"] * 5):
        answer = ask(client, email, network=f"192.0.2.{DBTaskResult.objects.count()}")
        assert (answer.status_code, answer["Location"]) == (303, "/newsletter/link/sent/")
    assert "one address is sent no more a day" in client.get(answer["Location"]).content.decode()
    work()
    assert [letter.to for letter in sent_links()] == [ADA] * 3
    # The next day anew.
    RateLimit.objects.update(window_ends_at=timezone.now())
    ask(client)
    work()
    assert len(sent_links()) == 4


def test_other_spellings_of_a_mailbox_use_up_none_of_its_letters(client):
    make_subscriber(email=ADA)
    for number in range(4):
        ask(client, f"a.da+{number}@example.com", network="192.0.2.2")
        ask(client, "ada+x@example.com", network="192.0.2.3")
    work()
    assert sent_links() == []
    ask(client)
    work()
    assert [letter.to for letter in sent_links()] == [ADA]


def test_one_network_asks_ten_times_an_hour_and_then_uses_up_nobodys_letters(client, practice):
    make_subscriber(email=ADA)
    answers = [ask(client, f"somebody{number}@example.com").status_code for number in range(11)]
    assert answers == [303] * 10 + [429]
    refused = [ask(client) for _time in range(5)]
    assert {answer.status_code for answer in refused} == {429}
    assert 0 < int(refused[0]["Retry-After"]) <= 3600
    page = refused[0].content.decode()
    assert [
        words for words in ("That was asked too often", "from your network", practice.phone) if words not in page
    ] == []
    assert ask(client, network="192.0.2.2").status_code == 303
    work()
    assert [letter.to for letter in sent_links()] == [ADA]


def test_a_stranger_who_asks_uses_up_no_letter_of_a_sign_up_or_an_appointment(client, practice):
    for number in range(6):
        ask(client, network=f"192.0.2.{number}")
    for _time in range(10):
        ask(client, "another@example.com")
    sign_up(client)
    assert last_letter().kind == "newsletter/letters/confirm"
    assert ask_for_an_appointment(client, email=ADA).status_code == 303
    assert last_letter().kind == "appointments/letters/received"


def test_sign_ups_use_up_no_link(client):
    join(client)
    for _time in range(5):
        sign_up(client)
    assert ask(client).status_code == 303
    work()
    assert [letter.to for letter in sent_links()] == [ADA]


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "Enter your email address."),
        ("ada", "Enter an email address in the correct format, like name@example.com."),
        ("ada@example.com\nbcc: eve@example.com", "Write this on one line, without hidden characters."),
        ('"a"@example.com', "Enter an email address without quotation marks and backslashes."),
        ("a" * 250 + "@example.com", "Write this with at most 254 characters; it has 262."),
        ("ada\x00@example.com", "Write this on one line, without hidden characters."),
    ],
)
def test_what_is_no_address_comes_back(client, email, words):
    answer = ask(client, email)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "<title>Error: Send me my link" in page
    assert 'href="#id_email"' in page
    assert DBTaskResult.objects.count() == 0


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_another_sites_form_asks_for_nothing(headers):
    assert ask(Client(headers=headers)).status_code == 403
    assert DBTaskResult.objects.count() == 0
    assert ask(Client(enforce_csrf_checks=True)).status_code == 303


def test_looking_writes_nothing_and_no_address_stands_in_an_address(client):
    make_subscriber(email=ADA)
    for path in (LINK, "/newsletter/link/sent/", f"{LINK}?email={ADA}"):
        answer = client.get(path)
        page = answer.content.decode()
        assert (answer.status_code, dict(answer.cookies)) == (200, {})
        assert '<meta name="robots" content="noindex">' in page
        assert ADA not in page
        assert client.head(path).status_code == 200
    assert client.post("/newsletter/link/sent/").status_code == 405
    assert (DBTaskResult.objects.count(), Letter.objects.count(), MailLink.objects.count()) == (0, 0, 0)


FIELD = re.compile(
    r'<label for="([\w-]+)">Address that is on the list</label>\s*<input id="([\w-]+)" type="email" name="email"'
)


def test_the_form_stands_where_a_link_is_missed(client):
    unknown = client.get("/newsletter/preferences/none-such/")
    assert unknown.status_code == 404
    for page in (unknown.content.decode(), client.get("/newsletter/").content.decode()):
        ((label, field),) = FIELD.findall(page)
        assert label == field
        assert page.count(f'id="{field}"') == 1
        assert 'action="/newsletter/link/"' in page
        assert "csrfmiddlewaretoken" not in page


def test_a_link_that_was_asked_for_ends_and_another_takes_its_place(client):
    """Whoever the letter was passed on to sees name and address no longer; leaving has no end."""
    make_subscriber(email=ADA, name="Ada Lovelace")
    ask(client)
    work()
    (letter,) = sent_links()
    assert "for the next 30 days:" in letter.body
    long_ago = timezone.now() - timedelta(days=30)
    young, old = (path_in(letter, "preferences", long_ago + shift) for shift in (timedelta(minutes=1), timedelta(0)))
    assert "Ada Lovelace" in client.get(young).content.decode()
    for answer in (client.get(old), client.post(old, {"name": "Eve"}), client.post(old, {"leave": "yes"})):
        page = answer.content.decode()
        assert (answer.status_code, answer["Cache-Control"]) == (410, "no-store")
        assert "work for 30 days" in page
        assert [words for words in (ADA, "Lovelace", "14 days", "Sign up again") if words in page] == []
        assert len(FIELD.findall(page)) == 1
    assert Subscriber.objects.get(name="Ada Lovelace", state="confirmed")
    client.post(path_in(letter, "unsubscribe", timezone.now() - timedelta(days=4000)))
    assert Subscriber.objects.get().state == "unsubscribed"


def test_where_signing_up_again_is_the_way_it_does_not(client):
    sign_up(client)
    old = path_in(last_letter(), "confirm", timezone.now() - timedelta(days=15))
    ended = client.get(old)
    assert ended.status_code == 410
    assert LINK not in ended.content.decode()
