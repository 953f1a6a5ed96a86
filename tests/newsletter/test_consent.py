"""What a person agreed to can be shown years later, word for word."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.template.loader import render_to_string
from django.utils import timezone

from newsletter import wording
from newsletter.models import Consent, Subscriber
from newsletter.wording import Wording
from tests.newsletter.steps import ADA, SIGN_UP, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


def test_each_step_leaves_its_evidence(client):
    before = timezone.now()
    sign_up(client, fields={"page": "/articles/"}, REMOTE_ADDR="192.0.2.7")
    client.post(path_in(last_letter(), "confirm"), REMOTE_ADDR="192.0.2.8")
    client.post(path_in(last_letter(), "unsubscribe"), REMOTE_ADDR="2001:db8::9")
    fields = ("subscriber__email", "kind", "version", "words", "page", "network_address", "by")
    assert list(Consent.objects.order_by("pk").values_list(*fields)) == [
        (ADA, "asked", "sign-up 1", wording.SIGN_UP.newest.text, "/articles/", "192.0.2.7", None),
        (ADA, "confirmed", "confirmation 1", wording.CONFIRMATION.newest.text, "", "192.0.2.8", None),
        (ADA, "left", "leaving 1", wording.LEAVING.newest.text, "", "2001:db8::9", None),
    ]
    times = list(Consent.objects.order_by("pk").values_list("at", flat=True))
    assert before <= times[0] < times[1] < times[2] <= timezone.now()
    subscriber = Subscriber.objects.get()
    assert (subscriber.created_at, subscriber.confirmed_at, subscriber.left_at) == tuple(times)


def test_the_stored_words_are_those_on_the_page(client):
    assert wording.SIGN_UP.newest.text in client.get(SIGN_UP).content.decode()
    sign_up(client)
    letter = last_letter()
    assert wording.CONFIRMATION.newest.text in client.get(path_in(letter, "confirm")).content.decode()
    assert wording.LEAVING.newest.text in client.get(path_in(letter, "unsubscribe")).content.decode()


def test_the_form_in_footers_and_beside_articles_shows_the_stored_words():
    form = render_to_string("components/newsletter_form.html", {"prefix": "newsletter", "path": "/articles/"})
    assert wording.SIGN_UP.newest.text in form
    assert 'name="wording" value="sign-up 1"' in form
    assert 'name="page" value="/articles/"' in form
    assert 'name="website"' in form
    assert 'action="/newsletter/"' in form


def test_a_page_that_stood_open_for_days_is_taken_at_its_own_words():
    words = Wording("sign-up", ["The first words.", "The second words."])
    assert (words.newest.version, words.newest.text) == ("sign-up 2", "The second words.")
    assert words.shown("sign-up 1").text == "The first words."
    for unknown in ("", "sign-up 0", "sign-up 3", "leaving 1", "\x00"):
        assert words.shown(unknown) == words.newest


def test_a_known_address_keeps_its_name_whatever_a_stranger_types(client):
    sign_up(client, fields={"name": "Ada"})
    confirm(client)
    sign_up(client, ADA.upper(), fields={"name": "Eve"})
    assert list(Subscriber.objects.values_list("email", "name")) == [(ADA, "Ada")]


def test_the_name_is_that_of_the_ask_that_was_confirmed(client):
    sign_up(client, fields={"name": "a stranger's words"})
    assert names() == [""]
    sign_up(client, fields={"name": "Ada"})
    confirm(client)
    assert names() == ["Ada"]
    # The stranger's ask is kept as evidence, and its link changes nothing any more.
    assert list(Consent.objects.order_by("pk").values_list("kind", "name")) == [
        ("asked", "a stranger's words"),
        ("asked", "Ada"),
        ("confirmed", ""),
    ]


def test_an_ask_without_a_name_is_not_given_the_strangers(client):
    sign_up(client, fields={"name": "a stranger's words"})
    # As rows were before the name stood with the ask.
    Subscriber.objects.update(name="a stranger's words")
    sign_up(client)
    confirm(client)
    assert names() == [""]


def test_who_comes_back_without_a_name_keeps_the_one_they_had(client):
    sign_up(client, fields={"name": "Ada"})
    leave = path_in(last_letter(), "unsubscribe")
    confirm(client)
    client.post(leave)
    sign_up(client)
    confirm(client)
    assert names() == ["Ada"]
    client.post(leave)
    sign_up(client, fields={"name": "Ada King"})
    confirm(client)
    assert names() == ["Ada King"]


def names():
    return list(Subscriber.objects.values_list("name", flat=True))


def test_evidence_cannot_be_changed_by_any_path(client):
    join(client)
    line = Consent.objects.first()
    line.words = "Something else."
    for change in (line.save, lambda: Consent.objects.update(page="/offers/")):
        with pytest.raises(DatabaseError, match="evidence"), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("state", "confirmed", "left"),
    [
        ("pending", True, False),
        ("pending", False, True),
        ("confirmed", False, False),
        ("confirmed", True, True),
        ("unsubscribed", False, False),
        ("unsubscribed", True, False),
        ("unknown", True, True),
    ],
)
def test_the_database_refuses_a_state_that_its_times_deny(state, confirmed, left):
    now = timezone.now()
    wrong = Subscriber(
        email=ADA, state=state, created_at=now, confirmed_at=now if confirmed else None, left_at=now if left else None
    )
    with pytest.raises(IntegrityError, match="subscriber_state_fits_times"), transaction.atomic():
        wrong.save()


def test_staff_can_record_leaving_only(client, django_user_model):
    sign_up(client)
    staff = django_user_model.objects.create(username="desk")
    line = Consent(subscriber=Subscriber.objects.get(), at=timezone.now(), words="x", version="x", by=staff)
    for kind in ("asked", "confirmed"):
        line.kind = kind
        with pytest.raises(IntegrityError, match="consent_is_given_in_person"), transaction.atomic():
            line.save()
    line.kind = "left"
    line.save()


def test_no_text_of_a_row_names_a_person(client):
    sign_up(client, fields={"name": "Lovelace"})
    for row in (Subscriber.objects.get(), Consent.objects.get()):
        assert str(row).split()[-1] == str(row.pk)
        assert "ada" not in str(row).lower()
        assert "lovelace" not in str(row).lower()
