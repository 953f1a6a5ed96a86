"""A letter of the practice's own to everybody who joins, once."""

import pytest
from django.core.exceptions import ValidationError

from clinic.models import Letter
from newsletter.models import MailingRules
from tests.newsletter.steps import ADA, confirm, join, last_letter, path_in, sign_up

pytestmark = pytest.mark.django_db


def welcoming(**fields):
    return MailingRules.objects.create(
        **{
            "welcome_is_sent": True,
            "welcome_subject": "Welcome to Fern & Vale",
            "welcome_text": "Good to have you.\r\n\r\nWe write once a month.",
            **fields,
        }
    )


def welcomes():
    return Letter.objects.filter(kind="newsletter/letters/welcome").order_by("pk")


def test_without_rules_or_with_it_turned_off_none_is_written(client):
    join(client)
    welcoming(welcome_is_sent=False)
    join(client, "eve@example.org")
    assert not welcomes().exists()


def test_it_comes_after_confirming_with_the_address_and_both_links(client, practice):
    welcoming()
    sign_up(client, fields={"name": "Buy gold now"})
    assert not welcomes().exists()
    confirm(client)
    letter = welcomes().get()
    assert (letter.to, letter.subject) == (ADA, "Welcome to Fern & Vale")
    assert letter.body.startswith("Good to have you.")
    assert "We write once a month." in letter.body
    assert "12 Orchard Street, New York, NY 10002" in letter.body
    assert "Buy gold" not in letter.body
    assert client.get(path_in(letter, "preferences")).status_code == 200
    assert client.post(path_in(letter, "unsubscribe")).status_code == 200


def test_it_comes_once_for_each_joining(client):
    welcoming()
    page = None
    sign_up(client)
    page = path_in(last_letter(), "confirm")
    for _time in range(3):
        client.post(page)
    assert welcomes().count() == 1
    client.post(path_in(last_letter(), "unsubscribe"))
    assert client.post(page).status_code == 410
    assert welcomes().count() == 1
    sign_up(client)
    confirm(client)
    assert welcomes().count() == 2


def test_what_staff_have_typed_is_text_and_the_subject_one_line(client):
    welcoming(welcome_subject="Hello\nBcc: eve@example.org", welcome_text="{{ 7|add:1 }} {% now 'Y' %} <b>&amp;</b>")
    join(client)
    letter = welcomes().get()
    assert letter.subject == "Hello Bcc: eve@example.org"
    assert letter.body.startswith("{{ 7|add:1 }} {% now 'Y' %} <b>&amp;</b>")


def test_a_welcome_without_words_cannot_be_turned_on():
    rules = MailingRules(welcome_is_sent=True, welcome_subject="Hello")
    with pytest.raises(ValidationError, match="Write the subject and the text"):
        rules.full_clean()
