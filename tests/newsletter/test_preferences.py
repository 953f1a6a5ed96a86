"""What a person on the list chooses to be sent, on a page behind a link of any letter."""

from datetime import UTC, datetime

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from clinic import mail_links
from clinic.mail_links import Link
from newsletter import wording
from newsletter.emails import letters
from newsletter.models import Consent, Subscriber
from newsletter.services import preferences, signing_up
from tests.factories import make_subscriber, make_topic
from tests.newsletter.steps import ADA, join, last_letter, path_in, sent_newsletter, sign_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def topics():
    return [make_topic(name=name, slug=name.lower(), position=n) for n, name in enumerate(["Offers", "Skin", "Events"])]


def page_of(subscriber):
    _delivery, token = sent_newsletter(subscriber)
    return f"/newsletter/preferences/{token}/"


def page_by_letter(subscriber):
    link = Link(purpose=letters.PREFERENCES, object_id=subscriber.pk, view="newsletter:preferences", lifetime=None)
    return f"/newsletter/preferences/{mail_links.mint(link, now=timezone.now())}/"


def chosen(subscriber):
    return sorted(subscriber.topics.values_list("slug", flat=True))


def ticked(answer):
    return sorted(answer.context["form"]["topics"].value())


def test_by_a_letter_the_page_shows_the_own_address_since_when_and_what(client, practice, topics):
    subscriber = make_subscriber(
        name="Ada", topics=topics[:1], confirmed_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC), email="ada@example.com"
    )
    answer = client.get(page_by_letter(subscriber))
    page = answer.content.decode()
    # Three o'clock in Greenwich is the evening before in New York.
    assert "The e-newsletter to ada@example.com, on the list since March 1, 2026." in page
    assert 'value="Ada"' in page
    assert ticked(answer) == ["offers"]
    assert 'name="language"' not in page
    assert wording.CHOICE.newest.text in page
    assert "/newsletter/link/" not in page


def test_by_a_newsletter_that_was_passed_on_the_page_shows_no_name_and_not_the_whole_address(client, topics):
    subscriber = make_subscriber(name="Lovelace", topics=topics[:1], email="ada.king@clinic.example.com")
    page = page_of(subscriber)
    answers = [client.get(page), client.post(page, {"topics": ["skin"]}), client.post(page, {"topics": ["none-such"]})]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    for answer in answers:
        shown = answer.content.decode()
        assert "The e-newsletter to a…\u2060@c….com, on the list since" in shown
        assert [secret for secret in ("Lovelace", "ada.king", "clinic.example") if secret in shown] == []
        assert 'name="name"' not in shown
        assert 'href="/newsletter/link/"' in shown
    assert chosen(subscriber) == ["skin"]


def test_by_a_newsletter_that_was_passed_on_no_name_is_changed(client, topics):
    subscriber = make_subscriber(name="Ada")
    assert client.post(page_of(subscriber), {"topics": ["skin"], "name": "Eve"}).status_code == 200
    assert (Subscriber.objects.get().name, chosen(subscriber)) == ("Ada", ["skin"])


def test_by_a_newsletter_where_nothing_can_be_chosen_there_is_the_button_to_leave(client):
    page = client.get(page_of(make_subscriber())).content.decode()
    assert 'name="leave"' in page
    assert 'name="save"' not in page


def test_topics_and_name_are_stored_with_the_words_that_were_shown(client, topics):
    subscriber = make_subscriber(topics=topics[:1])
    answer = client.post(
        page_by_letter(subscriber),
        {"name": "Ada King", "topics": ["skin", "events"], "wording": "choice 2"},
        REMOTE_ADDR="192.0.2.9",
    )
    assert answer.status_code == 200
    assert "Saved." in answer.content.decode()
    assert chosen(subscriber) == ["events", "skin"]
    assert Subscriber.objects.get().name == "Ada King"
    line = Consent.objects.get()
    assert (line.kind, line.topics, line.version, line.words, line.network_address, line.by) == (
        "chose",
        ["Skin", "Events"],
        "choice 2",
        wording.CHOICE.newest.text,
        "192.0.2.9",
        None,
    )


