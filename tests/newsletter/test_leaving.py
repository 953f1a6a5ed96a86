"""Leaving takes one click, from a letter and from a newsletter, and nothing but a POST does it."""

import pytest
from django.test import Client
from django.utils import timezone

from clinic.models import Letter, MailLink, RateLimit
from newsletter import wording
from newsletter.models import Consent, Delivery, Subscriber, Suppression
from newsletter.services import tokens
from tests.factories import make_subscriber
from tests.newsletter.steps import join, last_letter, path_in, sent_newsletter, sign_up, started_campaign

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"


def unsubscribe(token):
    return f"/newsletter/unsubscribe/{token}/"


def preferences(token):
    return f"/newsletter/preferences/{token}/"


def everything():
    models = (Subscriber, Consent, Suppression, Delivery, Letter, MailLink, RateLimit)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("form", ["urlencoded", "multipart", "from anywhere"])
def test_one_click_of_a_mail_program_leaves_without_a_cookie_or_a_redirect(form):
    """RFC 8058 section 3.1: one POST, no redirect, no cookie, in either form of body."""
    subscriber = make_subscriber()
    delivery, token = sent_newsletter(subscriber)
    headers = {"origin": "https://mail.example", "sec-fetch-site": "cross-site"} if form == "from anywhere" else {}
    client = Client(enforce_csrf_checks=True, headers=headers)
    if form == "multipart":
        answer = client.post(unsubscribe(token), ONE_CLICK)
    else:
        answer = client.post(unsubscribe(token), "List-Unsubscribe=One-Click", content_type=FORM)
    assert (answer.status_code, dict(answer.cookies)) == (200, {})
    assert "cookie" not in answer.get("Vary", "").lower()
    subscriber.refresh_from_db()
    delivery.refresh_from_db()
    assert subscriber.state == "unsubscribed"
    assert subscriber.left_at == delivery.left_at
    line = Consent.objects.get()
    assert (line.kind, line.words) == ("left", wording.LEAVING_BY_MAIL_PROGRAM.newest.text)
    assert list(Suppression.objects.values_list("email", "reason")) == [(subscriber.email, "unsubscribed")]


def test_one_click_again_is_200_and_changes_nothing(client):
    _delivery, token = sent_newsletter(make_subscriber())
    first = client.post(unsubscribe(token), ONE_CLICK)
    before = everything()
    again = client.post(unsubscribe(token), ONE_CLICK)
    assert (again.status_code, again.content) == (200, first.content)
    assert everything() == before


def test_the_newsletter_that_made_somebody_leave_is_known_and_no_other(client):
    subscriber = make_subscriber()
    first, first_token = sent_newsletter(subscriber)
    second, second_token = sent_newsletter(subscriber)
    someone_else, _token = sent_newsletter(make_subscriber(), campaign=second.campaign)
    client.post(unsubscribe(second_token))
    client.post(unsubscribe(first_token))
    left = Delivery.objects.exclude(left_at=None)
    assert [delivery.pk for delivery in left] == [second.pk]
    assert someone_else.subscriber.state == "confirmed"
    assert first.campaign != second.campaign


@pytest.mark.parametrize("state", ["queued", "sending", "retry", "uncertain", "failed", "skipped", "kept"])
def test_a_link_works_whatever_has_become_of_its_delivery(client, state):
    now = timezone.now()
    subscriber = make_subscriber()
    delivery, token = sent_newsletter(subscriber, state=state, next_attempt_at=now, lease_until=now)
    assert client.post(unsubscribe(token)).status_code == 200
    delivery.refresh_from_db()
    assert delivery.left_at is not None
    assert delivery.state == state
    assert not Subscriber.objects.mailable().exists()


@pytest.mark.parametrize("state", ["pending", "bounced", "complained", "unsubscribed"])
def test_leaving_from_any_state_is_kind(client, state):
    subscriber = make_subscriber(state=state)
    delivery, token = sent_newsletter(subscriber)
    answer = client.post(unsubscribe(token), ONE_CLICK)
    subscriber.refresh_from_db()
    delivery.refresh_from_db()
    assert answer.status_code == 200
    assert "You are off the list" in answer.content.decode()
    # A dead address stays one, and its newsletter is not what made anybody leave.
    assert subscriber.state == ("unsubscribed" if state == "pending" else state)
    assert (delivery.left_at is not None) == (state == "pending")


