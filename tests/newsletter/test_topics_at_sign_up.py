"""Topics are chosen on the sign-up page, and hold once the person has confirmed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Letter
from newsletter.models import Consent, Subscriber, Topic
from newsletter.services import signing_up
from tests.factories import make_topic
from tests.newsletter.steps import ADA, SIGN_UP, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def topics():
    return [
        make_topic(name="Offers", slug="offers", description="Once a month.", position=1),
        make_topic(name="Skin", slug="skin", position=2),
        make_topic(name="Old news", slug="old", is_offered=False),
    ]


def chosen(email=ADA):
    return sorted(Subscriber.objects.get(email=email).topics.values_list("slug", flat=True))


def test_without_topics_the_page_does_not_ask(client):
    assert 'name="topics"' not in client.get(SIGN_UP).content.decode()


def test_the_page_offers_those_that_are_offered_as_one_question(client, topics):
    page = client.get(SIGN_UP).content.decode()
    assert page.count('name="topics"') == 2
    assert "<legend>Topics" in page
    assert "Once a month." in page
    assert "Choose none, and you get everything, also on topics that are new later." in page
    assert "Old news" not in page
    # The form in footers stays an address and a button.
    assert 'name="topics"' not in client.get("/offers/").content.decode()


def test_what_was_chosen_holds_after_confirming_and_is_evidence(client, topics):
    sign_up(client, fields={"topics": ["skin", "offers"]})
    assert chosen() == []
    page = path_in(last_letter(), "confirm")
    assert "Topics: Offers, Skin" in client.get(page).content.decode()
    assert chosen() == []
    client.post(page)
    assert chosen() == ["offers", "skin"]
    lines = Consent.objects.order_by("pk").values_list("kind", "topics")
    assert list(lines) == [("asked", ["Offers", "Skin"]), ("confirmed", ["Offers", "Skin"])]


def test_none_chosen_is_everything(client, topics):
    sign_up(client)
    confirm(client)
    assert chosen() == []
    assert list(Consent.objects.order_by("pk").values_list("topics", flat=True)) == [[], []]


def test_a_stranger_changes_nobodys_topics(client, topics):
    sign_up(client, fields={"topics": ["skin"]})
    confirm(client)
    sign_up(client, ADA.upper(), fields={"topics": ["offers"], "name": "Eve"})
    assert chosen() == ["skin"]
    assert last_letter().subject == "You are already on our e-newsletter list"


def test_whoever_comes_back_has_the_topics_of_the_new_ask(client, topics):
    sign_up(client, fields={"topics": ["skin"]})
    leave = path_in(last_letter(), "unsubscribe")
    confirm(client)
    client.post(leave)
    sign_up(client)
    confirm(client)
    assert chosen() == []


@pytest.mark.parametrize("sent", ["none-such", "old", "", "skin\x00", "1", "skin,offers", "<b>x</b>", "a" * 5000])
def test_a_topic_that_does_not_exist_is_refused_in_words(client, topics, sent):
    answer = sign_up(client, fields={"topics": ["skin", sent], "name": "Ada"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose from the topics on this page." in page
    assert "<title>Error: E-Newsletter Sign-Up" in page
    assert 'value="Ada"' in page
    assert "<b>x</b>" not in page
    assert not Subscriber.objects.exists()
    assert not Letter.objects.exists()


def test_a_page_that_stood_open_while_the_last_topic_was_withdrawn_is_told_so(client):
    answer = sign_up(client, fields={"topics": ["skin"]})
    assert answer.status_code == 422
    assert "Choose from the topics on this page." in answer.content.decode()
    assert sign_up(client).status_code == 303


def test_a_topic_renamed_before_the_confirmation_is_still_the_one_chosen(client, topics):
    sign_up(client, fields={"topics": ["skin"]})
    # Another takes its old name and its short name.
    Topic.objects.filter(slug="skin").update(name="Skin care", slug="skin-care")
    Topic.objects.filter(slug="offers").update(name="Skin", slug="skin")
    page = path_in(last_letter(), "confirm")
    assert "Topics: Skin care" in client.get(page).content.decode()
    client.post(page)
    assert chosen() == ["skin-care"]
    lines = Consent.objects.order_by("pk").values_list("kind", "topics")
    assert list(lines) == [("asked", ["Skin"]), ("confirmed", ["Skin care"])]


def test_of_several_topics_those_that_are_left_hold(client, topics):
    sign_up(client, fields={"topics": ["skin", "offers"]})
    Topic.objects.filter(slug="skin").delete()
    page = path_in(last_letter(), "confirm")
    assert "<p>Topics: Offers</p>" in client.get(page).content.decode()
    client.post(page)
    assert chosen() == ["offers"]


def test_with_all_of_the_chosen_topics_gone_nobody_is_put_on_the_list_for_everything(client, topics):
    sign_up(client, fields={"topics": ["skin"]})
    page = path_in(last_letter(), "confirm")
    Topic.objects.filter(slug="skin").delete()
    for answer in (client.get(page), client.post(page)):
        assert answer.status_code == 410
        words = answer.content.decode()
        assert "The topics that you chose are not there any more, and you are not on the list" in words
        assert 'href="/newsletter/">Sign up again</a>' in words
    assert Subscriber.objects.get().state == "pending"
    sign_up(client, fields={"topics": ["offers"]})
    confirm(client)
    assert chosen() == ["offers"]
    # Who is on the list has topics of their own by now.
    assert client.post(page).status_code == 200
    assert chosen() == ["offers"]


def test_an_ask_from_before_topics_had_keys_goes_by_their_names(topics):
    assert signing_up.chosen_in(Consent(topics=["Skin"])) == [topics[1]]
    assert signing_up.chosen_in(Consent(topics=[])) == []
    with pytest.raises(signing_up.TopicsGone):
        signing_up.chosen_in(Consent(topics=["Skin that was"]))


def test_the_answer_takes_the_same_statements_for_every_topic_and_address(client, topics):
    join(client)
    counts = []
    for email, names in ((ADA, ["skin"]), ("new@example.com", ["skin"]), ("newer@example.com", [])):
        with CaptureQueriesContext(connection) as queries:
            assert sign_up(client, email, fields={"topics": names}).status_code == 303
        counts.append(len(queries))
    assert counts == [counts[0]] * 3
