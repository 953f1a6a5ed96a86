"""The desk's pages about the list: topics, rules, suppressed addresses, and what one person was sent."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from newsletter import wording
from newsletter.models import MailingRules, Subscriber, Suppression, Topic
from tests.factories import make_campaign, make_subscriber, make_topic, manager, marketing, stranger
from tests.newsletter.steps import confirm, sent_newsletter, sign_up, started_campaign

pytestmark = pytest.mark.django_db

TOPICS = "/admin/newsletter/topic/"
RULES = "/admin/newsletter/mailingrules/"
SUPPRESSED = "/admin/newsletter/suppression/"
PEOPLE = "/admin/newsletter/subscriber/"
LETTERS = "/admin/newsletter/delivery/"


@pytest.fixture
def desk():
    desk = Client()
    desk.force_login(marketing())
    return desk


def rows(answer):
    return [str(row) for row in answer.context["cl"].result_list]


def test_a_topic_is_made_and_shows_how_many_chose_it(desk):
    answer = desk.post(f"{TOPICS}add/", {"name": "Offers", "slug": "offers", "position": "1", "is_offered": "on"})
    assert answer.status_code == 302
    topic = Topic.objects.get()
    for state in ("confirmed", "confirmed", "unsubscribed", "pending"):
        make_subscriber(state=state, topics=[topic])
    page = desk.get(TOPICS)
    assert [row.chosen_by for row in page.context["cl"].result_list] == [2]
    assert "chosen by so many on the list" in page.content.decode().lower()


def test_a_topic_that_is_anybodys_choice_is_not_deleted():
    desk = Client()
    desk.force_login(manager())
    chosen, planned, free = make_topic(), make_topic(), make_topic()
    make_subscriber(topics=[chosen])
    make_campaign(topics=[planned])
    for topic in (chosen, planned, free):
        desk.post(f"{TOPICS}{topic.pk}/delete/", {"post": "yes"})
    assert set(Topic.objects.all()) == {chosen, planned}
    desk.post(TOPICS, {"action": "delete_selected", "_selected_action": [chosen.pk], "post": "yes"})
    assert set(Topic.objects.all()) == {chosen, planned}


def test_a_topic_that_somebody_is_asked_to_confirm_is_not_deleted(client):
    desk = Client()
    desk.force_login(manager())
    asked, answered, old = (make_topic(slug=slug) for slug in ("asked", "answered", "old"))
    sign_up(client, fields={"topics": ["asked"]})
    sign_up(client, "joined@example.com", fields={"topics": ["answered"]})
    confirm(client, "joined@example.com")
    Subscriber.objects.get(email="joined@example.com").topics.clear()
    month_ago = timezone.now() - timedelta(days=29)
    make_subscriber(state="pending").record("asked", wording.SIGN_UP.newest, now=month_ago, topics=[old])
    for topic in (asked, answered, old):
        desk.post(f"{TOPICS}{topic.pk}/delete/", {"post": "yes"})
    assert set(Topic.objects.all()) == {asked}


def test_the_front_page_asks_for_topics_until_there_is_one_or_a_campaign(desk):
    def is_asked():
        return (
            f'<a href="{TOPICS}add/">Choose the topics that people can sign up for</a>'
            in desk.get("/admin/").content.decode()
        )

    assert is_asked()
    campaign = make_campaign()
    assert not is_asked()
    campaign.delete()
    make_topic()
    assert not is_asked()


@pytest.mark.parametrize(
    ("path", "words", "make"),
    [
        (TOPICS, "No topic yet.", make_topic),
        (PEOPLE, "Nobody is on the list yet.", make_subscriber),
        (LETTERS, "No letter yet.", lambda: sent_newsletter(make_subscriber())),
        (SUPPRESSED, "No address yet.", lambda: suppressed("a@example.com")),
    ],
)
def test_an_empty_list_says_so_in_words(desk, path, words, make):
    page = desk.get(path).content.decode()
    assert (words in page, 'name="action"' in page) == (True, False)
    make()
    assert words not in desk.get(path).content.decode()
    # What was searched for and is not there is another matter.
    assert words not in desk.get(path, {"q": "nobody@example.com"}).content.decode()


def suppressed(email):
    Suppression.objects.add([email], Suppression.Reason.UNSUBSCRIBED, now=timezone.now())


def test_who_may_only_read_the_rules_is_told_that_there_are_none():
    reader = marketing_colleague()
    reader.user_permissions.add(Permission.objects.get(codename="view_mailingrules"))
    desk = Client()
    desk.force_login(reader)
    assert "No rules of your own yet: the defaults hold." in desk.get(RULES).content.decode()


def test_the_manager_goes_straight_to_the_rules_as_well():
    desk = Client()
    desk.force_login(manager())
    assert desk.get(RULES)["Location"] == f"{RULES}add/"
    MailingRules.objects.create()
    assert desk.get(RULES)["Location"] == f"{RULES}1/change/"


def test_the_rules_are_one_row_and_refuse_what_makes_no_sense(desk, practice):
    assert desk.get(RULES)["Location"] == f"{RULES}add/"
    fields = {
        "rate_per_minute": "300",
        "breaker_percent": "5",
        "breaker_least": "50",
        "welcome_is_sent": "on",
        "welcome_subject": "Hello",
    }
    answer = desk.post(f"{RULES}add/", fields)
    assert answer.status_code == 200
    assert "Write the subject and the text of the welcome letter" in answer.content.decode()
    assert desk.post(f"{RULES}add/", {**fields, "welcome_text": "Good to have you."}).status_code == 302
    assert MailingRules.current().welcome_text == "Good to have you."
    assert desk.get(RULES)["Location"] == f"{RULES}1/change/"
    assert desk.get(f"{RULES}add/").status_code == 403
    for wrong in ({"rate_per_minute": "0"}, {"breaker_percent": "101"}, {"breaker_least": "-1"}):
        assert desk.post(f"{RULES}1/change/", {**fields, "welcome_text": "x", **wrong}).status_code == 200
    assert MailingRules.current().rate_per_minute == 300
    assert desk.post(f"{RULES}1/delete/", {"post": "yes"}).status_code == 403


def test_the_log_of_suppressed_addresses_is_read_and_never_written(desk):
    now = timezone.now()
    Suppression.objects.add(["Ada@Example.com"], Suppression.Reason.BOUNCED, words="550 <b>no</b>", now=now)
    Suppression.objects.add(["adam@example.com"], Suppression.Reason.COMPLAINED, now=now)
    page = desk.get(SUPPRESSED).content.decode()
    assert "ada@example.com" in page
    assert "address does not work" in page
    assert "550 &lt;b&gt;no&lt;/b&gt;" in page
    # By one whole address, however it is cased; part of one finds nobody.
    found = {typed: len(rows(desk.get(SUPPRESSED, {"q": typed}))) for typed in (" ADA@example.com ", "ada", "")}
    assert found == {" ADA@example.com ": 1, "ada": 0, "": 2}
    assert len(rows(desk.get(SUPPRESSED, {"reason__exact": "complained"}))) == 1

    line = Suppression.objects.first()
    before = list(Suppression.objects.values())
    for path in (f"{SUPPRESSED}add/", f"{SUPPRESSED}{line.pk}/delete/", f"{SUPPRESSED}{line.pk}/change/"):
        assert desk.post(path, {"email": "x@example.com", "reason": "lifted", "post": "yes"}).status_code == 403
    desk.post(SUPPRESSED, {"action": "delete_selected", "_selected_action": [line.pk], "post": "yes"})
    assert list(Suppression.objects.values()) == before
    assert desk.get(f"{SUPPRESSED}{line.pk}/change/").status_code == 200


def test_the_log_asks_the_same_few_questions_however_long_it_is(desk, django_assert_num_queries):
    user = marketing_colleague()
    now = timezone.now()
    Suppression.objects.add(["a@example.com"], Suppression.Reason.UNSUBSCRIBED, now=now, by=user)
    desk.get(SUPPRESSED)
    with django_assert_num_queries(7):
        desk.get(SUPPRESSED)
    people = [f"b{number}@example.com" for number in range(80)]
    Suppression.objects.add(people, Suppression.Reason.UNSUBSCRIBED, now=now, by=user)
    with django_assert_num_queries(7):
        assert len(rows(desk.get(SUPPRESSED))) == 50


def marketing_colleague():
    from clinic.models import User

    return User.objects.create_user("colleague", is_staff=True)


@pytest.mark.parametrize("path", [TOPICS, RULES, SUPPRESSED])
def test_strangers_see_none_of_it(client, path):
    client.force_login(stranger())
    assert client.get(path).status_code == 302


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("complained", "None: has reported a letter as unwanted. Nobody can lift this."),
        ("bounced", "None: letters to this address came back for good. Nobody can lift this."),
        ("unsubscribed", "None: has left. Only the person can come back, by signing up again."),
        ("", "Nothing forbids them."),
    ],
)
def test_a_persons_page_says_in_words_what_forbids_newsletters(desk, reason, words):
    person = make_subscriber(state=reason or "confirmed", email="Ada@example.com")
    if reason:
        Suppression.objects.add([person.email], Suppression.Reason(reason), now=timezone.now())
    assert words in desk.get(f"{PEOPLE}{person.pk}/change/").content.decode()


def test_the_strongest_reason_is_told(desk):
    person = make_subscriber(state="complained")
    for reason in ("complained", "bounced", "unsubscribed"):
        Suppression.objects.add([person.email], Suppression.Reason(reason), now=timezone.now())
    assert "has reported a letter as unwanted" in desk.get(f"{PEOPLE}{person.pk}/change/").content.decode()


def test_a_persons_page_shows_topics_and_the_newest_of_what_was_sent(desk, django_assert_num_queries):
    topic = make_topic(name="Skin")
    person, other = make_subscriber(topics=[topic]), make_subscriber()
    campaign = started_campaign(subject="Spring <b>news</b>")
    sent_newsletter(person, campaign=campaign, state="accepted", bounced_at=timezone.now())
    sent_newsletter(other, campaign=started_campaign(subject="For another"))
    page = desk.get(f"{PEOPLE}{person.pk}/change/").content.decode()
    assert "Spring &lt;b&gt;news&lt;/b&gt;" in page
    assert "bounced" in page
    assert "For another" not in page
    assert "Skin" in page
    assert "Only the newest are shown." not in page
    assert "None chosen: everything." in desk.get(f"{PEOPLE}{other.pk}/change/").content.decode()
    for _time in range(26):
        sent_newsletter(person)
    with django_assert_num_queries(10):
        page = desk.get(f"{PEOPLE}{person.pk}/change/").content.decode()
    assert "Only the newest are shown." in page
    assert "Spring" not in page


def test_people_are_filtered_by_topic(desk):
    offers, skin = make_topic(slug="offers"), make_topic(slug="skin")
    both, one, none = make_subscriber(topics=[offers, skin]), make_subscriber(topics=[skin]), make_subscriber()
    found = {
        value: {person.pk for person in desk.get(PEOPLE, {"topic": value}).context["cl"].result_list}
        for value in ("offers", "skin", "-", "none-such")
    }
    assert found == {"offers": {both.pk}, "skin": {both.pk, one.pk}, "-": {none.pk}, "none-such": set()}
