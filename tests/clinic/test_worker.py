"""The worker as a process of its own, on the tests' database: whatever happens to it, no letter stays unsent."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from appointments.models import Appointment, Reminder
from clinic import letters, worker
from clinic.models import Image, Letter, MailLink, RateLimit, WorkerHeartbeat
from clinic.tasks import render_image
from clinic.views.health import STILL_ALIVE
from tests import mail_sink
from tests.factories import (
    NOON,
    make_image,
    make_letter,
    make_location,
    make_patient,
    make_practice,
    make_visit_type,
    picture_file,
)

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 120.0  # seconds, on a busy machine

outside_a_transaction = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink():
    with mail_sink.running() as sink:
        yield sink


def database_url():
    own = connection.settings_dict
    who = f"{quote(own['USER'], safe='')}:{quote(own['PASSWORD'], safe='')}"
    where = quote(own["HOST"], safe="") + (f":{own['PORT']}" if own["PORT"] else "")
    return f"postgres://{who}@{where}/{quote(own['NAME'], safe='')}"


@contextlib.contextmanager
def running_worker(sink):
    """A production worker that has shown its first heartbeat. What is left of it at the end is killed."""
    # A folder of its own, so that it remembers nobody who left in another test; uploads are where they were.
    with tempfile.TemporaryDirectory() as folder, _worker(sink, folder) as process:
        yield process


@contextlib.contextmanager
def _worker(sink, folder):
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url(),
        "SECRET_KEY": "0123456789" * 6,
        "ALLOWED_HOSTS": "127.0.0.1",
        "BASE_URL": "http://127.0.0.1:8000",
        "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
        "DEFAULT_FROM_EMAIL": "desk@elmstreet.example",
        "VAR_FOLDER": folder,
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "PRIVATE_MEDIA_ROOT": str(settings.PRIVATE_MEDIA_ROOT),
    }
    before = timezone.now()
    with subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until(lambda: WorkerHeartbeat.objects.filter(beat_at__gt=before).exists() or process.poll() is not None)
            assert process.poll() is None, process.stderr.read()
            yield process
        finally:
            process.kill()


def until(question):
    end = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)


@pytest.fixture
def mail(settings, sink):
    """This process sends to the same mail server."""
    settings.SENDS_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.DEFAULT_FROM_EMAIL = "desk@elmstreet.example"


@pytest.fixture
def next_worker(mail):
    """One turn of another worker, in this process, once PostgreSQL has noticed that the first is gone."""

    def turn():
        until(nobody_sweeps)
        worker.Worker().turn()

    return turn


def nobody_sweeps():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")
        return cursor.fetchone()[0] == 0


def let_time_pass():
    """The database's clocks go forward, so that no test waits for minutes."""
    past = timezone.now() - timedelta(seconds=1)
    Letter.objects.filter(state=Letter.State.SENDING).update(lease_until=past)
    Letter.objects.filter(state__in=Letter.WAITING).update(next_attempt_at=past)


@outside_a_transaction
def test_killed_before_sending_the_letter_is_sent_by_the_next_worker(sink, next_worker):
    with running_worker(sink) as process:
        process.send_signal(signal.SIGSTOP)
        letter = make_letter()
        process.kill()
        process.wait()

    next_worker()

    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (Letter.State.SENT, 1)
    assert sink.message_ids == [letters.message_id(letter)]


@outside_a_transaction
def test_killed_while_sending_the_letter_is_shown_as_cut_off_and_sent_by_the_next_worker(sink, next_worker):
    arrived, killed = threading.Event(), threading.Event()

    def hold(message):
        arrived.set()
        killed.wait(PATIENCE)
        return "451 too late to say anything"

    sink.answers += [hold]
    with running_worker(sink) as process:
        letter = make_letter()
        assert arrived.wait(PATIENCE)
        process.kill()
        process.wait()
        killed.set()
    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (Letter.State.SENDING, 1)

    let_time_pass()
    next_worker()
    letter.refresh_from_db()
    assert letter.state == Letter.State.UNCERTAIN
    let_time_pass()
    next_worker()

    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (Letter.State.SENT, 2)
    assert sink.message_ids == [letters.message_id(letter)]


@outside_a_transaction
def test_killed_after_sending_the_letter_goes_again_as_the_same(sink, next_worker):
    """Nobody can know that it arrived; at least once means that this reader may get it twice."""
    with running_worker(sink) as process:

        def accept_and_kill(message):
            sink.accepted.append(message)
            process.kill()
            process.wait()
            return "451 said to nobody"

        sink.answers += [accept_and_kill]
        letter = make_letter()
        until(lambda: process.poll() is not None)

    for _ in range(2):
        let_time_pass()
        next_worker()

    letter.refresh_from_db()
    assert (letter.state, letter.attempts) == (Letter.State.SENT, 2)
    assert sink.message_ids == [letters.message_id(letter)] * 2