def test_a_link_that_was_changed_or_made_up_is_unknown(client):
    subscriber = make_subscriber()
    delivery, token = sent_newsletter(subscriber)
    other = make_subscriber()
    forged = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token.lower(),
        token[:-1],
        token + "A",
        tokens.token_for(delivery.campaign.code, other.email),
        tokens.token_for("anothrcd", subscriber.email),
        tokens.hashed(token).hex(),
        str(subscriber.pk),
        tokens.mark(delivery.campaign_id, subscriber.pk),
    ]
    before = everything()
    for wrong in forged:
        for page in (unsubscribe(wrong), preferences(wrong)):
            for method in (client.get, client.post):
                assert method(page, ONE_CLICK).status_code == 404
    assert everything() == before
    # The negative control.
    assert client.post(unsubscribe(token)).status_code == 200
    assert everything() != before


def test_somebody_elses_link_acts_on_somebody_else_alone(client):
    one, other = make_subscriber(email="ada@example.com"), make_subscriber(email="bea@example.com")
    campaign = started_campaign()
    _delivery, token = sent_newsletter(one, campaign=campaign)
    sent_newsletter(other, campaign=campaign)
    page = client.get(preferences(token)).content.decode()
    assert "a…\u2060@e….com" in page
    assert "b…" not in page
    client.post(unsubscribe(token))
    assert dict(Subscriber.objects.values_list("email", "state")) == {
        one.email: "unsubscribed",
        other.email: "confirmed",
    }


def test_a_newsletters_token_confirms_nobody(client):
    subscriber = make_subscriber(state="pending")
    _delivery, token = sent_newsletter(subscriber)
    assert client.post(f"/newsletter/confirm/{token}/").status_code == 404
    subscriber.refresh_from_db()
    assert subscriber.state == "pending"


def test_scanners_that_follow_every_link_change_nothing(client):
    join(client)
    sign_up(client)
    already = last_letter()
    _delivery, token = sent_newsletter(Subscriber.objects.get())
    sign_up(client, "eve@example.org")
    pages = [
        path_in(already, "unsubscribe"),
        path_in(already, "preferences"),
        path_in(last_letter("eve@example.org"), "confirm"),
        unsubscribe(token),
        preferences(token),
    ]
    before = everything()
    for page in pages:
        for method in (client.get, client.head):
            assert method(page).status_code == 200
            assert method(page + "?List-Unsubscribe=One-Click&leave=yes").status_code == 200
        for method in (client.options, client.put, client.delete, client.patch):
            assert method(page, "List-Unsubscribe=One-Click", content_type=FORM).status_code == 405
    assert everything() == before


@pytest.mark.parametrize("word", ["unsubscribe", "preferences", "confirm"])
def test_the_link_of_a_test_letter_says_so_and_changes_nothing(client, word):
    join(client)
    before = everything()
    for method in (client.get, client.post):
        answer = method(f"/newsletter/{word}/test/", ONE_CLICK)
        assert answer.status_code == 200
        assert "The link of a test letter" in answer.content.decode()
        assert (answer["Cache-Control"], answer["X-Robots-Tag"]) == ("no-store", "noindex")
    assert client.head(f"/newsletter/{word}/test/").status_code == 200
    assert everything() == before


def test_pages_behind_a_newsletters_token_are_not_kept_and_name_no_token(client):
    _delivery, token = sent_newsletter(make_subscriber())
    for page in (unsubscribe(token), preferences(token)):
        for answer in (Client().get(page), Client(enforce_csrf_checks=True).post(page, {"leave": "yes"})):
            assert answer.status_code == 200
            assert (answer["Cache-Control"], answer["X-Robots-Tag"]) == ("no-store", "noindex")
            # Not no-referrer: a browser that sends none says `Origin: null` too, and the form would be refused.
            assert answer["Referrer-Policy"] == "strict-origin"
            assert '<meta name="robots" content="noindex">' in answer.content.decode()
            assert token not in answer.content.decode()
            assert dict(answer.cookies) == {}


def test_who_was_erased_has_no_link_left(client):
    _delivery, token = sent_newsletter(make_subscriber())
    Subscriber.objects.all().delete()
    for page in (unsubscribe(token), preferences(token)):
        assert client.get(page).status_code == 404
