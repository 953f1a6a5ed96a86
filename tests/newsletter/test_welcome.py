"""A letter of the practice's own to everybody who joins, once."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.html import escape

from clinic.models import Letter, Practice
from newsletter.models import MailingRules
from tests.factories import marketing
from tests.newsletter.steps import ADA, confirm, join, last_letter, path_in, sign_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]

RULES = "/admin/newsletter/mailingrules/"


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


def test_it_comes_after_confirming_with_the_address_and_both_links(client):
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


@pytest.mark.parametrize("address", [{"street": ""}, {"city": " "}])
def test_without_the_postal_address_it_does_not_go_and_the_desk_says_so(client, desk, address):
    """It advertises: the law wants the address in it."""
    welcoming()
    Practice.objects.update(**address)
    join(client)
    assert not welcomes().exists()
    not_sent = "It is not sent: the practice has no street and city, and the law wants them in it."
    assert not_sent in desk.get(f"{RULES}1/change/").content.decode()
    assert errors(save(desk)) == {
        "welcome_is_sent": ["First give the practice a street and a city: the law wants them in it."]
    }
    assert save(desk, welcome_is_sent="").status_code == 302


@pytest.mark.parametrize(
    ("field", "left"),
    [
        ("welcome_text", "{{ name|there }}"),
        ("welcome_text", "*|FNAME|*"),
        ("welcome_text", "[FNAME]"),
        ("welcome_text", "{{firstname}}"),
        ("welcome_subject", "{{ name }}"),
        ("welcome_subject", "{name}"),
    ],
)
def test_a_field_that_nobody_fills_in_is_refused(desk, field, left):
    words = f"“{left}” would be sent as it stands: the welcome letter is the same for everybody."
    assert errors(save(desk, **{field: f"Dear {left}, hello"})) == {field: [words]}
    assert not MailingRules.objects.exists()
    assert save(desk).status_code == 302


def test_the_desk_sees_it_as_it_is_sent(client, desk):
    assert "Nothing is saved yet." in desk.get(f"{RULES}add/").content.decode()
    save(desk, welcome_subject="Welcome <b>", welcome_text="Good to have you & yours.")
    page = desk.get(f"{RULES}1/change/").content.decode()
    join(client)
    letter = welcomes().get()
    own = "(a link of the reader's own)"
    shown = letter.body.replace("[[preferences]]", own).replace("[[leave]]", own)
    assert "12 Orchard Street" in shown
    assert f'<p><b>Welcome &lt;b&gt;</b></p><div class="note">{escape(shown)}</div>' in page


@pytest.fixture
def desk():
    desk = Client()
    desk.force_login(marketing())
    return desk


def save(desk, **fields):
    usual = {"rate_per_minute": "300", "breaker_percent": "5", "breaker_least": "50"}
    welcome = {"welcome_is_sent": "on", "welcome_subject": "Hello", "welcome_text": "Good to have you."}
    page = f"{RULES}1/change/" if MailingRules.objects.exists() else f"{RULES}add/"
    sent = {**usual, **welcome, **fields}
    return desk.post(page, {name: value for name, value in sent.items() if value})


def errors(answer):
    return answer.context["adminform"].form.errors
