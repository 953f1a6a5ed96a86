"""The list as staff see it."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from clinic import dashboard
from newsletter import wording
from newsletter.admin import delivery as delivery_admin
from newsletter.admin import subscriber as subscriber_admin
from newsletter.admin.subscriber import signups_this_week
from newsletter.models import Consent, Subscriber
from tests.newsletter.steps import ADA, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db

LIST = "/admin/newsletter/subscriber/"


def staff_of(django_user_model, group, *permissions):
    user = django_user_model.objects.create_user(username=f"of {group}", password="x", is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return user


@pytest.fixture
def marketing(django_user_model):
    return staff_of(django_user_model, "Marketing")


@pytest.fixture
def desk():
    """A browser of staff; the visitor's is `client`."""
    return Client()


def test_marketing_sees_the_list_and_the_evidence_and_can_change_neither(client, desk, marketing):
    join(client)
    sign_up(client, "eve@example.com", fields={"name": "<script>alert(1)</script>", "page": "/articles/"})
    # The list shows the name that belongs to the address: that of the ask that was confirmed.
    sign_up(client, "bob@example.com", fields={"name": "<script>alert(1)</script>"})
    confirm(client, "bob@example.com")
    desk.force_login(marketing)

    page = desk.get(LIST).content.decode()
    assert ADA in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page

    eve = Subscriber.objects.get(email="eve@example.com")
    page = desk.get(f"{LIST}{eve.pk}/change/").content.decode()
    assert wording.SIGN_UP.newest.text in page
    assert "/articles/" in page
    assert "127.0.0.1" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert 'name="email"' not in page
    assert 'name="state"' not in page

    before = list(Subscriber.objects.values())
    for path in (f"{LIST}add/", f"{LIST}{eve.pk}/delete/"):
        assert desk.get(path).status_code == 403
        assert desk.post(path, {"email": "x@example.com", "post": "yes"}).status_code == 403
    assert desk.post(f"{LIST}{eve.pk}/change/", {"email": "x@example.com", "state": "confirmed"}).status_code == 403
    assert list(Subscriber.objects.values()) == before


@pytest.mark.parametrize("query", [ADA, "ADA@exam", "Lovelace"])
def test_the_list_is_searched_by_address_and_name(client, desk, marketing, query):
    sign_up(client, fields={"name": "Ada Lovelace"})
    confirm(client)
    sign_up(client, "eve@example.org")
    desk.force_login(marketing)
    page = desk.get(LIST, {"q": query}).content.decode()
    assert ADA in page
    assert "eve@example.org" not in page


def test_the_list_is_filtered_by_state(client, desk, marketing):
    join(client)
    sign_up(client, "eve@example.org")
    desk.force_login(marketing)
    page = desk.get(LIST, {"state__exact": "confirmed"}).content.decode()
    assert ADA in page
    assert "eve@example.org" not in page


@pytest.mark.parametrize("group", ["", "Editor"])
def test_others_do_not_see_it(client, desk, django_user_model, group):
    join(client)
    desk.force_login(staff_of(django_user_model, group))
    pk = Subscriber.objects.get().pk
    assert desk.get(LIST).status_code == 403
    assert desk.get(f"{LIST}{pk}/change/").status_code == 403
    assert desk.post(LIST, {"action": "take_off", "_selected_action": [pk], "sure": "1"}).status_code == 403
    assert Subscriber.objects.get().state == "confirmed"


def test_strangers_are_sent_to_the_door(client):
    assert client.get(LIST)["Location"] == f"/admin/login/?next={LIST}"


def answered(question):
    """What pressing the button of the question sends."""
    shown = re.search(r'<form method="post">.*?</form>', question.content.decode(), re.DOTALL)[0]
    sent = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown):
        sent.setdefault(name, []).append(value)
    return sent


@pytest.fixture
def crowd():
    """A hundred and fifty people on the list, more than a question names."""
    now = timezone.now()
    people = [
        Subscriber(email=f"reader{number:03}@example.com", state="confirmed", created_at=now, confirmed_at=now)
        for number in range(150)
    ]
    return Subscriber.objects.bulk_create(people)


