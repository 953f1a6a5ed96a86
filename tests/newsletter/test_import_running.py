"""An import goes on by itself: stopped, killed or cancelled in the middle, it ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from importlib import import_module
from itertools import count

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db import DataError, connection
from django.utils import timezone

from newsletter.models import Consent, ListImport, SeenAddress, Subscriber
from newsletter.services import importing, upkeep
from newsletter.services.importing import batches, reading, running
from tests.clinic.test_worker import ROOT, database_url, until
from tests.factories import NOON, make_subscriber, make_topic
from tests.newsletter.lists import (
    PROOF,
    bring_in,
    everything,
    outcomes,
    people,
    report_of,
    table,
    upload,
    wipe,
    work,
    zipped,
)

ROWS = 70
FEW = 20  # rows in a batch, where a test says so
# More than two batches of another process.
PEOPLE = 1_100
MANY = table(
    *(
        f'p{number}@example.com,"Zoë\nMüller {number}",{"confirmed" if number % 7 else "unsubscribed"}'
        for number in range(ROWS)
    ),
    "p3@example.com,Again,confirmed",
    "p5@example.com,Leaves,unsubscribed",
)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "MOST", FEW)


def times(most):
    """Says `most` times that it goes on."""
    asked = count(1)
    return lambda: next(asked) <= most


def brought_in():
    """All that an import leaves behind, without numbers and times of rows."""
    return {
        "people": people(),
        "states": sorted(Subscriber.objects.values_list("email", "state", "confirmed_at", "left_at")),
        "consents": sorted(Consent.objects.values_list("subscriber__email", "kind", "words")),
        "suppressions": sorted((line["email"], line["reason"]) for line in everything()["suppressions"]),
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "name"),
    [(MANY, "a.csv"), (MANY.decode().encode("utf-16"), "a.csv"), (zipped(subscribers=MANY), "a.zip")],
)
def test_in_as_many_turns_as_it_takes(small_batches, content, name):
    whole = bring_in(content, name=name)
    expected, rows, before = brought_in(), outcomes(whole), whole.counts
    wipe()

    made, turns = upload(content, name=name), 0
    while made.state != "done":
        work(made, goes_on=times(1))
        turns += 1
        assert turns < 20
        if made.state == "checked":
            assert not Subscriber.objects.exists()
            importing.approve(made, now=NOON)

    assert turns >= 8
    assert brought_in() == expected
    assert outcomes(made) == rows
    assert made.counts == before
    assert made.rows_done == ROWS + 2


@pytest.mark.django_db
def test_a_batch_that_breaks_in_the_middle_leaves_nothing_of_itself(small_batches, monkeypatch):
    """As a killed worker does: what it had written of the report is written again."""
    whole = bring_in(MANY)
    expected, rows = brought_in(), report_of(whole)
    wipe()
    made = work(upload(MANY))
    importing.approve(made, now=NOON)
    save, turn = ListImport.save, count(1)

    def break_down(self, *args, **kwargs):
        if "place" in (kwargs.get("update_fields") or ()) and next(turn) == 2:
            raise KeyboardInterrupt
        return save(self, *args, **kwargs)

    monkeypatch.setattr(ListImport, "save", break_down)
    with pytest.raises(KeyboardInterrupt):
        work(made)
    made.refresh_from_db()
    assert (made.state, made.rows_done) == ("importing", FEW)
    assert Subscriber.objects.count() == FEW

    # Nobody takes it up before the lease of the killed one has ended.
    assert work(made).rows_done == FEW
    work(made, now=NOON + timedelta(minutes=3))

    assert made.state == "done"
    assert [row[2] for row in report_of(made)] == [row[2] for row in rows]
    assert brought_in()["people"] == expected["people"]
    assert Consent.objects.count() == len(expected["consents"])


@pytest.mark.django_db
def test_the_guard_is_what_keeps_two_workers_apart(small_batches, monkeypatch):
    """Both read the same place; the second finds that it has moved, and does nothing."""
    made = work(upload(MANY))
    importing.approve(made, now=NOON)
    first = running._claim(NOON)
    running._begin(first)
    second = ListImport.objects.get(pk=first.pk)
    running._go_on(first, now=NOON, goes_on=times(0))
    before = brought_in()
    with pytest.raises(running.LostIt):
        running._go_on(second, now=NOON, goes_on=times(0))
    assert brought_in() == before
    assert Subscriber.objects.count() == FEW


@pytest.mark.django_db
def test_cancelled_under_way_what_is_done_stays_and_nothing_more_comes(small_batches):
    made = work(upload(MANY))
    importing.approve(made, now=NOON)
    work(made, goes_on=times(1))
    importing.cancel(made, now=NOON)
    work(made)
    assert (made.state, made.rows_done, Subscriber.objects.count()) == ("cancelled", FEW, FEW)
    assert not SeenAddress.objects.exists()
    for step in (importing.approve, importing.cancel):
        with pytest.raises(importing.NotNow):
            step(made, now=NOON)


@pytest.mark.django_db
def test_empty_rows_take_no_longer_than_others_before_somebody_is_asked(monkeypatch):
    monkeypatch.setattr(batches, "LONGEST", -1)
    rows = ["a@example.com,A,confirmed", *[""] * 30, "b@example.com,B,confirmed", "c@example.com,C", *[",,"] * 30]
    content = table(*rows)
    made = upload(content)
    for turn in range(1, 4):
        work(made, goes_on=times(1))
        assert (made.state, made.rows_done, made.place["row"], made.lease_until) == ("checking", 1, turn + 1, None)
        assert made.bytes_done == len(table(*rows[:turn]))
    importing.cancel(made, now=NOON)

    whole = bring_in(content)
    assert (whole.rows_done, whole.bytes_done) == (3, len(content))
    assert outcomes(whole) == [(2, "brought in"), (33, "brought in"), (34, "refused")]


@pytest.mark.django_db
def test_a_turn_whose_time_is_over_before_the_first_row_does_a_batch_all_the_same(small_batches):
    """As when it takes long to find the place in a zip: else no turn would ever do one."""
    made = work(upload(zipped(subscribers=MANY), name="a.zip"), goes_on=times(1))
    assert (made.state, made.rows_done) == ("checking", FEW)


@pytest.mark.django_db
def test_what_ends_its_worker_three_times_at_the_same_place_is_given_up(small_batches, monkeypatch, caplog):
    made = work(upload(MANY))
    importing.approve(made, now=NOON)
    work(made, goes_on=times(1))
    save = ListImport.save

    def break_down(self, *args, **kwargs):
        if "place" in (kwargs.get("update_fields") or ()):
            raise KeyboardInterrupt
        return save(self, *args, **kwargs)

    monkeypatch.setattr(ListImport, "save", break_down)
    for turn in range(3):
        with pytest.raises(KeyboardInterrupt):
            work(made, now=NOON + timedelta(minutes=3 * turn))
    other = upload(table("x@example.com,X,confirmed"))
    monkeypatch.setattr(ListImport, "save", save)
    work(other, now=NOON + timedelta(minutes=9))

    made.refresh_from_db()
    assert (made.state, made.rows_done, Subscriber.objects.count()) == ("failed", FEW, FEW)
    assert made.error == (
        "It was begun three times and came no further. Divide the file, or ask who runs the server. "
        f"The first {FEW} rows are done, the others are not. Nobody is brought in twice."
    )
    # The next has its turn at once.
    assert other.state == "checked"
    assert "example.com" not in caplog.text


@pytest.mark.django_db
def test_turns_that_come_further_may_be_any_number(monkeypatch):
    monkeypatch.setattr(batches, "MOST", 2)
    made = upload(table(*(f"p{number}@example.com,P,confirmed" for number in range(11))))
    for _turn in range(6):
        assert made.state != "checked"
        work(made, goes_on=times(1))
    assert (work(made).state, made.rows_done) == ("checked", 11)


@pytest.mark.django_db
def test_nothing_is_brought_in_before_a_person_says_so():
    made = upload(table("a@example.com,A,confirmed"))
    with pytest.raises(importing.NotNow):
        importing.approve(made, now=NOON)
    for _turn in range(3):
        work(made)
    assert (made.state, Subscriber.objects.count()) == ("checked", 0)


@pytest.mark.django_db
def test_of_imports_from_before_it_is_found_out_which_were_approved(monkeypatch):
    monkeypatch.setattr(batches, "MOST", 1)
    content = table("a@example.com,A,confirmed", "b@example.com,B,unsubscribed")
    checked, done, failed = work(upload(content)), bring_in(content), work(upload(b""))
    names = ("begun", "without_files", "cancelled")
    rows = ((f"{name}@example.com,C,bounced", f"{name}2@example.com,D,bounced") for name in names)
    begun, without_files, cancelled = (work(upload(table(*some))) for some in rows)
    for made in (begun, without_files):
        importing.approve(made, now=NOON)
        work(made, goes_on=times(1))
        importing.cancel(made, now=NOON)
    importing.cancel(cancelled, now=NOON)
    for made in (without_files, cancelled):
        importing.remove_files(made)
    before = dict(ListImport.objects.values_list("pk", "approved_at"))
    assert [before[made.pk] for made in (checked, done, failed, begun, without_files, cancelled)] == [
        None, NOON, None, NOON, NOON, None
    ]  # fmt: skip

    ListImport.objects.update(approved_at=None)
    backfill = import_module("newsletter.migrations.0022_approval_of_imports").BACKFILL
    with connection.cursor() as cursor:
        cursor.execute(backfill)
    assert dict(ListImport.objects.values_list("pk", "approved_at")) == before


@pytest.mark.django_db
def test_a_file_that_is_damaged_further_on_keeps_what_came_before(small_batches, monkeypatch):
    monkeypatch.setattr(reading, "HEAD", 1024)
    letters = random.Random(7)
    names = ("".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=80)) for _row in range(400))
    content = zipped(
        subscribers=table(*(f"p{number}@example.com,{name},confirmed" for number, name in enumerate(names)))
    )
    made = work(upload(content, name="a.zip"))
    importing.approve(made, now=NOON)
    work(made, goes_on=times(1))
    broken = bytearray(content)
    broken[-4000:-3900] = b"\xff" * 100
    with open(made.file.path, "wb") as file:
        file.write(broken)
    work(made)
    assert made.state == "failed"
    assert "damaged" in made.error
    assert f"The first {made.rows_done} rows are done" in made.error
    assert FEW < made.rows_done < 400
    assert FEW < Subscriber.objects.count() == made.counts["brought_in"]


@pytest.mark.django_db
def test_a_broken_import_leaves_the_next_its_turn_and_the_log_names_no_address(caplog, monkeypatch):
    first, second = upload(table("a@example.com,A,confirmed")), upload(table("b@example.com,B,confirmed"))
    storages["private"].delete(str(first.file))
    work(second)
    first.refresh_from_db()
    assert (first.state, first.error) == ("failed", "The file is gone from the server. Upload it again.")
    assert second.state == "checked"
    assert "example.com" not in caplog.text


@pytest.mark.django_db
def test_files_are_removed_a_while_after_the_end_or_at_once_by_hand():
    made, other = bring_in(table("a@example.com,A,confirmed")), work(upload(table("b@example.com,B,confirmed")))
    paths = [made.file.path, made.report.path, other.file.path, other.report.path]
    assert [os.path.exists(path) for path in paths] == [True] * 4
    upkeep.tidy(now=NOON + timedelta(days=29))
    assert [os.path.exists(path) for path in paths] == [True] * 4

    importing.remove_files(made)
    assert [os.path.exists(path) for path in paths] == [False, False, True, True]
    upkeep.tidy(now=NOON + timedelta(days=31))
    assert [os.path.exists(path) for path in paths] == [False] * 4
    made.refresh_from_db()
    other.refresh_from_db()
    assert (made.file, made.report, other.file, other.report) == ("", "", "", "")
    with pytest.raises(importing.NotNow):
        importing.approve(other, now=NOON)
    waiting = upload(table("c@example.com,C,confirmed"))
    with pytest.raises(importing.NotNow):
        importing.remove_files(waiting)


@pytest.mark.django_db
def test_files_that_cannot_be_removed_stay_named_and_hold_up_no_others(caplog, monkeypatch):
    """As when whoever removes them is killed in between: another time finds them."""
    old, other = (bring_in(table(f"{name}@example.com,A,confirmed")) for name in "ab")
    late, folder = NOON + timedelta(days=31), os.path.dirname(old.file.path)
    delete = FileSystemStorage.delete

    def read_only(self, name):
        if name == str(old.file):
            raise PermissionError(13, "Permission denied", name)
        delete(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", read_only)
    upkeep.tidy(now=late)
    for made in (old, other):
        made.refresh_from_db()
    assert (bool(old.file), bool(old.report), other.file, other.report) == (True, True, "", "")
    assert f"The files of import {old.pk} cannot be removed: Permission denied." in caplog.text
    assert folder not in caplog.text

    monkeypatch.setattr(FileSystemStorage, "delete", delete)
    path = old.file.path
    upkeep.tidy(now=late)
    old.refresh_from_db()
    assert (old.file, old.report, os.path.exists(path)) == ("", "", False)


@pytest.mark.django_db
def test_files_that_no_import_names_are_removed_once_they_are_old():
    storage = storages["private"]
    made = work(upload(table("a@example.com,A,confirmed")))
    orphans = [
        storage.save(f"{folder}/2026/01/left.csv", ContentFile(b"x@example.com"))
        for folder in ("newsletter/imports", "newsletter/reports")
    ]
    others = storage.save("originals/left.csv", ContentFile(b"a picture"))
    paths = [*orphans, str(made.file), str(made.report), others]
    today = timezone.now()
    ListImport.objects.update(ended_at=today + timedelta(days=20))
    upkeep.tidy(now=today + timedelta(days=29))
    assert [storage.exists(path) for path in paths] == [True] * 5
    upkeep.tidy(now=today + timedelta(days=31))
    assert [storage.exists(path) for path in paths] == [False, False, True, True, True]


@pytest.mark.django_db
def test_an_upload_that_cannot_be_written_down_leaves_no_file():
    def kept():
        return [name for _folder, _folders, names in os.walk(storages["private"].location) for name in names]

    before = kept()
    topic = make_topic()
    with pytest.raises(DataError):
        upload(table("a@example.com,A,confirmed"), status="longer than it may be", topics=[topic])
    assert (kept(), ListImport.objects.count()) == (before, 0)


@pytest.mark.django_db(transaction=True)
def test_somebody_who_signs_up_at_the_same_moment_keeps_their_own_row(monkeypatch):
    made = work(upload(table("ada@example.com,Import,confirmed", "bea@example.com,Import,confirmed")))
    importing.approve(made, now=NOON)
    write, turn = importing.passes.write, count(1)

    def while_somebody_signs_up(*args, **kwargs):
        if next(turn) == 1:
            thread = threading.Thread(target=sign_up)
            thread.start()
            thread.join()
        return write(*args, **kwargs)

    def sign_up():
        make_subscriber(email="Ada@example.com", name="Ada", state="pending")
        connection.close()

    monkeypatch.setattr("newsletter.services.importing.passes.write", while_somebody_signs_up)
    work(made)
    assert people() == [("Ada@example.com", "Ada", "pending"), ("bea@example.com", "Import", "confirmed")]
    assert outcomes(made) == [(2, "already there"), (3, "brought in")]


def environment():
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "0123456789" * 6,
        "ALLOWED_HOSTS": "127.0.0.1",
        "BASE_URL": "http://127.0.0.1:8000",
        "EMAIL_URL": "smtp://127.0.0.1:1",
        "DEFAULT_FROM_EMAIL": "desk@elmstreet.example",
        "VAR_FOLDER": os.environ["VAR_FOLDER"],
    }


def we_are_alone():
    """The killed one's session, which may still have had a commit to do, is gone from the database."""
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone() == (1,)


