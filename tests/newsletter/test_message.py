"""The letter as bytes: what a mailbox reads in it is exactly what was rendered, whatever the person is called."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from clinic.addresses import canonical
from newsletter.emails.message import AddressNotAscii, Envelope, Person, Prepared, ascii_address
from newsletter.emails.quoted_printable import encoded_piece, encoded_value
from newsletter.emails.rendering import LEAVE, PREFERENCES, Rendered, filled
from newsletter.models import MailingRules
from tests.factories import make_practice

SITE = "https://elmstreet.example"
NOW = datetime(2026, 3, 2, 7, 5, 9, tzinfo=timezone(timedelta(hours=-5)))
ID = "<n1-2-0123456789abcdef@localhost>"
ENVELOPE = Envelope(
    sender_name="Elm Street",
    reply_to="desk@elmstreet.example",
    list_id="newsletter.elm.example",
    address="news@elm.example",
)
ADA = Person("ada@example.com", "Ada", "t0ken_-")
NAME = "\ue000name|there\ue001"
LETTER = Rendered(
    subject="May news",
    html=f'<p>Hello {NAME},</p>\n<a href="{LEAVE}">Leave</a> <a href="{PREFERENCES}">Topics</a>\n',
    text=f"Hello {NAME},\n\nLeave: {LEAVE}\nTopics: {PREFERENCES}\n",
)
# What PostgreSQL can hold, and so what can be written at all.
WRITING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ue000\ue001"))
PIECES = st.lists(
    WRITING | st.sampled_from([NAME, "\ue000 name|\ue001", LEAVE, PREFERENCES, ".", "\n.", " \n", "\nFrom "])
)


def sent(rendered=LETTER, person=ADA, *, envelope=ENVELOPE, message_id=ID):
    return Prepared(rendered, envelope=envelope, code="maycode1").for_person(person, message_id=message_id, now=NOW)


def read(message):
    return email.message_from_bytes(message, policy=email.policy.default)


def forms(message):
    """The plain and the HTML form as a mailbox decodes them."""
    parts = list(read(message).iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    return [part.get_content().replace("\r\n", "\n") for part in parts]


def unified(text):
    return re.sub(r"\r\n?", "\n", text)


def check_lines(message):
    """What any mail server can take, without a word of SMTP's extensions."""
    assert message.isascii()
    assert message.endswith(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\x00", message)
    lines = message.split(b"\r\n")
    assert not [line for line in lines if line.startswith((b".", b"From ")) or len(line) > 998]
    head, _blank, body = message.partition(b"\r\n\r\n")
    assert not [line for line in body.split(b"\r\n") if len(line) > 76 or line.endswith((b" ", b"\t"))]
    long = [line for line in head.split(b"\r\n") if len(line) > 78]
    assert {line.partition(b":")[0] for line in long} <= {b"To", b"Message-ID", b"List-Unsubscribe"}


def test_each_header_is_there_once():
    message = sent()
    check_lines(message)
    assert [(name, str(value)) for name, value in read(message).items()] == [
        ("To", "ada@example.com"),
        ("Date", "Mon, 02 Mar 2026 07:05:09 -0500"),
        ("Message-ID", ID),
        ("List-Unsubscribe", f"<{SITE}/newsletter/unsubscribe/t0ken_-/>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("From", "Elm Street <news@elm.example>"),
        ("Reply-To", "desk@elmstreet.example"),
        ("Subject", "May news"),
        ("List-ID", "<newsletter.elm.example>"),
        ("Precedence", "bulk"),
        ("Feedback-ID", "maycode1:newsletter:listelmexample"),
        ("Content-Language", "en"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'multipart/alternative; boundary="=_two_forms_of_one_letter"'),
    ]
    assert read(message).defects == []


def test_leaving_with_one_click_is_offered_over_https_alone(settings):
    settings.BASE_URL = "http://127.0.0.1:8000"
    assert [name for name in read(sent()).keys() if name.startswith("List-Unsubscribe")] == []  # noqa: SIM118


def test_both_forms_say_what_was_rendered():
    assert forms(sent()) == [
        f"Hello Ada,\n\nLeave: {SITE}/newsletter/unsubscribe/t0ken_-/\n"
        f"Topics: {SITE}/newsletter/preferences/t0ken_-/\n",
        f'<p>Hello Ada,</p>\n<a href="{SITE}/newsletter/unsubscribe/t0ken_-/">Leave</a> '
        f'<a href="{SITE}/newsletter/preferences/t0ken_-/">Topics</a>\n',
    ]
    for part in read(sent()).iter_parts():
        assert (part["Content-Transfer-Encoding"], part.get_content_charset()) == ("quoted-printable", "utf-8")


def test_the_link_to_leave_stands_on_one_line():
    token = "t" * 64
    line = f"List-Unsubscribe: <{SITE}/newsletter/unsubscribe/{token}/>".encode()
    assert line in sent(person=Person("ada@example.com", "", token)).split(b"\r\n")


def test_one_letter_after_another_holds_nothing_of_the_one_before():
    prepared = Prepared(LETTER, envelope=ENVELOPE, code="maycode1")
    people = [ADA, Person("bob@example.com", "", "b0b"), Person("zoe@example.com", "Zoë <i>", "z0e"), ADA]
    messages = [prepared.for_person(person, message_id=ID, now=NOW) for person in people]
    assert messages == [sent(person=person) for person in people]
    for person, message in zip(people, messages, strict=True):
        expected = filled(LETTER, person)
        assert forms(message) == [expected.text, expected.html]
        others = {other.token for other in people} - {person.token}
        assert [token for token in others if token.encode() in message] == []


@given(plain=PIECES, html=PIECES, name=st.text(max_size=90), token=st.text("aZ0_-", max_size=200))
def test_any_text_and_any_name_arrive_as_they_were_rendered(plain, html, name, token):
    rendered = Rendered(subject="May", html="".join(html), text="".join(plain))
    person = Person("ada@example.com", name, token)
    message = sent(rendered, person)
    check_lines(message)
    expected = filled(rendered, person)
    assert forms(message) == [unified(expected.text), unified(expected.html)]


@given(WRITING, WRITING, WRITING)
def test_pieces_can_be_joined_anywhere(before, value, after):
    together = encoded_piece(before) + encoded_value(value) + encoded_piece(after)
    check_lines(b"X: y\r\n\r\n" + together + b"\r\n")
    message = (
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + together
    )
    # A piece that ends in a carriage return is ended by it: no text of ours does.
    assert read(message).get_content().replace("\r\n", "\n") == "".join(map(unified, (before, value, after)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 72 + " ", b"a" * 72 + b"=20="),
        ("a" * 73 + " ", b"a" * 73 + b"=\r\n=20="),
        ("a" * 74 + " ", b"a" * 74 + b"=\r\n=20="),
        ("a" * 74 + "\t\n", b"a" * 74 + b"=\r\n=09"),
        ("a" * 75, b"a" * 75 + b"="),
        # A blank before a soft break ends no line of the text.
        ("a" * 74 + " b", b"a" * 74 + b" =\r\nb="),
    ],
)
def test_a_blank_at_the_end_of_a_line_is_counted_as_it_is_written(text, expected):
    assert encoded_piece(text) == expected + b"\r\n"


def test_pieces_joined_without_their_breaks_are_found_out():
    """The negative control of the two tests above: lines grow too long, and a dot comes to stand first."""
    long = encoded_piece("a" * 70).removesuffix(b"=\r\n") + b"b" * 70 + b"\r\n"
    dotted = encoded_piece("a" * 75) + b".b\r\n"
    for body in (long, dotted):
        with pytest.raises(AssertionError):
            check_lines(b"X: y\r\n\r\n" + body)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=150))
