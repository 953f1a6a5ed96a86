"""A link in a letter works for its purpose and its time, and nothing that is stored can make one."""

import logging
from datetime import timedelta

import pytest
from django.http import Http404

from clinic import mail_links
from clinic.logs import LineFormatter
from clinic.mail_links import Link, LinkExpired
from clinic.models import MailLink
from tests.factories import NOON

DAY = timedelta(days=1)
LINK = Link(purpose="test.confirm", object_id=7, view="clinic:policy", lifetime=2 * DAY)
FOR_EVER = Link(purpose="test.leave", object_id=7, view="clinic:policy", lifetime=None)


def test_a_minted_link_is_found_by_its_token(db):
    token = mail_links.mint(LINK, now=NOON)

    assert mail_links.find("test.confirm", token, now=NOON).object_id == 7


def test_a_token_has_192_bits_and_only_its_hash_is_stored(db):
    tokens = {mail_links.mint(LINK, now=NOON) for _ in range(20)}

    assert {len(token) for token in tokens} == {32}
    assert len(tokens) == 20
    for row in MailLink.objects.values():
        assert len(bytes(row["token_hash"])) == 32
        assert [token for token in tokens if token in str(row) or token.encode() in bytes(row["token_hash"])] == []


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "ſ" * 32, "\0"])
def test_an_unknown_token_is_not_found(db, token):
    mail_links.mint(LINK, now=NOON)

    with pytest.raises(Http404):
        mail_links.find("test.confirm", token, now=NOON)


def test_a_token_of_one_purpose_does_not_serve_another(db):
    token = mail_links.mint(LINK, now=NOON)

    with pytest.raises(Http404):
        mail_links.find("test.leave", token, now=NOON)


def test_a_link_ends_when_its_lifetime_does(db):
    token = mail_links.mint(LINK, now=NOON)

    assert mail_links.find("test.confirm", token, now=NOON + 2 * DAY - timedelta(seconds=1)).object_id == 7
    with pytest.raises(LinkExpired):
        mail_links.find("test.confirm", token, now=NOON + 2 * DAY)


def test_a_link_to_leave_never_ends(db):
    token = mail_links.mint(FOR_EVER, now=NOON)
    mail_links.forget_expired(now=NOON + 36500 * DAY)

    assert mail_links.find("test.leave", token, now=NOON + 36500 * DAY).object_id == 7


def test_an_ended_link_says_so_for_a_year_and_is_then_unknown(db):
    token = mail_links.mint(LINK, now=NOON)

    mail_links.forget_expired(now=NOON + 2 * DAY + 365 * DAY)
    with pytest.raises(LinkExpired):
        mail_links.find("test.confirm", token, now=NOON + 367 * DAY)
    mail_links.forget_expired(now=NOON + 2 * DAY + 366 * DAY)
    with pytest.raises(Http404):
        mail_links.find("test.confirm", token, now=NOON + 368 * DAY)


def test_an_address_begins_with_the_sites_own(db, settings):
    settings.BASE_URL = "https://clinic.example"

    address = mail_links.address(LINK, now=NOON)

    token = address.removeprefix("https://clinic.example/policies/").removesuffix("/")
    assert mail_links.find("test.confirm", token, now=NOON).purpose == "test.confirm"


@pytest.mark.parametrize("link", [LINK, FOR_EVER, Link("p", 1, "clinic:policy", timedelta(hours=36))])
def test_a_letter_keeps_what_a_link_will_do(link):
    assert Link.from_json(link.as_json()) == link


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("/newsletter/confirm/{token}/", "/newsletter/confirm/[token]/"),
        ("/newsletter/confirm/{token}", "/newsletter/confirm/[token]"),
        ("GET /a/{token}/b/?x=1 200", "GET /a/[token]/b/?x=1 200"),
        ("/treatments/lip-filler/", "/treatments/lip-filler/"),
    ],
)
def test_no_log_line_holds_a_token(db, line, shown):
    token = "Ab-_" * 8
    record = logging.LogRecord("django.request", logging.ERROR, "", 0, "Error: %s", (line.format(token=token),), None)

    assert LineFormatter("{message}", style="{").format(record) == f"Error: {shown}"