@pytest.fixture
def phone(django_user_model, desk):
    """The browser of somebody who may take people off the list."""
    desk.force_login(staff_of(django_user_model, "", "view_subscriber", "take_off_subscriber"))
    return desk


def off():
    return Subscriber.objects.filter(state="unsubscribed").count()


def test_all_who_were_asked_about_are_taken_off_though_a_hundred_are_named(phone, crowd):
    question = phone.post(LIST, {"action": "take_off", "_selected_action": [person.pk for person in crowd]})
    words = question.content.decode()
    assert "These 150 addresses get no further newsletter." in words
    assert re.findall(r"<li>(.*?)</li>", words)[-101:] == [
        *(f"reader{number:03}@example.com" for number in range(100)),
        "and 50 more",
    ]
    answer = phone.post(LIST, answered(question), follow=True)
    assert "150 addresses were taken off the list." in answer.content.decode()
    assert (off(), Consent.objects.filter(kind="left").count()) == (150, 150)


def test_who_joins_after_the_question_stays(phone, crowd):
    """Asked about the whole list, it is those who were on it then."""
    question = phone.post(f"{LIST}?q=reader", {"action": "take_off", "select_across": "1", "_selected_action": "1"})
    late = Subscriber.objects.create(email="reader999@example.com", created_at=timezone.now())
    phone.post(f"{LIST}?q=reader", answered(question))
    late.refresh_from_db()
    assert (off(), late.state) == (150, "pending")


def test_when_the_list_has_changed_it_asks_again(phone, crowd):
    where = f"{LIST}?state__exact=confirmed"
    question = phone.post(where, {"action": "take_off", "_selected_action": [crowd[0].pk, crowd[1].pk]})
    Subscriber.objects.filter(pk=crowd[0].pk).update(state="bounced", left_at=timezone.now())
    again = phone.post(where, answered(question))
    words = again.content.decode()
    assert "Nobody was taken off: the list has changed since you were asked. Look again." in words
    assert (crowd[0].email in words, crowd[1].email in words, off()) == (False, True, 0)
    phone.post(where, answered(again))
    assert off() == 1
    # Nobody is left to ask about.
    assert phone.post(where, answered(again))["Location"] == where


def test_more_than_a_question_holds_are_refused_in_words(phone, crowd, monkeypatch):
    monkeypatch.setattr(subscriber_admin, "MOST_TAKEN_OFF", 149)
    answer = phone.post(LIST, {"action": "take_off", "select_across": "1", "_selected_action": "1"}, follow=True)
    assert "Nobody was taken off: choose at most 149 at a time." in answer.content.decode()
    assert off() == 0


def test_a_long_list_is_counted_and_paged_no_further_than_somebody_reads(phone, crowd, monkeypatch):
    monkeypatch.setattr(delivery_admin, "MOST_LISTED", 120)
    page = phone.get(LIST)
    assert (page.context["cl"].result_count, page.context["cl"].paginator.num_pages) == (120, 3)
    assert "Only the first 120 are listed." in page.content.decode()
    # All on one page are never more than a hundred.
    assert phone.get(LIST, {"all": ""}).content.decode().count("@example.com</a>") == 50