def test_any_subject_is_read_as_it_was_written(subject):
    message = sent(Rendered(subject=subject, html="x", text="x"))
    check_lines(message)
    assert read(message).get_all("Subject", [""]) == [" ".join(subject.split())]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_any_sender_is_read_as_they_call_themselves(name):
    envelope = Envelope(sender_name=name, reply_to="", list_id="newsletter.elm.example", address="news@elm.example")
    message = sent(envelope=envelope)
    check_lines(message)
    (sender,) = read(message)["From"].addresses
    assert sender.addr_spec == "news@elm.example"
    # Not `sender.display_name`: Python's parser puts a blank between two encoded words of a name, against RFC 2047.
    phrase = email.message_from_bytes(message)["From"].rpartition("<")[0].strip()
    is_quoted = phrase.startswith('"')
    shown = parseaddr(f"{phrase} <a@b.example>")[0] if is_quoted else str(make_header(decode_header(phrase)))
    assert shown == " ".join(name.split())
    assert "Reply-To" not in read(message)


@pytest.mark.parametrize(
    "line", ["May\r\nBcc: eve@example.com", "May\nBcc: eve@example.com", "May\r\n\r\nHello", "M\x0bBcc: e@x.y"]
)
def test_no_subject_or_sender_begins_a_header_of_its_own(line):
    envelope = Envelope(sender_name=line, reply_to="", list_id="newsletter.elm.example", address="news@elm.example")
    message = read(sent(Rendered(subject=line, html="x", text="x"), envelope=envelope))
    assert "Bcc" not in message
    assert len(message.keys()) == 13