def test_the_same_choice_again_adds_no_evidence(client, topics):
    subscriber = make_subscriber(topics=topics[:1])
    page = page_of(subscriber)
    for _time in range(3):
        assert client.post(page, {"name": "Ada", "topics": ["skin"]}).status_code == 200
    assert Consent.objects.count() == 1


def test_who_has_chosen_none_sees_all_ticked_because_all_is_sent(client, topics):
    make_topic(name="Old", slug="old", is_offered=False)
    answer = client.get(page_of(make_subscriber()))
    assert ticked(answer) == ["events", "offers", "skin"]
    assert "Old" not in answer.content.decode()


def test_who_has_chosen_none_and_changes_only_the_name_goes_on_getting_what_is_new(client, topics):
    subscriber = make_subscriber()
    page = page_by_letter(subscriber)
    for all_ticked in (["offers", "skin", "events"], ["events", "skin", "offers"]):
        answer = client.post(page, {"name": "Ada King", "topics": all_ticked})
        assert "Saved." in answer.content.decode()
        assert "so you get everything, also on topics that are new later" in answer.content.decode()
    assert (chosen(subscriber), Consent.objects.count()) == ([], 0)
    assert Subscriber.objects.get().name == "Ada King"
    new = make_topic()
    assert list(Subscriber.objects.choosing([new])) == [subscriber]


def test_who_has_chosen_gets_nothing_else_whatever_is_ticked(client, topics):
    subscriber = make_subscriber(topics=topics[:1])
    page = page_of(subscriber)
    assert "You get what is about these, and nothing else." in client.get(page).content.decode()
    client.post(page, {"topics": ["offers", "skin", "events"]})
    assert chosen(subscriber) == ["events", "offers", "skin"]
    assert list(Subscriber.objects.choosing([make_topic()])) == []