@pytest.fixture
def one_batch():
    """Somebody signs up with an address of the second batch and has not committed: another process waits there."""
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute(
            "INSERT INTO newsletter_subscriber (email, name, state, language, created_at)"
            " VALUES (%s, '', 'pending', 'en', now())",
            [f"p{batches.MOST + 100}@example.com"],
        )
    yield other
    other.close()


def killed_after_one_batch(process, other):
    """When it has brought in one batch and waits in the second."""
    until(lambda: Subscriber.objects.count() == batches.MOST or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    other.close()
    until(we_are_alone)


@pytest.mark.django_db(transaction=True)
def test_the_command_killed_in_the_middle_and_started_again(tmp_path, one_batch):
    make_topic(slug="offers")
    path = tmp_path / "list.csv"
    path.write_bytes(table(*(f"p{number}@example.com,P,confirmed" for number in range(PEOPLE))))
    command = [sys.executable, "manage.py", "import_subscribers", str(path), "--format", "neutral", "--proof", PROOF]
    command += ["--topics", "offers"]

    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        killed_after_one_batch(process, one_batch)
    killed_at = Subscriber.objects.count()
    assert killed_at == batches.MOST
    # The evidence and the topics of each are there too.
    assert Consent.objects.count() == killed_at == Subscriber.topics.through.objects.count()

    again = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)

    assert (again.returncode, again.stdout.split()) == (
        0,
        ["Done:", str(PEOPLE - killed_at), "brought", "in", str(killed_at), "already", "there"],
    )
    assert Subscriber.objects.count() == Consent.objects.count() == Subscriber.topics.through.objects.count() == PEOPLE
    # The killed one does not go on for ever: the worker says so, once its lease has ended.
    first = ListImport.objects.order_by("pk").first()
    assert first.state == "importing"
    work(first, now=first.lease_until + timedelta(seconds=1))
    assert (first.state, first.error) == (
        "failed",
        "The command was stopped. Start it again. "
        f"The first {killed_at} rows are done, the others are not. Nobody is brought in twice.",
    )


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_of_an_upload(one_batch):
    made = work(upload(table(*(f"p{number}@example.com,P,confirmed" for number in range(PEOPLE)))))
    importing.approve(made, now=NOON)
    go = "import django; django.setup(); from django.utils import timezone; from newsletter.services import importing; "
    go += "importing.take_up(now=timezone.now(), goes_on=lambda: True)"
    settings = {**environment(), "DJANGO_SETTINGS_MODULE": "clinic.settings"}
    with subprocess.Popen([sys.executable, "-c", go], cwd=ROOT, env=settings) as process:
        killed_after_one_batch(process, one_batch)
    made.refresh_from_db()
    assert (made.state, made.rows_done, Subscriber.objects.count()) == ("importing", batches.MOST, batches.MOST)

    work(made, now=made.lease_until + timedelta(seconds=1))

    assert (made.state, made.counts) == ("done", {"brought_in": PEOPLE, "remarks": 0})
    assert Subscriber.objects.count() == Consent.objects.count() == PEOPLE
    assert [row[0] for row in report_of(made)] == list(range(2, PEOPLE + 2))