def test_someone_who_asked_by_phone_is_taken_off_after_one_question(client, desk, django_user_model):
    join(client)
    sign_up(client, "eve@example.org")
    staying = sign_up(client, "zoe@example.org") and Subscriber.objects.get(email="zoe@example.org")
    chosen = [str(person.pk) for person in Subscriber.objects.exclude(pk=staying.pk)]
    user = staff_of(django_user_model, "Marketing", "take_off_subscriber")
    desk.force_login(user)

    question = desk.post(LIST, {"action": "take_off", "_selected_action": chosen})
    assert question.status_code == 200
    words = question.content.decode()
    assert ADA in words
    assert "eve@example.org" in words
    assert "zoe@example.org" not in words
    assert not Subscriber.objects.filter(state="unsubscribed").exists()

    answer = desk.post(LIST, answered(question), follow=True)
    assert "2 addresses were taken off the list." in answer.content.decode()
    assert dict(Subscriber.objects.values_list("email", "state")) == {
        ADA: "unsubscribed",
        "eve@example.org": "unsubscribed",
        "zoe@example.org": "pending",
    }
    lines = Consent.objects.filter(kind="left").order_by("pk")
    assert [(line.by, line.words, line.network_address) for line in lines] == [
        (user, wording.LEAVING_BY_STAFF.newest.text, None)
    ] * 2
    assert {line.at for line in lines} == set(
        Subscriber.objects.filter(state="unsubscribed").values_list("left_at", flat=True)
    )

    # Done again, it changes nothing, and the old letter does not bring anyone back.
    again = desk.post(LIST, answered(question), follow=True)
    assert "0 addresses were taken off the list." in again.content.decode()
    assert Consent.objects.filter(kind="left").count() == 2
    assert client.post(path_in(last_letter("eve@example.org"), "confirm")).status_code == 410
    # The person who did it is named on the page of evidence.
    page = desk.get(f"{LIST}{chosen[0]}/change/").content.decode()
    assert wording.LEAVING_BY_STAFF.newest.text in page
    assert "of Marketing" in page


def test_looking_alone_does_not_allow_it(client, desk, marketing):
    marketing.groups.clear()
    marketing.user_permissions.add(Permission.objects.get(codename="view_subscriber"))
    join(client)
    desk.force_login(marketing)
    chosen = [str(Subscriber.objects.get().pk)]
    assert "take_off" not in desk.get(LIST).content.decode()
    desk.post(LIST, {"action": "take_off", "_selected_action": chosen, "sure": "1"})
    assert Subscriber.objects.get().state == "confirmed"


def test_the_list_asks_the_same_few_questions_however_long_it_is(client, desk, marketing, django_assert_num_queries):
    desk.force_login(marketing)
    now = timezone.now()
    for number in range(3):
        Subscriber.objects.create(email=f"a{number}@example.com", created_at=now)
    desk.get(LIST)  # Django remembers the content types from here on.
    with django_assert_num_queries(8):
        desk.get(LIST)
    for number in range(60):
        Subscriber.objects.create(email=f"b{number}@example.com", created_at=now)
    with django_assert_num_queries(8):
        assert desk.get(LIST).content.decode().count("@example.com") == 50


def test_the_evidence_of_one_person_is_read_in_few_questions(client, desk, marketing, django_assert_num_queries):
    for _time in range(3):
        sign_up(client)
    desk.force_login(marketing)
    pk = Subscriber.objects.get().pk
    desk.get(f"{LIST}{pk}/change/")
    with django_assert_num_queries(10):
        desk.get(f"{LIST}{pk}/change/")


def test_the_dashboard_counts_the_sign_ups_of_a_week(client):
    now = timezone.now()
    join(client)
    sign_up(client, "eve@example.org")
    sign_up(client, "zoe@example.org")
    client.post(path_in(last_letter("zoe@example.org"), "unsubscribe"))
    long_ago = now - timedelta(days=8)
    Subscriber.objects.create(email="old@example.org", created_at=long_ago)
    Subscriber.objects.create(email="older@example.org", created_at=long_ago, state="confirmed", confirmed_at=long_ago)
    panel = signups_this_week(now)
    assert [row.text for row in panel.rows] == ["1 confirmed", "1 not yet confirmed"]
    assert panel.total == 2
    empty = signups_this_week(now + timedelta(days=8))
    assert (list(empty.rows), empty.total) == ([], 0)


def test_the_panel_is_for_those_who_may_see_the_list(marketing, django_user_model):
    titles = [str(panel.title) for panel in dashboard.panels(marketing, now=timezone.now())]
    assert "Sign-ups this week" in titles
    editor = staff_of(django_user_model, "Editor")
    titles = [str(panel.title) for panel in dashboard.panels(editor, now=timezone.now())]
    assert "Sign-ups this week" not in titles