@outside_a_transaction
def test_one_sigterm_ends_it_after_the_job_in_hand(sink):
    arrived, asked = threading.Event(), threading.Event()

    def hold(message):
        arrived.set()
        asked.wait(PATIENCE)
        return "250 OK"

    sink.answers += [hold]
    with running_worker(sink) as process:
        make_letter(subject="In hand", next_attempt_at=NOON - timedelta(minutes=1))
        make_letter(subject="Next")
        assert arrived.wait(PATIENCE)
        process.terminate()
        asked_at = time.monotonic()
        asked.set()
        assert process.wait(PATIENCE) == 0
        took = time.monotonic() - asked_at

    states = dict(Letter.objects.values_list("subject", "state"))
    # The other one may have been written after the first was taken: it waits for the next worker.
    assert states == {"In hand": Letter.State.SENT, "Next": Letter.State.QUEUED}
    assert took < 20


@contextlib.contextmanager
def database_away():
    """PostgreSQL cuts every connection to the tests' database but ours, and lets nobody in."""
    own = connection.settings_dict
    parts = {"user": own["USER"], "password": own["PASSWORD"], "host": own["HOST"], "port": own["PORT"] or None}
    switch = f'ALTER DATABASE "{own["NAME"]}" ALLOW_CONNECTIONS'
    elsewhere = psycopg2.connect(dbname="postgres", **parts)
    elsewhere.autocommit = True
    try:
        with elsewhere.cursor() as cursor, connection.cursor() as ours:
            ours.execute("SELECT pg_backend_pid()")
            cursor.execute(f"{switch} false")
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                [own["NAME"], *ours.fetchone()],
            )
            assert cursor.fetchone()[0] >= 1
            try:
                yield
            finally:
                cursor.execute(f"{switch} true")
    finally:
        elsewhere.close()


@outside_a_transaction
def test_it_waits_for_a_database_that_is_away_and_goes_on(sink):
    with running_worker(sink) as process:
        with database_away():
            assert "clinic.worker: The database is away (" in process.stderr.readline()
        letter = make_letter()
        until(lambda: Letter.objects.get().state == Letter.State.SENT)
        assert process.poll() is None

    letter.refresh_from_db()
    assert (letter.attempts, len(sink.accepted)) == (1, 1)


@outside_a_transaction
def test_two_at_once_send_fifty_letters_once_each(sink):
    with running_worker(sink), running_worker(sink):
        for number in range(50):
            make_letter(subject=str(number))
        until(lambda: not Letter.objects.exclude(state=Letter.State.SENT).exists())

    assert sorted(int(message["Subject"]) for message in sink.accepted) == list(range(50))
    assert set(Letter.objects.values_list("attempts", flat=True)) == {1}


def make_visits(number):
    """Confirmed long ago, to begin soon: each is due for its one reminder."""
    make_practice()
    now, patient, place = timezone.now(), make_patient(), make_location()
    visit_type = make_visit_type(locations=[place])
    begins = [now + timedelta(hours=20, minutes=minutes) for minutes in range(number)]
    return Appointment.objects.bulk_create(
        Appointment(
            status=Appointment.Status.CONFIRMED,
            patient=patient,
            visit_type=visit_type,
            location=place,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=30),
            created_at=now - timedelta(days=9),
            settled_at=now - timedelta(days=9),
        )
        for starts_at in begins
    )


@outside_a_transaction
def test_killed_while_it_writes_reminders_each_is_written_once_and_sent(sink, next_worker):
    # They import from here.
    from tests.appointments.test_faults import ask, at_each_row_of, somebody_holds

    gate = "IF (SELECT count(*) FROM clinic_letter) > 30 THEN PERFORM pg_advisory_xact_lock_shared(4242); END IF;"
    stuck = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    with at_each_row_of("appointments_reminder", gate):
        with somebody_holds("SELECT pg_advisory_xact_lock(4242)"), running_worker(sink) as process:
            visits = make_visits(80)
            until(lambda: ask(stuck) == [(1,)])
            process.kill()
            process.wait()
        until(nobody_sweeps)
    assert Reminder.objects.filter(letter__isnull=False).count() == Letter.objects.count() == 30

    for _ in range(2):
        let_time_pass()
        next_worker()

    reminded = Reminder.objects.filter(letter__isnull=False)
    assert set(reminded.values_list("appointment", flat=True)) == {visit.pk for visit in visits}
    assert (reminded.count(), Letter.objects.count()) == (80, 80)
    assert set(Letter.objects.values_list("state", flat=True)) == {Letter.State.SENT}
    assert set(sink.message_ids) == {letters.message_id(letter) for letter in Letter.objects.all()}


