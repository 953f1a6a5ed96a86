"""From the form to the list and off it again, with nothing but the pages and the letters."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic import letters
from clinic.models import Letter, MailLink, RateLimit
from newsletter.models import Consent, Subscriber
from tests.newsletter.steps import ADA, SIGN_UP, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


def states():
    return dict(Subscriber.objects.values_list("email", "state"))


def test_the_page_has_the_form_and_its_words(client, practice):
    page = client.get(SIGN_UP)
    words = page.content.decode()
    assert page.status_code == 200
    assert "<h1>E-Newsletter Sign-Up</h1>" in words
    assert "be the first to hear of special offers" in words
    assert 'action="/newsletter/"' in words
    assert "csrfmiddlewaretoken" not in words
    assert page.cookies == {}
    assert page["Cache-Control"] == "max-age=0, must-revalidate"
    # Its own page carries the form once: the band above the footer is left out.
    assert words.count('action="/newsletter/"') == 1


def test_from_the_form_to_the_list_and_off_it_again(client, practice):
    answer = sign_up(client, fields={"name": "Ada", "page": "/articles/"})
    assert (answer.status_code, answer["Location"]) == (303, "/newsletter/sent/")
    assert client.get(answer["Location"]).status_code == 200
    assert states() == {ADA: "pending"}

    letter = last_letter()
    page = path_in(letter, "confirm")
    shown = client.get(page)
    assert shown.status_code == 200
    assert "Put me on the list" in shown.content.decode()
    assert states() == {ADA: "pending"}

    assert "You are on the list" in client.post(page).content.decode()
    assert states() == {ADA: "confirmed"}

    # The link of the first letter still leaves.
    leave = path_in(letter, "unsubscribe")
    assert "Leave the list" in client.get(leave).content.decode()
    assert states() == {ADA: "confirmed"}
    left = client.post(leave)
    assert left.status_code == 200
    assert "You are off the list" in left.content.decode()
    assert 'href="/newsletter/">Sign up again</a>' in left.content.decode()
    assert states() == {ADA: "unsubscribed"}


@override_settings(SENDS_MAIL=True, DEFAULT_FROM_EMAIL="news@example.org")
def test_the_letter_that_arrives_holds_working_links_and_nothing_typed(client, practice):
    sign_up(client, fields={"name": "Buy gold now"})
    assert letters.send_next(now=timezone.now())
    (message,) = mail.outbox
    assert message.to == [ADA]
    assert message.subject == "Please confirm your e-newsletter sign-up"
    assert "Buy gold now" not in message.subject + message.body
    assert "[[" not in message.body
    assert "Fern & Vale" in message.body
    assert "12 Orchard Street, New York, NY 10002" in message.body
    (address,) = [line for line in message.body.splitlines() if "/newsletter/confirm/" in line]
    client.post(address.removeprefix("https://elmstreet.example"))
    assert states() == {ADA: "confirmed"}


def test_confirming_and_leaving_twice_is_kind_and_changes_nothing(client):
    sign_up(client)
    letter = last_letter()
    page, leave = path_in(letter, "confirm"), path_in(letter, "unsubscribe")
    first = client.post(page)
    before = list(Subscriber.objects.values())
    again = client.post(page)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert list(Subscriber.objects.values()) == before

    first = client.post(leave)
    before = list(Subscriber.objects.values())
    again = client.post(leave)
    assert (again.status_code, again.content) == (200, first.content)
    assert list(Subscriber.objects.values()) == before
    assert list(Consent.objects.order_by("pk").values_list("kind", flat=True)) == ["asked", "confirmed", "left"]


def test_any_of_several_letters_confirms(client):
    sign_up(client)
    first = path_in(last_letter(), "confirm")
    sign_up(client)
    assert client.post(path_in(last_letter(), "confirm")).status_code == 200
    assert client.post(first).status_code == 200
    assert states() == {ADA: "confirmed"}


def test_someone_who_left_comes_back_only_with_a_new_letter(client):
    sign_up(client)
    old_letter = last_letter()
    old = path_in(old_letter, "confirm")
    client.post(old)
    client.post(path_in(old_letter, "unsubscribe"))

    for method in (client.get, client.post):
        answer = method(old)
        assert answer.status_code == 410
        assert "You have left the list since" in answer.content.decode()
    # Nor does a token minted after leaving, as when staff send the old letter again.
    assert client.post(path_in(old_letter, "confirm")).status_code == 410
    assert states() == {ADA: "unsubscribed"}

    sign_up(client)
    assert states() == {ADA: "unsubscribed"}
    assert confirm(client).status_code == 200
    assert states() == {ADA: "confirmed"}
    assert client.post(old).status_code == 200
    assert Subscriber.objects.get().left_at is None


def test_leaving_before_confirming_ends_the_request(client):
    sign_up(client)
    letter = last_letter()
    client.post(path_in(letter, "unsubscribe"))
    assert states() == {ADA: "unsubscribed"}
    assert client.post(path_in(letter, "confirm")).status_code == 410
    assert states() == {ADA: "unsubscribed"}


def test_a_confirmed_address_is_told_in_its_mailbox_that_it_is_on_the_list(client):
    join(client)
    sign_up(client, "Ada@Example.COM")
    letter = last_letter()
    assert letter.subject == "You are already on our e-newsletter list"
    assert set(letter.links) == {"leave", "preferences"}
    assert client.post(path_in(letter, "unsubscribe")).status_code == 200
    assert states() == {ADA: "unsubscribed"}


def prepared(client, state):
    """Somebody whose address is in this state; the answers must not tell which."""
    email = f"{state}@example.com"
    if state != "new":
        sign_up(client, email)
    if state in {"confirmed", "left"}:
        confirm(client, email)
    if state == "left":
        client.post(path_in(last_letter(email), "unsubscribe"))
    return email


def test_the_answer_is_the_same_whatever_the_list_knows(client):
    answers = {}
    for state in ("new", "pending", "confirmed", "left"):
        email = prepared(client, state)
        stranger = Client()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = sign_up(stranger, email)
            statements = [query["sql"].split(" ")[0] for query in queries.captured_queries]
        page = stranger.get(answer["Location"])
        answers[state] = (answer.status_code, dict(answer.headers), answer.content, page.content, statements)
    assert list(answers.values()) == [answers["new"]] * 4
    assert "INSERT" in answers["new"][4]


def everything():
    return [list(model.objects.order_by("pk").values()) for model in (Subscriber, Consent, Letter, MailLink, RateLimit)]


def test_looking_changes_nothing(client):
    sign_up(client)
    letter = last_letter()
    pages = [SIGN_UP, "/newsletter/sent/", path_in(letter, "confirm"), path_in(letter, "unsubscribe")]
    before = everything()
    for page in pages:
        for method in (client.get, client.head, client.options, client.put, client.delete, client.patch):
            answer = method(page, {"email": "eve@example.com"} if method == client.get else None)
            assert answer.status_code == (200 if method in {client.get, client.head} else 405), (page, method)
    assert everything() == before
    # The negative control: a POST to the same places does.
    client.post(pages[2])
    assert everything() != before


def test_pages_behind_a_token_are_not_kept_and_need_no_cookie(client):
    sign_up(client)
    letter = last_letter()
    for word in ("confirm", "unsubscribe"):
        path = path_in(letter, word)
        for answer in (Client().get(path), Client(enforce_csrf_checks=True).post(path)):
            assert answer.status_code == 200
            assert answer["Cache-Control"] == "no-store"
            assert answer["X-Robots-Tag"] == "noindex"
            assert '<meta name="robots" content="noindex">' in answer.content.decode()
            # Neither as a canonical address nor in a form does the page repeat its token.
            assert path not in answer.content.decode()
            assert answer.cookies == {}


@pytest.mark.parametrize("word", ["confirm", "unsubscribe"])
@pytest.mark.parametrize("token", ["x", "a" * 32, "a" * 5000, "%00", "%ff", "é", "..%5c"])
def test_an_unknown_link_says_what_to_do(client, word, token):
    for method in (client.get, client.post):
        answer = method(f"/newsletter/{word}/{token}/")
        assert answer.status_code == 404
        assert answer["Cache-Control"] == "no-store"
        assert 'href="/newsletter/">Sign up again</a>' in answer.content.decode()


def test_a_link_serves_its_own_purpose_only(client):
    sign_up(client)
    letter = last_letter()
    token = path_in(letter, "confirm").split("/")[-2]
    assert client.post(f"/newsletter/unsubscribe/{token}/").status_code == 404
    token = path_in(letter, "unsubscribe").split("/")[-2]
    assert client.post(f"/newsletter/confirm/{token}/").status_code == 404
    assert states() == {ADA: "pending"}


def test_a_link_to_confirm_ends_after_14_days_and_one_to_leave_never(client):
    sign_up(client)
    letter = last_letter()
    now = timezone.now()
    fresh = path_in(letter, "confirm", now - timedelta(days=14, seconds=-60))
    old = path_in(letter, "confirm", now - timedelta(days=14, seconds=1))
    for method in (client.get, client.post):
        answer = method(old)
        assert answer.status_code == 410
        assert 'href="/newsletter/">Sign up again</a>' in answer.content.decode()
    assert states() == {ADA: "pending"}
    assert client.post(fresh).status_code == 200

    ancient = path_in(letter, "unsubscribe", now - timedelta(days=4000))
    assert client.post(ancient).status_code == 200
    assert states() == {ADA: "unsubscribed"}


def test_the_link_of_someone_erased_is_unknown(client):
    leave = join(client)
    Subscriber.objects.all().delete()
    assert client.get(leave).status_code == 404
    assert Consent.objects.count() == 0


@override_settings(SENDS_MAIL=False)
def test_a_site_without_a_mail_server_says_where_its_letters_are(client):
    assert "/admin/clinic/letter/" in client.get("/newsletter/sent/").content.decode()


@override_settings(SENDS_MAIL=True)
def test_a_site_with_a_mail_server_does_not_speak_of_it(client):
    assert "/admin/" not in client.get("/newsletter/sent/").content.decode()
