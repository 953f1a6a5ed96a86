"""The reconcile page: letters of which nobody knows whether they arrived."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from clinic.models import User
from newsletter.admin import uncertain
from newsletter.models import Campaign, Delivery
from newsletter.services import campaigns, reconciling, tokens
from tests import factories
from tests.newsletter.mailings import put, started

pytestmark = pytest.mark.django_db

PAGE = "/admin/newsletter/delivery/uncertain/"
ARRIVALS, REPETITIONS = f"{PAGE}arrivals/", f"{PAGE}repetitions/"
State = Delivery.State


@pytest.fixture(autouse=True)
def elm_street():
    return factories.make_practice()


@pytest.fixture
def desk():
    client = Client()
    client.force_login(factories.marketing())
    return client


def words_on(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def said(response):
    return [(message.level_tag, str(message)) for message in response.context["messages"]]


def cut_off(count, **fields):
    """A campaign whose letters were all cut off, the oldest first. It goes to people of its own."""
    topic = factories.make_topic()
    people = [factories.make_subscriber(topics=[topic]) for _number in range(count)]
    campaign = started(*[State.UNCERTAIN] * count, people=people, topics=[topic], **fields)
    now = timezone.now()
    for number, delivery in enumerate(campaign.deliveries.order_by("pk")):
        put(delivery, State.UNCERTAIN, attempted_at=now - timedelta(minutes=count - number), answer="Line went dead.")
    return campaign


def letters(campaign):
    return list(campaign.deliveries.order_by("pk"))


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", "settled_by__username"))


# Who may


@pytest.mark.parametrize("who", [factories.front_desk, factories.editor])
def test_others_of_the_staff_may_not(who):
    (letter,) = letters(cut_off(1))
    client = Client()
    client.force_login(who())
    assert client.get(PAGE).status_code == 403
    for path in (ARRIVALS, REPETITIONS):
        assert client.post(path, {"chosen": letter.pk, "sure": "1"}).status_code == 403
    assert states() == [("uncertain", None)]


def test_a_stranger_is_sent_to_the_door():
    (letter,) = letters(cut_off(1))
    client = Client()
    client.force_login(factories.stranger())
    assert client.get(PAGE)["Location"] == f"/admin/login/?next={PAGE}"
    assert client.post(ARRIVALS, {"chosen": letter.pk})["Location"].startswith("/admin/login/")
    assert states() == [("uncertain", None)]


def test_who_may_look_at_letters_alone_does_not_settle_them():
    (letter,) = letters(cut_off(1))
    mary = factories.marketing()
    mary.groups.clear()
    mary.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client = Client()
    client.force_login(mary)
    assert client.get(PAGE).status_code == 403
    assert client.post(ARRIVALS, {"chosen": letter.pk}).status_code == 403
    assert states() == [("uncertain", None)]


def test_who_settles_letters_alone_is_led_to_no_page_of_the_sending(desk):
    campaign = cut_off(1)
    sending = f"/admin/newsletter/campaign/{campaign.pk}/sending/"
    assert sending in desk.get(PAGE).content.decode()
    settler = factories.stranger()
    settler.is_staff = True
    settler.save()
    settler.user_permissions.add(Permission.objects.get(codename="settle_delivery"))
    desk.force_login(settler)
    page = desk.get(PAGE)
    assert page.status_code == 200
    assert sending not in page.content.decode()


def test_looking_never_changes_anything(desk):
    campaign = cut_off(2)
    before = list(Delivery.objects.order_by("pk").values())
    assert desk.get(PAGE).status_code == 200
    for path in (ARRIVALS, REPETITIONS):
        asked = {"chosen": letters(campaign)[0].pk, "all": campaign.pk, "sure": "2"}
        assert desk.get(path, asked).status_code == 405
    assert list(Delivery.objects.order_by("pk").values()) == before


def test_a_foreign_page_cannot_press_the_buttons():
    (letter,) = letters(cut_off(1))
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.marketing())
    assert client.post(ARRIVALS, {"chosen": letter.pk}).status_code == 403
    assert client.post(REPETITIONS, {"chosen": letter.pk, "sure": "1"}).status_code == 403
    assert states() == [("uncertain", None)]


# What it shows


def test_nothing_uncertain_is_said(desk):
    started(State.ACCEPTED, State.FAILED, State.QUEUED)
    words = words_on(desk.get(PAGE))
    assert "Nothing is uncertain." in words
    assert "It arrived" not in words


def test_it_lists_exactly_the_uncertain_by_campaign_the_oldest_first(desk):
    first, second = cut_off(2, subject="First <b>"), cut_off(1, subject="Second")
    put(letters(first)[0], State.UNCERTAIN, attempted_at=timezone.now(), answer="<i>250?")
    done = put(first.deliveries.create(subscriber=factories.make_subscriber(), state=State.ACCEPTED), State.ACCEPTED)
    response = desk.get(PAGE)
    page = response.content.decode()
    assert [(group.campaign, group.count) for group in response.context["groups"]] == [(first, 2), (second, 1)]
    older, newer = letters(first)[1], letters(first)[0]
    assert [line.delivery for group in response.context["groups"] for line in group.lines] == [
        older,
        newer,
        *letters(second),
    ]
    for letter in (older, newer, *letters(second)):
        assert letter.subscriber.email in page
        message_id = tokens.message_id(letter.campaign_id, letter.subscriber_id)
        assert message_id.replace("<", "&lt;").replace(">", "&gt;") in page
    assert done.subscriber.email not in page
    assert "First &lt;b&gt;" in page
    assert "&lt;i&gt;250?" in page
    assert "Line went dead." in page


def test_it_is_narrowed_to_one_campaign(desk):
    first, second = cut_off(1), cut_off(1)
    response = desk.get(PAGE, {"campaign": second.pk})
    assert [group.campaign for group in response.context["groups"]] == [second]
    answer = desk.post(ARRIVALS, {"chosen": letters(second)[0].pk, "campaign": second.pk})
    assert answer["Location"] == f"{PAGE}?campaign={second.pk}"
    assert [group.campaign for group in desk.get(PAGE, {"campaign": "x"}).context["groups"]] == [first]
    for odd in ("-1", "9" * 30, "١"):
        assert desk.get(PAGE, {"campaign": odd, "page": odd}).status_code == 200


def test_a_page_holds_so_many_at_most(desk, monkeypatch):
    monkeypatch.setattr(uncertain, "ON_A_PAGE", 2)
    campaign = cut_off(5)
    shown = [desk.get(PAGE, {"page": number}).context["groups"][0].lines for number in (1, 2, 3)]
    assert [[line.delivery for line in lines] for lines in shown] == [
        letters(campaign)[:2],
        letters(campaign)[2:4],
        letters(campaign)[4:],
    ]
    assert "All 5 of this mailing" in words_on(desk.get(PAGE))


def test_it_asks_the_same_few_questions_however_many_there_are(desk, django_assert_num_queries):
    cut_off(1)
    desk.get(PAGE)  # Django remembers the content types from here on.
    with django_assert_num_queries(8):
        desk.get(PAGE)
    Delivery.objects.all().update(state=State.ACCEPTED)
    cut_off(30)
    with django_assert_num_queries(8):
        assert desk.get(PAGE).content.decode().count('name="chosen"') == 30


# It arrived


def test_one_that_arrived(desk):
    first, second = letters(cut_off(2))
    response = desk.post(ARRIVALS, {"chosen": first.pk}, follow=True)
    assert response.redirect_chain == [(PAGE, 303)]
    assert said(response) == [("success", "1 letter is written down as arrived.")]
    assert states() == [("accepted", "mary"), ("uncertain", None)]
    assert second.subscriber.email in words_on(response)
    assert first.subscriber.email not in words_on(response)


def test_some_that_arrived(desk):
    chosen = letters(cut_off(3))[:2]
    response = desk.post(ARRIVALS, {"chosen": [letter.pk for letter in chosen]}, follow=True)
    assert said(response) == [("success", "2 letters are written down as arrived.")]
    assert states() == [("accepted", "mary"), ("accepted", "mary"), ("uncertain", None)]


def test_the_second_click_is_harmless(desk):
    (letter,) = letters(cut_off(1))
    desk.post(ARRIVALS, {"chosen": letter.pk})
    for path in (ARRIVALS, REPETITIONS):
        response = desk.post(path, {"chosen": letter.pk, "sure": "1"}, follow=True)
        assert said(response)[-1] == ("info", "Nothing was changed: these letters are settled already.")
    assert states() == [("accepted", "mary")]


@pytest.mark.parametrize("chosen", ["x", "-1", "9" * 40])
def test_what_is_no_letter_changes_nothing(desk, chosen):
    cut_off(1)
    for path in (ARRIVALS, REPETITIONS):
        assert [level for level, _words in said(desk.post(path, {"chosen": chosen}, follow=True))] == ["info"]
    assert states() == [("uncertain", None)]


@pytest.mark.parametrize("path", [ARRIVALS, REPETITIONS])
def test_with_nothing_ticked_the_same_page_says_so_beside_the_buttons(desk, monkeypatch, path):
    monkeypatch.setattr(uncertain, "ON_A_PAGE", 1)
    cut_off(1)
    second = cut_off(2)
    page = desk.get(PAGE, {"page": 2, "campaign": second.pk}).content.decode()
    fields = dict(re.findall(r'name="(campaign|group|page)" value="(\d+)"', page))
    response = desk.post(path, fields)
    assert (response.status_code, states()) == (422, [("uncertain", None)] * 3)
    shown = response.context["groups"]
    assert [line.delivery for group in shown for line in group.lines] == [letters(second)[1]]
    buttons = response.content.decode().split('class="settle"')[1]
    assert "Nothing was changed: no letter is ticked. Tick those that you mean." in buttons
    assert f'href="{PAGE}?campaign={second.pk}&amp;page=1"' in response.content.decode()
    # Beside the buttons of that mailing and of no other.
    other = desk.post(path, {"group": second.pk, "page": 1})
    assert "no letter is ticked" not in words_on(other)


def test_only_uncertain_letters_are_settled(desk):
    campaign = started(State.QUEUED, State.SENDING, State.FAILED, State.ACCEPTED)
    keys = [letter.pk for letter in letters(campaign)]
    for path in (ARRIVALS, REPETITIONS):
        desk.post(path, {"chosen": keys, "sure": "4"})
    assert [state for state, _by in states()] == ["queued", "sending", "failed", "accepted"]


def test_all_of_a_campaign_arrived_after_a_question(desk):
    campaign, other = cut_off(3), cut_off(1)
    question = desk.post(ARRIVALS, {"all": campaign.pk})
    assert question.status_code == 200
    assert "These 3 letters are written down as arrived, and are never sent again." in words_on(question)
    assert {state for state, _by in states()} == {"uncertain"}
    answer = desk.post(ARRIVALS, {"all": campaign.pk, "sure": "3"}, follow=True)
    assert said(answer) == [("success", "3 letters are written down as arrived.")]
    assert [state for state, _by in states()] == ["accepted"] * 3 + ["uncertain"]
    assert letters(other)[0].settled_by is None


def test_an_answer_about_other_letters_than_asked_is_asked_again(desk):
    campaign = cut_off(2)
    desk.post(ARRIVALS, {"all": campaign.pk})
    put(campaign.deliveries.create(subscriber=factories.make_subscriber(), state=State.ACCEPTED), State.UNCERTAIN)
    again = desk.post(ARRIVALS, {"all": campaign.pk, "sure": "2"})
    assert "These 3 letters are written down as arrived" in words_on(again)
    assert {state for state, _by in states()} == {"uncertain"}


# Send again


def test_sending_again_is_asked_about_first(desk):
    first, second = letters(cut_off(2))
    question = desk.post(REPETITIONS, {"chosen": first.pk})
    words = words_on(question)
    assert "This letter may have arrived already. Sent again, the person may get it twice." in words
    assert first.subscriber.email in words
    assert second.subscriber.email not in words
    assert states() == [("uncertain", None)] * 2
    fields = dict(re.findall(r'name="(chosen|sure)" value="(\d+)"', question.content.decode()))
    answer = desk.post(REPETITIONS, fields, follow=True)
    assert said(answer) == [("success", "1 letter will be sent again.")]
    assert states() == [("queued", "mary"), ("uncertain", None)]
    first.refresh_from_db()
    assert first.next_attempt_at is not None


def test_all_of_a_campaign_that_was_sent_goes_on(desk):
    campaign = cut_off(2)
    campaigns.end_finished(now=timezone.now())
    assert Campaign.objects.get().state == "sent"
    question = desk.post(REPETITIONS, {"all": campaign.pk})
    assert "Sent again, each of these people may get it twice." in words_on(question)
    desk.post(REPETITIONS, {"all": campaign.pk, "sure": "2"})
    assert states() == [("queued", "mary")] * 2
    assert Campaign.objects.get().state == "sending"


def test_who_has_left_gets_nothing_again_and_it_is_said(desk):
    first, second = letters(cut_off(2))
    first.subscriber.take_off("unsubscribed", now=timezone.now())
    answer = desk.post(REPETITIONS, {"chosen": [first.pk, second.pk], "sure": "2"}, follow=True)
    words = "1 letter is not sent again: the person is off the list, or the address does not work."
    assert said(answer) == [("warning", words), ("success", "1 letter will be sent again.")]
    assert states() == [("skipped", "mary"), ("queued", "mary")]


def test_nothing_of_a_cancelled_campaign_is_sent_again(desk):
    campaign = cut_off(1)
    campaigns.cancel(campaign, by=User.objects.get(username="max"), now=timezone.now())
    answer = desk.post(REPETITIONS, {"all": campaign.pk, "sure": "1"}, follow=True)
    assert said(answer) == [("error", "This campaign was cancelled: nothing of it is sent any more.")]
    assert states() == [("uncertain", None)]


# Two people at once


def at_once(*works):
    """Each in a thread and a database session of its own, let off together."""
    barrier = Barrier(len(works))

    def run(work):
        barrier.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("paths", [(ARRIVALS, ARRIVALS), (ARRIVALS, REPETITIONS), (REPETITIONS, REPETITIONS)])
def test_of_two_people_who_settle_the_same_one_does(paths):
    keys = [letter.pk for letter in letters(cut_off(8))]
    clients = []
    for person in (factories.marketing(), User.objects.create_superuser("mina")):
        client = Client()
        client.force_login(person)
        clients.append(client)
    fields = {"chosen": keys, "sure": "8"}

    def settle(client, path):
        # Read from the page: Django's test client sees the contexts of both threads.
        return lambda: re.findall(r'<li class="(\w+)">', client.post(path, fields, follow=True).content.decode())

    answers = at_once(*[settle(client, path) for client, path in zip(clients, paths, strict=True)])
    assert sorted(answers) == [["info"], ["success"]]
    won = answers.index(["success"])
    state = {ARRIVALS: "accepted", REPETITIONS: "queued"}[paths[won]]
    assert states() == [(state, ["mary", "mina"][won])] * 8


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_both_would_have_settled_it(monkeypatch):
    """The negative control of the race."""
    (letter,) = letters(cut_off(1))
    mary, settler = factories.marketing(), User.objects.get(username="max")
    both_have_looked = Barrier(2, timeout=10)

    def unlocked(deliveries, *wanted):
        found = list(deliveries.filter(state__in=wanted).values_list("pk", flat=True))
        both_have_looked.wait()
        return [found]

    monkeypatch.setattr(reconciling, "_locked", unlocked)
    chosen = Delivery.objects.filter(pk=letter.pk)
    counts = at_once(lambda: reconciling.arrived(chosen, by=mary), lambda: reconciling.arrived(chosen, by=settler))
    assert counts == [1, 1]