@outside_a_transaction
def test_a_worker_that_was_away_sends_one_late_reminder_and_none_after_the_start(sink, next_worker):
    make_visits(1)
    next_worker()

    assert list(Reminder.objects.order_by("pk").values_list("days_before", "letter__state")) == [
        (1, Letter.State.SENT),
        (3, None),
    ]
    assert len(sink.accepted) == 1

    Appointment.objects.update(starts_at=timezone.now() - timedelta(minutes=1))
    next_worker()
    assert len(sink.accepted) == 1


@outside_a_transaction
def test_a_slow_mail_server_keeps_no_reminder_from_being_written(sink, next_worker, monkeypatch):
    monkeypatch.setattr(worker, "LONGEST_SWEEP", timedelta(seconds=0.5))

    def slowly(message):
        time.sleep(0.6)
        return "250 OK"

    sink.answers += [slowly] * 3
    for _ in range(3):
        make_letter()
    make_visits(1)

    next_worker()

    assert (len(sink.accepted), Reminder.objects.filter(letter__isnull=False).count()) == (1, 1)


@outside_a_transaction
def test_readyz_knows_whether_a_worker_is_alive(client, next_worker):
    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (503, b"worker")

    next_worker()
    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (200, b"ok")

    WorkerHeartbeat.objects.update(beat_at=timezone.now() - STILL_ALIVE)
    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (503, b"worker")
    assert client.get("/healthz").status_code == 200


@outside_a_transaction
def test_a_second_worker_leaves_due_work_to_the_one_that_is_at_it(sink, mail):
    make_letter()
    held, done = threading.Event(), threading.Event()

    def hold():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [worker.SWEEP_LOCK])
            held.set()
            done.wait(PATIENCE)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(PATIENCE)
    worker.Worker().turn()
    assert sink.accepted == []
    done.set()
    other.join()

    worker.Worker().turn()
    assert len(sink.accepted) == 1


@outside_a_transaction
def test_a_picture_whose_task_was_lost_gets_its_renditions(next_worker):
    image = make_image(rendered=False)

    next_worker()

    image.refresh_from_db()
    assert (image.rendered_at is not None, image.renditions.count()) == (True, 4)


@outside_a_transaction
def test_a_task_makes_the_renditions_and_is_recorded_as_done(next_worker):
    image = make_image(rendered=False, file=picture_file(size=(40, 30)))
    result = render_image.enqueue(image.pk)

    next_worker()

    assert DBTaskResult.objects.get(pk=result.id).status == "SUCCESSFUL"
    assert Image.objects.get().renditions.count() == 2


def test_what_has_served_its_purpose_is_removed_and_nothing_else(db):
    now = timezone.now()
    week, day, year = timedelta(days=7), timedelta(days=1), timedelta(days=365)
    minute = timedelta(minutes=1)
    kept, removed = [], []
    for status, times, is_kept in (
        ("SUCCESSFUL", {"finished_at": now - week - minute}, False),
        ("FAILED", {"finished_at": now - week - minute}, False),
        ("SUCCESSFUL", {"finished_at": now - week + minute}, True),
        ("RUNNING", {"started_at": now - day - minute}, False),
        ("RUNNING", {"started_at": now - day + minute}, True),
        ("READY", {}, True),
    ):
        task = DBTaskResult.objects.get(pk=render_image.enqueue(1).id)
        DBTaskResult.objects.filter(pk=task.pk).update(status=status, **times)
        (kept if is_kept else removed).append(task.pk)
    for number, expires_at in enumerate((None, now - year + minute, now - year - minute)):
        MailLink.objects.create(
            purpose=str(number), object_id=1, token_hash=bytes([number]), created_at=now, expires_at=expires_at
        )
    RateLimit.objects.create(key="ended", count=1, window_ends_at=now)
    RateLimit.objects.create(key="open", count=1, window_ends_at=now + minute)

    worker.tidy(now=now)

    assert set(DBTaskResult.objects.values_list("pk", flat=True)) == set(kept)
    assert set(MailLink.objects.values_list("purpose", flat=True)) == {"0", "1"}
    assert list(RateLimit.objects.values_list("key", flat=True)) == ["open"]
    assert len(removed) == 3


@outside_a_transaction
def test_what_breaks_the_mailing_list_holds_up_no_letter(sink, settings, monkeypatch, caplog):
    def full(**_said):
        raise OSError(28, "No space left on device")

    settings.SENDS_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    monkeypatch.setattr(worker.mailings, "look_back", full)
    make_letter(next_attempt_at=timezone.now())

    assert worker.Worker().turn() is False

    assert (len(sink.accepted), "The mailing list's turn failed" in caplog.text) == (1, True)
