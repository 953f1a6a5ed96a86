"""The ledger as staff read it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from newsletter.admin import delivery as delivery_admin
from newsletter.models import Campaign, Delivery, Subscriber
from newsletter.services import bounces, campaigns, tokens
from tests import factories
from tests.newsletter.mailings import put, started

pytestmark = pytest.mark.django_db

LIST = "/admin/newsletter/delivery/"
State = Delivery.State


@pytest.fixture(autouse=True)
def elm_street():
    return factories.make_practice()


@pytest.fixture
def desk():
    client = Client()
    client.force_login(factories.marketing())
    return client


def said(response):
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


def listed(response):
    return [found.pk for found in response.context["cl"].result_list]


def newest_first(campaign):
    return list(campaign.deliveries.order_by("-subscriber_id").values_list("pk", flat=True))


# Who may


@pytest.mark.parametrize("who", [factories.front_desk, factories.editor])
def test_others_of_the_staff_may_not(who):
    letter = started(State.FAILED).deliveries.get()
    client = Client()
    client.force_login(who())
    for path in (LIST, f"{LIST}{letter.pk}/change/", f"{LIST}{letter.pk}/letter/"):
        assert client.get(path).status_code == 403
    assert client.post(f"{LIST}{letter.pk}/repetition/").status_code == 403
    assert client.post(LIST, {"action": "send_again", "_selected_action": letter.pk}).status_code == 403
    assert Delivery.objects.get().state == "failed"


def test_a_stranger_is_sent_to_the_door():
    letter = started(State.KEPT).deliveries.get()
    client = Client()
    client.force_login(factories.stranger())
    for path in (LIST, f"{LIST}{letter.pk}/letter/"):
        assert client.get(path)["Location"] == f"/admin/login/?next={path}"


def test_nobody_writes_the_ledger_by_hand(desk):
    letter = started(State.FAILED).deliveries.get()
    boss = Client()
    boss.force_login(factories.User.objects.get(username="max"))
    before = Delivery.objects.values().get()
    for client in (desk, boss):
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(f"{LIST}{letter.pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.post(f"{LIST}{letter.pk}/change/", {"state": "accepted"}).status_code == 403
        assert 'name="state"' not in client.get(f"{LIST}{letter.pk}/change/").content.decode()
    assert client.get(f"{LIST}{letter.pk}/repetition/").status_code == 405
    assert Delivery.objects.values().get() == before


# The list


def test_letters_are_listed_by_campaign_and_state(desk):
    people = [factories.make_subscriber() for _number in range(3)]
    old = started(State.ACCEPTED, State.FAILED, State.SKIPPED, subject="Old", people=people)
    new = started(State.ACCEPTED, State.ACCEPTED, State.FAILED, subject="New", people=people)
    failed = put(new.deliveries.get(state="failed"), State.FAILED, answer="550 no such <user>")
    response = desk.get(LIST)
    assert listed(response) == [*newest_first(new), *newest_first(old)]
    assert "550 no such &lt;user&gt;" in response.content.decode()
    assert listed(desk.get(LIST, {"campaign": old.pk})) == newest_first(old)
    assert listed(desk.get(LIST, {"campaign": new.pk, "state__exact": "failed"})) == [failed.pk]
    assert listed(desk.get(LIST, {"campaign": "x"})) == []


def test_a_campaign_that_is_not_among_the_newest_can_be_named(desk, monkeypatch):
    monkeypatch.setattr(delivery_admin, "CAMPAIGNS_OFFERED", 1)
    reader = factories.make_subscriber()
    old = started(State.ACCEPTED, subject="Old news", people=[reader])
    started(State.ACCEPTED, subject="New news", people=[reader])
    assert "Old news</a>" not in desk.get(LIST, {"campaign": ""}).content.decode().split('id="changelist-filter"')[1]
    response = desk.get(LIST, {"campaign": old.pk})
    assert listed(response) == newest_first(old)
    assert "Old news" in response.content.decode().split('id="changelist-filter"')[1]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ann@example.com", {"ann@example.com"}),
        (" ANN@Example.com ", {"ann@example.com"}),
        ("ann", {"ann@example.com", "ann@example.com.au", "anna@example.org"}),
        ("ann@example.com.", {"ann@example.com.au"}),
        ("example", set()),
        ("a%", set()),
        ("_nn", set()),
        ("\x00", None),
    ],
)
def test_an_address_is_found_whole_or_by_its_beginning(desk, typed, found):
    people = [
        factories.make_subscriber(email=email)
        for email in ("ann@example.com", "ann@example.com.au", "anna@example.org", "zoe@example.com")
    ]
    started(*[State.ACCEPTED] * 4, people=people)
    response = desk.get(LIST, {"q": typed})
    if found is not None:
        assert {letter.subscriber.email for letter in response.context["cl"].result_list} == found
    assert response.status_code == 200


def test_no_more_is_counted_than_is_listed(desk, monkeypatch):
    monkeypatch.setattr(delivery_admin, "MOST_LISTED", 3)
    started(*[State.ACCEPTED] * 5)
    with CaptureQueriesContext(connection) as asked:
        response = desk.get(LIST)
    assert response.context["cl"].result_count == 3
    assert "Only the first 3 are listed." in response.content.decode()
    counts = [query["sql"] for query in asked if "COUNT(" in query["sql"] and "newsletter_delivery" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 3" in counts[0]


def test_the_list_asks_the_same_few_questions_however_long_it_is(desk, django_assert_num_queries):
    started(State.ACCEPTED)
    desk.get(LIST)  # Django remembers the content types from here on.
    with django_assert_num_queries(8):
        desk.get(LIST)
    people = [*Subscriber.objects.all(), *(factories.make_subscriber() for _number in range(60))]
    started(*[State.ACCEPTED] * 61, people=people)
    with django_assert_num_queries(8):
        assert desk.get(LIST).content.decode().count("@example.com") == 50


def test_what_was_written_is_not_fetched_with_every_row(desk):
    started(State.ACCEPTED)
    with CaptureQueriesContext(connection) as asked:
        desk.get(LIST)
    assert [query["sql"] for query in asked if '"newsletter_campaign"."content"' in query["sql"]] == []


# One letter


def test_the_page_of_one_letter_says_what_became_of_it(desk):
    campaign = started(State.ACCEPTED)
    letter = put(campaign.deliveries.get(), State.FAILED, answer="550 5.1.1 no such user")
    page = desk.get(f"{LIST}{letter.pk}/change/").content.decode()
    assert letter.subscriber.email in page
    assert "550 5.1.1 no such user" in page
    assert tokens.message_id(campaign.pk, letter.subscriber_id).strip("<>") in page
    assert (
        f'<iframe title="The letter" sandbox="allow-same-origin" loading="lazy" src="{LIST}{letter.pk}/letter/">'
        in page
    )


def test_the_letter_is_shown_as_that_person_gets_it(desk, settings):
    settings.TRIAL, settings.SENDS_MAIL = True, False
    ada, bob = factories.make_subscriber(name="Ada <b>"), factories.make_subscriber(name="Bob")
    campaign = started(State.KEPT, State.KEPT, people=[ada, bob])
    # What was frozen is what is shown.
    Campaign.objects.update(introduction="<p>Written later.</p>", subject="Written later")
    letter = campaign.deliveries.get(subscriber=ada)
    response = desk.get(f"{LIST}{letter.pk}/letter/")
    page = response.content.decode()
    assert "Hello Ada &lt;b&gt;," in page
    assert "Bob" not in page
    assert "Written later" not in page
    own = tokens.token_for(campaign.code, ada.email)
    assert f"/newsletter/unsubscribe/{own}/" in page
    assert tokens.token_for(campaign.code, bob.email) not in page
    text = desk.get(f"{LIST}{letter.pk}/letter/", {"as": "text"})
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    assert "Hello Ada <b>," in text.content.decode()


@pytest.mark.parametrize(("trial", "sends"), [(True, True), (False, True), (False, False)])
def test_nobody_gets_hold_of_a_persons_links_where_letters_go_out(desk, settings, trial, sends):
    campaign = started(State.ACCEPTED)
    settings.TRIAL, settings.SENDS_MAIL = trial, sends
    letter = campaign.deliveries.get()
    own = tokens.token_for(campaign.code, letter.subscriber.email)
    for form in ("", "text"):
        page = desk.get(f"{LIST}{letter.pk}/letter/", {"as": form}).content.decode()
        assert "Hello Ada," in page
        assert own not in page


def test_the_letter_can_run_nothing_and_be_framed_by_us_alone(desk, settings):
    letter = started(State.KEPT).deliveries.get()
    response = desk.get(f"{LIST}{letter.pk}/letter/")
    assert dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";")) == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "'self' http://127.0.0.1:8000",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-same-origin",
    }
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_a_letter_that_there_is_not(desk):
    assert desk.get(f"{LIST}4711/letter/").status_code == 404
    assert desk.post(f"{LIST}4711/repetition/").status_code == 404


# Send again


def test_a_failed_letter_is_sent_again_from_its_page(desk):
    campaign = started(State.FAILED)
    letter = campaign.deliveries.get()
    campaigns.end_finished(now=timezone.now())
    assert f"{LIST}{letter.pk}/repetition/" in desk.get(f"{LIST}{letter.pk}/change/").content.decode()
    response = desk.post(f"{LIST}{letter.pk}/repetition/", follow=True)
    assert response.redirect_chain == [(f"{LIST}{letter.pk}/change/", 303)]
    assert said(response) == [("success", "1 letter will be sent again.")]
    letter.refresh_from_db()
    assert (letter.state, letter.settled_by.username) == ("queued", "mary")
    assert Campaign.objects.get().state == "sending"
    again = desk.post(f"{LIST}{letter.pk}/repetition/", follow=True)
    assert said(again) == [("info", "0 letters will be sent again.")]


def test_a_letter_to_a_dead_address_is_not_sent_again(desk):
    campaign = started(State.FAILED)
    letter = put(campaign.deliveries.get(), State.FAILED, answer="550 5.1.1 no such user")
    bounces.bounced(subscriber=letter.subscriber_id, words=letter.answer, now=timezone.now(), delivery=letter.pk)
    campaigns.end_finished(now=timezone.now())
    page = desk.get(f"{LIST}{letter.pk}/change/").content.decode()
    assert f"{LIST}{letter.pk}/repetition/" not in page
    assert "It is not sent again: this person is off the list, or the address does not work." in page
    answer = desk.post(f"{LIST}{letter.pk}/repetition/", follow=True)
    words = "1 letter is not sent again: the person is off the list, or the address does not work."
    assert said(answer) == [("warning", words)]
    letter.refresh_from_db()
    assert (letter.state, letter.answer, letter.settled_by) == ("failed", "550 5.1.1 no such user", None)
    assert Campaign.objects.get().state == "sent"


def test_only_a_letter_that_was_taken_can_bounce(desk):
    campaign = started(State.FAILED, State.ACCEPTED)
    campaign.deliveries.update(bounced_at=timezone.now())
    refused, taken = (
        desk.get(f"{LIST}{letter.pk}/change/").content.decode() for letter in campaign.deliveries.order_by("pk")
    )
    assert "Bounced:" in taken
    assert "Bounced:" not in refused
    assert "Delivered:" in refused


def test_of_the_chosen_only_the_failed_are_sent_again(desk):
    campaign = started(State.FAILED, State.UNCERTAIN, State.ACCEPTED, State.FAILED, State.FAILED)
    keys = list(campaign.deliveries.order_by("pk").values_list("pk", flat=True))
    response = desk.post(LIST, {"action": "send_again", "_selected_action": keys[:4]}, follow=True)
    assert said(response) == [("success", "2 letters will be sent again.")]
    states = list(Delivery.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["queued", "uncertain", "accepted", "queued", "failed"]


def test_all_the_failed_of_a_campaign_are_sent_again(desk):
    campaign = started(State.FAILED, State.FAILED, State.ACCEPTED)
    first = campaign.deliveries.first().pk
    response = desk.post(
        f"{LIST}?campaign={campaign.pk}&state__exact=failed",
        {"action": "send_again", "_selected_action": [first], "select_across": "1"},
        follow=True,
    )
    assert said(response) == [("success", "2 letters will be sent again.")]


def test_nothing_of_a_cancelled_campaign_is_sent_again(desk):
    campaign = started(State.FAILED)
    campaigns.cancel(campaign, by=factories.User.objects.get(username="max"), now=timezone.now())
    response = desk.post(f"{LIST}{campaign.deliveries.get().pk}/repetition/", follow=True)
    assert said(response) == [("error", "This campaign was cancelled: nothing of it is sent any more.")]
    assert Delivery.objects.get().state == "failed"


def test_an_uncertain_one_leads_to_the_page_that_settles_it(desk):
    campaign = started(State.UNCERTAIN)
    letter = campaign.deliveries.get()
    page = desk.get(f"{LIST}{letter.pk}/change/").content.decode()
    assert f"{LIST}uncertain/?campaign={campaign.pk}" in page
    assert f"{LIST}{letter.pk}/repetition/" not in page
    assert "Settle it" in page
