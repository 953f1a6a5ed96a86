"""The whole list leaves in files that the import reads; only for those who may, and it is written down."""

import csv
import io
import logging
import os
import zipfile
from datetime import datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command

from newsletter.models import Consent, Subscriber, Suppression
from newsletter.services import exporting
from newsletter.wording import Words
from tests.factories import NOON, editor, front_desk, make_subscriber, make_topic, marketing, stranger
from tests.newsletter.lists import bring_in, outcomes, people, wipe

pytestmark = pytest.mark.django_db

EXPORT = "/admin/newsletter/listimport/export/"


def files(content):
    """The rows of each file in an export, as they stand there."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        read = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: list(csv.reader(io.StringIO(text, newline=""))) for name, text in read.items()}


def exported():
    return b"".join(exporting.export())


def some_people():
    """One in each state, and what makes a cell hard to write."""
    offers, news = make_topic(name="Offers; and more", slug="offers"), make_topic(name="Zest", slug="news")
    ada = make_subscriber(email="ada+x@example.com", name='=HYPERLINK("x")', topics=[offers, news], language="es")
    ada.record(
        Consent.Kind.CONFIRMED, Words("sign-up 1", "+Yes,\nplease\r\n'=1"), now=NOON, network_address="2001:db8::1"
    )
    make_subscriber(
        email="=bea@müller.example",
        name="'-Bea",
        confirmed_at=datetime.fromisoformat("2020-02-29T23:59:59.123456+05:30"),
    )
    for state in ("pending", "unsubscribed", "bounced", "complained"):
        person = make_subscriber(email=f"{state}@example.com", name="Zoë Lee", state=state, topics=[news])
        if person.has_left:
            Suppression.objects.add([person.email], state, now=NOON, words="550 no such mailbox")
    # In a restored list somebody may be on it who is suppressed, and an address may be nobody's.
    make_subscriber(email="restored@example.com")
    Suppression.objects.add(["Restored@example.com", "ghost@example.com"], "unsubscribed", now=NOON)
    Suppression.objects.add(["restored@example.com"], "complained", now=NOON + timedelta(days=1))
    Suppression.objects.add(["ghost@example.com"], "bounced", now=NOON)
    # Left and came back.
    Suppression.objects.add([ada.email], "unsubscribed", now=NOON)
    Suppression.objects.add([ada.email], "lifted", now=NOON)


def test_each_file_holds_what_it_says():
    some_people()
    found = files(exported())
    assert list(found) == ["subscribers.csv", "consents.csv", "suppressions.csv"]
    header, ada, bea, pending, left, bounced, _complained, restored = found["subscribers.csv"]
    assert header == [
        "email", "name", "language", "status", "topics", "consent_at", "consent_how", "consent_words",
        "consent_network_address", "left_at",
    ]  # fmt: skip
    at = "2026-03-02T12:00:00.000000+00:00"
    assert ada == [
        "ada+x@example.com", '\'=HYPERLINK("x")', "es", "confirmed", "offers;news", at, "confirmed",
        "'+Yes,\nplease\r\n''=1", "2001:db8::1", "",
    ]  # fmt: skip
    assert bea[:2] == ["'=bea@müller.example", "''-Bea"]
    assert pending[3:7] == ["pending", "news", "", ""]
    assert (left[3], left[9], bounced[3]) == ("unsubscribed", at, "bounced")
    # Never said to be on the list.
    assert (restored[3], restored[9]) == ("complained", "2026-03-03T12:00:00.000000+00:00")
    assert found["suppressions.csv"][1:] == [
        ["bounced@example.com", "bounced", at, "550 no such mailbox"],
        ["complained@example.com", "complained", at, "550 no such mailbox"],
        ["ghost@example.com", "bounced", found["suppressions.csv"][3][2], ""],
        ["ghost@example.com", "unsubscribed", at, ""],
        ["restored@example.com", "complained", "2026-03-03T12:00:00.000000+00:00", ""],
        ["restored@example.com", "unsubscribed", at, ""],
        ["unsubscribed@example.com", "unsubscribed", at, "550 no such mailbox"],
    ]
    assert found["consents.csv"] == [
        ["email", "at", "what", "words", "version", "topics", "page", "network_address", "recorded_by"],
        ["ada+x@example.com", at, "confirmed", "'+Yes,\nplease\r\n''=1", "sign-up 1", "", "", "2001:db8::1", ""],
    ]


def test_what_is_exported_is_imported_on_an_empty_site_as_it_was():
    some_people()
    before = exported()
    states = sorted(people())
    topics = {person.email: sorted(person.topics.values_list("slug")) for person in Subscriber.objects.all()}
    wipe()

    done = bring_in(before, name="list.zip", now=NOON + timedelta(days=9))

    expected = [person for person in states if person[2] != "pending" and person[0] != "restored@example.com"]
    assert people() == sorted(
        [*expected, ("ghost@example.com", "", "bounced"), ("restored@example.com", "Ada", "complained")]
    )
    assert {person.email: sorted(person.topics.values_list("slug")) for person in Subscriber.objects.all()} == {
        "ghost@example.com": [],
        **{email: found for email, found in topics.items() if email != "pending@example.com"},
    }
    assert {row[1] for row in outcomes(done)} == {
        "brought in", "written down as off the list", "twice in the file", "never confirmed: not brought in"
    }  # fmt: skip
    was, now = files(before)["subscribers.csv"], files(exported())["subscribers.csv"]
    # Each keeps what was known; only the evidence grows by the proof of the import, and the pending one is not there.
    kept = {row[0]: [*row[:6], row[8], row[9]] for row in was[1:] if row[3] != "pending"}
    assert {row[0]: [*row[:6], row[8], row[9]] for row in now[1:] if row[0] != "ghost@example.com"} == kept
    words = Consent.objects.get(subscriber__email="ada+x@example.com").words
    assert "consent_words: +Yes,\nplease\r\n'=1" in words
    assert [person.email for person in Subscriber.objects.mailable().order_by("email")] == [
        "=bea@müller.example",
        "ada+x@example.com",
    ]


def test_an_empty_list_is_exported_too():
    assert {name: len(rows) for name, rows in files(exported()).items()} == {
        "subscribers.csv": 1,
        "consents.csv": 1,
        "suppressions.csv": 1,
    }


def test_the_export_asks_few_questions_however_long_the_list_is(django_assert_num_queries):
    topic = make_topic()
    for _number in range(3):
        make_subscriber(topics=[topic])
    with django_assert_num_queries(6):
        exported()
    for _number in range(50):
        make_subscriber(topics=[topic])
    with django_assert_num_queries(6):
        exported()


def test_marketing_exports_and_it_is_written_down_without_an_address(client, caplog):
    some_people()
    user = marketing()
    client.force_login(user)
    page = client.get("/admin/newsletter/listimport/").content.decode()
    assert f'action="{EXPORT}"' in page

    with caplog.at_level(logging.INFO, "clinic.lists"):
        response = client.post(EXPORT)
        content = b"".join(response.streaming_content)

    assert response.streaming
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"].startswith('attachment; filename="mailing-list-')
    assert "no-store" in response["Cache-Control"]
    assert files(content) == files(exported())
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr, entry.change_message) == (user, "The whole list", "Exported, 7 people.")
    assert [record.getMessage() for record in caplog.records] == [f"The list was exported by user {user.pk}, 7 people."]


def test_a_link_exports_nothing(client):
    client.force_login(marketing())
    assert client.get(EXPORT).status_code == 405
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("who", [front_desk, editor, stranger])
def test_others_do_not_export(client, who):
    make_subscriber()
    client.force_login(who())
    response = client.post(EXPORT)
    assert response.status_code == (302 if who is stranger else 403)
    assert not response.streaming
    assert b"@example.com" not in response.content
    assert not LogEntry.objects.exists()


def test_the_command_writes_a_file_that_only_its_owner_reads(tmp_path, capsys, caplog):
    some_people()
    path = tmp_path / "list.zip"
    with caplog.at_level(logging.INFO, "clinic.lists"):
        call_command("export_subscribers", str(path))
    line = f"The list was exported by the command of system user {os.getuid()}, 7 people."
    assert [record.getMessage() for record in caplog.records] == [line]
    assert capsys.readouterr().out == "Exported 7 people.\n"
    assert files(path.read_bytes()) == files(exported())
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_subscribers", str(path))
    assert path.read_bytes() == before


def test_an_export_that_breaks_leaves_no_half_list(tmp_path, monkeypatch):
    make_subscriber()

    def break_down():
        yield ("email",)
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exporting.archive.FILES, "suppressions.csv", break_down)
    path = tmp_path / "list.zip"
    with pytest.raises(OSError, match="No space left"):
        call_command("export_subscribers", str(path))
    assert not path.exists()