@pytest.mark.parametrize(
    "message_id", ["", "n1@localhost", "<n1>", "<n1@x>\r\nBcc: e@x.y", "<n1@x>\n", "<n 1@x>", "<n1@ä.example>"]
)
def test_a_message_id_that_is_none_is_refused(message_id):
    with pytest.raises(ValueError, match="Message-ID"):
        sent(message_id=message_id)


def test_a_test_letter_has_nothing_to_leave():
    message = read(sent(person=Person("ada@example.com", "Ada", "")))
    assert [name for name in message if name.startswith("List-")] == ["List-ID"]


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.o'neil+list@Example.COM", "Ada.o'neil+list@Example.COM"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"),
        ("clinic@localhost", "clinic@localhost"),
    ],
)
def test_an_address_goes_out_in_ascii(typed, spelt):
    assert ascii_address(typed) == spelt
    assert str(read(sent(person=Person(typed, "", "t")))["To"]) == spelt


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ädä@example.com",
        "ada byron@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "ada@exa mple.com",
        "ada@" + "ä" * 64 + ".example",
        "ada@ä..example",
        '"ada"@example.com',
        "ada@example.com>, <eve@example.com",
        "ada@example.com,eve@example.com",
        f"ada@{'ä' * 30}.{'ö' * 30}.{'ü' * 30}.{'ß' * 30}.{'é' * 30}.{'ñ' * 30}.{'å' * 30}.example",
    ],
)
def test_what_no_mail_server_takes_is_refused_in_words(typed):
    with pytest.raises(AddressNotAscii, match=r"^This address cannot be written to"):
        ascii_address(typed)
    with pytest.raises(AddressNotAscii):
        sent(person=Person(typed, "", "t"))


@given(st.emails() | st.text(max_size=30).map(lambda local: f"{local}@münchen.example"))
def test_every_stored_address_can_be_written_to(typed):
    try:
        stored = canonical(typed)
    except ValidationError:
        return
    assert canonical(ascii_address(stored)) == stored


@pytest.mark.django_db
def test_the_rules_of_the_mailings_say_who_it_comes_from(django_assert_num_queries):
    practice = make_practice()
    with override_settings(DEFAULT_FROM_EMAIL="The Clinic <news@münchen.example>"), django_assert_num_queries(2):
        envelope = Envelope.current()
        message = read(sent(envelope=envelope))
    assert (envelope.sender_name, envelope.reply_to) == (practice.name, practice.email)
    assert envelope.address == "news@xn--mnchen-3ya.example"
    assert str(message["From"]) == f"{practice.name} <news@xn--mnchen-3ya.example>"
    assert str(message["List-ID"]) == "<newsletter.xn--mnchen-3ya.example>"

    MailingRules.objects.create(sender_name="News", reply_to="answers@elm.example")
    envelope = Envelope.current()
    assert (envelope.sender_name, envelope.reply_to, envelope.address) == (
        "News",
        "answers@elm.example",
        "clinic@localhost",
    )


def test_the_date_is_in_the_zone_it_was_given():
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    message = Prepared(LETTER, envelope=ENVELOPE, code="c").for_person(ADA, message_id=ID, now=at)
    assert str(read(message)["Date"]) == "Wed, 01 Jul 2026 12:00:00 +0000"


# What only the mail provider reads


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        ("", {}),
        ("mailgun", {"X-Mailgun-Variables": '{"delivery": "n1-2-abc"}', "X-Mailgun-Track": "no"}),
        (
            "postmark",
            {
                "X-PM-Metadata-delivery": "n1-2-abc",
                "X-PM-TrackOpens": "false",
                "X-PM-TrackLinks": "None",
                "X-PM-KeepID": "true",
            },
        ),
    ],
)
def test_the_mail_provider_is_told_which_delivery_it_is_and_to_track_nothing(settings, provider, fields):
    settings.MAIL_PROVIDER = provider

    parsed = read(sent(message_id="<n1-2-abc@clinic.example>"))

    assert {name: str(value) for name, value in parsed.items() if name.startswith("X-")} == fields