def test_a_topic_that_is_offered_no_more_is_kept_by_those_who_have_it(client, topics):
    old = make_topic(name="Old", slug="old", is_offered=False)
    subscriber = make_subscriber(topics=[old])
    page = page_of(subscriber)
    assert ticked(client.get(page)) == ["old"]
    client.post(page, {"topics": ["old", "skin"]})
    assert chosen(subscriber) == ["old", "skin"]
    client.post(page, {"topics": ["skin"]})
    assert client.post(page, {"topics": ["old"]}).status_code == 422
    assert chosen(subscriber) == ["skin"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose at least one topic, or leave the list with the button below."),
        ({"topics": ["none-such"]}, "Choose from the topics on this page."),
        ({"topics": ["skin\x00"]}, "Choose from the topics on this page."),
        ({"topics": ["skin"], "name": "see www.evil.example"}, "without the address of a website"),
        ({"topics": ["skin"], "name": "a" * 81}, "at most 80 characters"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(client, topics, fields, words):
    subscriber = make_subscriber(topics=topics[:1])
    answer = client.post(page_by_letter(subscriber), fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "<title>Error: What we send you" in page
    assert 'class="error-summary"' in page
    assert chosen(subscriber) == ["offers"]
    assert not Consent.objects.exists()


def test_without_any_topic_there_is_a_name_and_the_button_to_leave(client):
    subscriber = make_subscriber()
    page = page_by_letter(subscriber)
    assert 'name="topics"' not in client.get(page).content.decode()
    assert client.post(page, {"name": "Ada King"}).status_code == 200
    assert Subscriber.objects.get().name == "Ada King"
    assert not Consent.objects.exists()


@override_settings(LANGUAGES=[("en", "English"), ("es", "Español")])
def test_where_there_are_languages_one_is_chosen(client, topics):
    subscriber = make_subscriber()
    page = page_of(subscriber)
    client.post(page, {"topics": ["skin"], "language": "es"})
    assert Subscriber.objects.get().language == "es"
    assert client.post(page, {"topics": ["skin"], "language": "xx"}).status_code == 422
    assert Subscriber.objects.get().language == "es"


def test_the_button_to_leave_leaves(client, topics):
    subscriber = make_subscriber()
    delivery, token = sent_newsletter(subscriber)
    answer = client.post(f"/newsletter/preferences/{token}/", {"leave": "yes", "wording": "leaving 1"})
    assert answer.status_code == 200
    assert "You are off the list" in answer.content.decode()
    delivery.refresh_from_db()
    assert delivery.left_at is not None
    assert (Consent.objects.get().kind, Consent.objects.get().version) == ("left", "leaving 1")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unsubscribed", "No further newsletter will be sent to your address."),
        ("bounced", "Letters to your address came back to us"),
        ("complained", "was reported as unwanted"),
        ("pending", "Your sign-up is not confirmed."),
    ],
)
def test_who_is_not_on_the_list_reads_why_and_cannot_choose(client, topics, state, words):
    subscriber = make_subscriber(state=state)
    page = page_of(subscriber)
    for answer in (client.get(page), client.post(page, {"topics": ["skin"], "name": "Eve"}), client.post(page, {})):
        assert answer.status_code == 200
        assert words in answer.content.decode()
        assert 'name="topics"' not in answer.content.decode()
    assert chosen(subscriber) == []
    assert Subscriber.objects.get().name == "Ada"


def test_someone_who_leaves_while_choosing_has_left(topics):
    subscriber = make_subscriber()
    words, now = wording.LEAVING.newest, subscriber.confirmed_at
    signing_up.leave(subscriber=subscriber, words=words, network_address="192.0.2.1", now=now)
    with pytest.raises(preferences.NotOnTheList):
        preferences.choose(
            subscriber=subscriber,
            name="Ada",
            topics=topics,
            language=None,
            words=wording.CHOICE.newest,
            network_address="192.0.2.1",
            now=now,
        )
    assert chosen(subscriber) == []


def test_the_letter_to_one_who_is_on_the_list_leads_there(client, topics):
    join(client)
    sign_up(client)
    page = path_in(last_letter(), "preferences")
    assert ADA in client.get(page).content.decode()
    assert client.post(page, {"topics": ["skin"]}).status_code == 200
    assert chosen(Subscriber.objects.get()) == ["skin"]
    # Each link serves its own purpose.
    token = page.split("/")[-2]
    assert client.post(f"/newsletter/unsubscribe/{token}/").status_code == 404


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_another_sites_form_chooses_nothing(topics, headers):
    subscriber = make_subscriber()
    page = page_of(subscriber)
    assert Client(headers=headers).post(page, {"topics": ["skin"]}).status_code == 403
    assert chosen(subscriber) == []
    assert Client(enforce_csrf_checks=True).post(page, {"topics": ["skin"]}).status_code == 200


def test_a_choice_is_changed_thirty_times_an_hour_and_left_at_any_time(client, topics):
    subscriber, other = make_subscriber(), make_subscriber()
    page = page_of(subscriber)
    wishes = [{"topics": [("skin", "events")[number % 2]]} for number in range(31)]
    answers = [client.post(page, wish) for wish in wishes]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600
    assert "what you chose before holds" in answers[-1].content.decode()
    assert (chosen(subscriber), Consent.objects.count()) == (["events"], 30)
    # The limit is the person's, whatever letter the link is from.
    assert client.post(page_of(subscriber), {"topics": ["skin"]}).status_code == 429
    assert client.post(page_of(other), {"topics": ["skin"]}).status_code == 200
    assert "You are off the list" in client.post(page, {"leave": "yes"}).content.decode()


def test_html_in_a_name_is_shown_as_text(client, topics):
    subscriber = make_subscriber(name='"><script>alert(1)</script>')
    assert "<script>alert(1)" not in client.get(page_by_letter(subscriber)).content.decode()


def test_the_page_asks_few_questions_however_many_newsletters_there_were(client, topics, django_assert_max_num_queries):
    subscriber = make_subscriber()
    for _time in range(5):
        page = page_of(subscriber)
    with django_assert_max_num_queries(8):
        client.get(page)
