"""The connection, the worker or the database goes away in the middle: nothing is stored by half, the next one works.

The long form, a database killed under a stream of bookings, is marked `cluster`: pytest -m cluster.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections

from appointments.availability import reading
from appointments.models import Allocation, Appointment, Change, Patient
from appointments.services import claims, diary
from appointments.services.diary import rows
from clinic import cluster
from clinic.models import Letter
from tests.appointments.race import (
    HOUR,
    MINUTE,
    NINE,
    NOW,
    assert_diary_is_sound,
    at_once,
    book,
    details,
    hold,
    make_house,
    move,
    standing,
)
from tests.clinic.test_worker import running_worker, sink, until  # noqa: F401 -- a fixture

ROOT = Path(__file__).resolve().parents[2]
STORED = [Appointment, Allocation, Change, Patient, Letter]
outside_a_transaction = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(db):
    return make_house()


def stored():
    return {model.__name__: model.objects.count() for model in STORED}


def ask(question, *values):
    """On a connection of its own."""
    own = connection.settings_dict
    with psycopg2.connect(
        dbname=own["NAME"], user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"] or None
    ) as other:
        other.autocommit = True
        with other.cursor() as cursor:
            cursor.execute(question, values)
            return cursor.fetchall() if cursor.description else None


@contextmanager
def at_each_row_of(table, what, *, when="AFTER INSERT", constraint=""):
    """The database itself does this at the moment that a row is written: a fault at an exact place."""
    ask(f"CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} RETURN NULL; END $$")
    ask(f"CREATE {constraint} TRIGGER fault {when} ON {table} {constraint and 'DEFERRABLE INITIALLY DEFERRED'} "
        "FOR EACH ROW EXECUTE FUNCTION fault()")  # fmt: skip
    try:
        yield
    finally:
        ask("DROP FUNCTION fault() CASCADE")


CUT = "PERFORM pg_terminate_backend(pg_backend_pid());"


def cut_off(task):
    (answer,) = at_once([task])
    assert isinstance(answer, OperationalError | InterfaceError), repr(answer)


@outside_a_transaction
@pytest.mark.parametrize(
    "table",
    ["clinic_ratelimit", "clinic_letter", "appointments_patient", "appointments_appointment",
     "appointments_allocation", "appointments_change"],
)  # fmt: skip
def test_a_booking_that_is_cut_off_leaves_nothing_and_can_be_made_again(house, table):
    with at_each_row_of(table, CUT):
        cut_off(partial(book, house.visit, NINE))
    assert stored() == dict.fromkeys(stored(), 0)
    assert book(house.visit, NINE).status == "confirmed"
    assert_diary_is_sound()


@outside_a_transaction
def test_a_booking_that_is_cut_off_at_its_commit_leaves_nothing(house):
    with at_each_row_of("appointments_change", CUT, constraint="CONSTRAINT"):
        cut_off(partial(book, house.visit, NINE))
    assert stored() == dict.fromkeys(stored(), 0)


@outside_a_transaction
@pytest.mark.parametrize("table", ["clinic_letter", "appointments_patient", "appointments_change"])
def test_a_confirmation_that_is_cut_off_leaves_the_hold_as_it_was(house, table):
    held = hold(house.visit, NINE)
    before = stored()
    confirm = partial(diary.confirm_hold, appointment=held.pk, details=details(1), now=NOW)
    with at_each_row_of(table, CUT):
        cut_off(confirm)
    held.refresh_from_db()
    assert (stored(), held.status, held.patient) == (before, "held", None)
    assert confirm().status == "confirmed"
    assert_diary_is_sound()


@outside_a_transaction
@pytest.mark.parametrize("table", ["appointments_allocation", "appointments_change"])
def test_a_move_that_is_cut_off_keeps_the_old_time(house, table):
    appointment = book(house.visit, NINE)
    with at_each_row_of(table, CUT):
        cut_off(partial(move, appointment, NINE + HOUR))
    assert standing(NINE).get() == appointment
    assert_diary_is_sound()
    assert move(appointment, NINE + HOUR).starts_at == NINE + HOUR


@outside_a_transaction
def test_a_connection_that_is_cut_between_hold_and_confirmation_is_not_noticed(house):
    held = hold(house.visit, NINE)
    ask("SELECT pg_terminate_backend(%s)", connection.connection.get_backend_pid())
    # As Django does when a request begins.
    close_old_connections()
    assert diary.confirm_hold(appointment=held.pk, details=details(1), now=NOW).status == "confirmed"


@contextmanager
def somebody_holds(*statements):
    """Another session that has done this in a transaction and does not end it."""
    other = connections["default"].copy()
    with other.cursor() as cursor:
        other.set_autocommit(False)
        for statement in statements:
            cursor.execute(statement)
        try:
            yield
        finally:
            other.rollback()
            other.close()


@pytest.fixture
def impatient(monkeypatch):
    """A twentieth of the time that is really waited for a lock."""
    for module, name in ((claims, "LOCK"), (rows, "LOCK_ROW"), (reading, "HOLD_HOURS")):
        patient = getattr(module, name)
        assert "'3s'" in patient
        monkeypatch.setattr(module, name, patient.replace("'3s'", "'150ms'"))


@outside_a_transaction
@pytest.mark.parametrize(
    "stuck",
    ["SELECT pg_advisory_xact_lock(7343, {person})", "SELECT pg_advisory_xact_lock(7342, 0)",
     "UPDATE appointments_resourcehours SET weekday = 0"],
    ids=["somebody books the same person", "hours are locked", "hours are changed"],
)  # fmt: skip
def test_who_waits_too_long_is_told_that_the_diary_is_busy_and_leaves_nothing(house, impatient, stuck):
    with somebody_holds(stuck.format(person=house.people[0].pk)):
        began = time.monotonic()
        with pytest.raises(diary.DiaryBusy):
            book(house.visit, NINE)
        assert 3 * 0.15 <= time.monotonic() - began < 8
    assert stored() == dict.fromkeys(stored(), 0)
    assert book(house.visit, NINE).status == "confirmed"


@outside_a_transaction
@pytest.mark.parametrize("step", ["confirm", "move", "cancel"])
def test_who_waits_too_long_for_an_appointment_is_told_so(house, impatient, step):
    appointment = hold(house.visit, NINE) if step == "confirm" else book(house.visit, NINE)
    steps = {
        "confirm": partial(diary.confirm_hold, appointment=appointment.pk, details=details(1), now=NOW),
        "move": partial(move, appointment, NINE + HOUR),
        "cancel": partial(diary.cancel, appointment=appointment.pk, by=None, now=NOW),
    }
    with (
        somebody_holds(f"SELECT 1 FROM appointments_appointment WHERE id = {appointment.pk} FOR UPDATE"),
        pytest.raises(diary.DiaryBusy),
    ):
        steps[step]()
    steps[step]()
    assert_diary_is_sound()


@outside_a_transaction
def test_a_worker_that_is_killed_while_it_ends_holds_has_ended_none_and_the_next_ends_all(house, sink):  # noqa: F811 -- the fixture
    later = NOW + 11 * MINUTE
    held = [hold(house.visit, NINE + number * HOUR) for number in range(5)]
    # Clocks of the worker are real: for it all of them ran out long ago.
    with at_each_row_of("appointments_change", "PERFORM pg_sleep(2);"), running_worker(sink) as worker:
        until(lambda: ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != [(0,)])
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        until(lambda: ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == [(0,)])
    assert standing().count() == len(held)
    assert_diary_is_sound()
    assert diary.release_run_out(now=later) == len(held)
    assert not Allocation.objects.filter(blocking=True).exists()
    assert_diary_is_sound()


def start(part, url, folder, **pipes):
    environment = {
        "PATH": os.environ["PATH"],
        "EMBEDDED_DATABASE_URL": url,
        "SECRET_KEY": "only-for-the-tests-" + "0" * 40,
        "VAR_FOLDER": str(folder / "var"),
    }
    command = [sys.executable, "-m", "tests.appointments.stream", part]
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)


def read(process, answers):
    for line in process.stdout:
        answers.append(line.strip())


def run_part(part, url, folder, given=""):
    with start(part, url, folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said, wrong = process.communicate(given, timeout=120)
        assert process.returncode == 0, wrong
        return said


def book_until_killed(folder, url, *, most):
    """The references that four processes were given before the server was killed with SIGKILL."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    clients = [start("book", url, folder, **pipes) for _n in range(4)]
    answers = []
    readers = [threading.Thread(target=read, args=[client, answers]) for client in clients]
    try:
        for reader in readers:
            reader.start()
        until(lambda: len(answers) >= most or any(client.poll() is not None for client in clients))
        assert all(client.poll() is None for client in clients), "A client ended before the database did."
        os.kill(int((folder / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        for client in clients:
            client.wait(30)
    finally:
        for client in clients:
            client.kill()
            client.wait()
        for reader in readers:
            reader.join()
    return answers


@pytest.mark.cluster
def test_of_a_database_that_is_killed_again_and_again_no_booking_that_was_answered_is_lost(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    for path in (folder, folder.parent):
        path.chmod(0o711)  # the account that stands in for root has to pass through
    answers = []
    with cluster.running(folder / "postgres") as url:
        run_part("prepare", url, folder)
        answers += book_until_killed(folder, url, most=60)
    for _time in range(2):
        with cluster.running(folder / "postgres") as url:
            told, kept, lost = map(int, run_part("judge", url, folder, "\n".join(answers)).split())
            assert (told, lost) == (len(set(answers)), 0)
            # Each client may have been killed between the commit and its answer.
            assert told <= kept <= told + 4 * (1 + _time)
            answers += book_until_killed(folder, url, most=60)
