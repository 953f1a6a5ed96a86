"""Workers that are killed, and a database that goes away, at every stage of a letter, against a real SMTP server.

Nobody is skipped, nobody is written to twice without a person's decision, and the uncertain are those in flight. A
database killed in the middle of a mailing is in test_database_killed.py; its long form here is marked `cluster`:
pytest -m cluster. What each guard is for shows test_sending_guards.py, and each brake test_sending_brakes.py.
"""

import contextlib
import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from clinic import cluster
from newsletter.models import Campaign, Delivery
from newsletter.services import campaigns, freezing, ledger
from newsletter.services.sending import Mailer, mailer
from tests import mail_sink
from tests.appointments.race import ROUNDS
from tests.appointments.test_faults import CUT, ask, at_each_row_of, cut_off, somebody_holds
from tests.clinic.test_worker import until
from tests.factories import NOON, make_campaign, make_practice, make_subscriber, manager
from tests.newsletter.killed import (
    ROOT,
    SECRET_KEY,
    Gate,
    addresses,
    assert_once_at_most,
    assert_told_apart,
    end_stuck,
    kill,
    lined_up,
    production,
    stuck,
    workers,
)
from tests.newsletter.sending import TEXT, begun, receivers, send_all, states

pytestmark = pytest.mark.django_db(transaction=True)
# How many letters have been sent when the next of each worker is held.
BEFORE = 3
KILLS = 2


@pytest.fixture
def sink(settings):
    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        settings.DEFAULT_FROM_EMAIL = "news@elmstreet.example"
        settings.SECRET_KEY = SECRET_KEY
        yield sink


# kill -9 of a worker: each function brings so many workers to one place, kills them and says whose letters they had in
# hand


def before_claiming(campaign, sink, count):
    with workers(sink, count) as started, lined_up(count):
        kill(started)
        end_stuck()
    return set()


def before_the_network(campaign, sink, count):
    killed_at("MAIL", sink, count)
    # The mail server has not been told yet whose they are.
    return exactly(count, addresses(campaign, "sending"))


def before_the_text(campaign, sink, count):
    return set(killed_at("RCPT", sink, count))


def during_the_text(campaign, sink, count):
    """Every second of the letters the server has taken, and nobody has heard that."""
    is_taken = itertools.cycle([True, False])
    messages = killed_at("DATA", sink, count, seen=lambda one: next(is_taken) and sink.accepted.append(one))
    return {message["To"] for message in messages}


def before_it_is_written_down(campaign, sink, count):
    """The server has taken them."""
    return killed_while_writing(campaign, sink, count, meanwhile=end_stuck)


def after_it_was_written_down(campaign, sink, count):
    """The database ends the statement of a dead worker: the result is there, and the next letter has been claimed."""
    return killed_while_writing(campaign, sink, count, meanwhile=lambda: None)


STAGES = [
    before_claiming,
    before_the_network,
    before_the_text,
    during_the_text,
    before_it_is_written_down,
    after_it_was_written_down,
]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("count", [1, 4])
def test_killed_workers_leave_uncertain_what_was_in_flight_and_nothing_else(sink, stage, count):
    campaign, _people = begun(count=BEFORE + 2 * count + 3, at=timezone.now())

    in_flight = stage(campaign, sink, count)

    assert len(in_flight) == (0 if stage == before_claiming else count)
    assert_told_apart(campaign, sink, in_flight)


def killed_at(command, sink, count, **gate):
    """What the server was told with that command by those who are killed."""
    gate = sink.at[command] = Gate(BEFORE, **gate)
    with workers(sink, count) as started:
        line_up_and_go(count)
        until(lambda: len(gate.held) == count)
        kill(started)
    until(lambda: sink.lines == 0)
    gate.open()
    sink.at.clear()
    return gate.held


def killed_while_writing(campaign, sink, count, *, meanwhile):
    gate = sink.at["DATA"] = Gate(BEFORE)
    with workers(sink, count) as started:
        line_up_and_go(count)
        until(lambda: len(gate.held) == count)
        with somebody_holds("SELECT 1 FROM newsletter_delivery WHERE state = 'sending' FOR UPDATE"):
            gate.open()
            until(lambda: stuck("%newsletter_claim%") == count)
            kill(started)
            meanwhile()
    sink.at.clear()
    until(lambda: stuck() == 0 and idle_alone())
    return addresses(campaign, "sending")


def line_up_and_go(count):
    with lined_up(count):
        pass


def idle_alone():
    """Of the dead workers' sessions none is at work any more."""
    question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
    return ask(question) == [(1,)]


def exactly(count, found):
    assert len(found) == count
    return found


def test_sigterm_ends_the_letter_in_hand_and_leaves_nothing_uncertain(sink):
    campaign, _people = begun(count=BEFORE + 5, at=timezone.now())
    gate = sink.at["DATA"] = Gate(BEFORE)

    with workers(sink, 2) as started:
        line_up_and_go(2)
        until(lambda: len(gate.held) == 2)
        for worker in started:
            worker.signal(signal.SIGTERM)
        gate.open()
        until(lambda: None not in [worker.code for worker in started])
        assert [worker.code for worker in started] == [0, 0]

    assert ledger.tally(campaign) == {"accepted": BEFORE + 2, "queued": 3}
    assert_told_apart(campaign, sink, set())


def test_four_workers_start_a_campaign_once_and_send_each_letter_once(sink):
    campaign = scheduled(count=60, now=timezone.now())

    with workers(sink, 4):
        until(lambda: Campaign.objects.get().state == "sent")

    assert list(campaign.steps.values_list("kind", flat=True)) == ["released", "started", "finished"]
    assert receivers(sink) == sorted(addresses(campaign, "accepted"))
    assert ledger.tally(campaign) == {"accepted": 60}


# The start: recipients are frozen in full or not at all, and once


@pytest.mark.parametrize(
    ("table", "constraint"),
    [("newsletter_delivery", ""), ("newsletter_delivery", "CONSTRAINT"), ("newsletter_pace", "CONSTRAINT")],
    ids=["in the middle", "when all are there", "at the commit"],
)
def test_a_start_that_is_cut_off_freezes_nobody_and_is_made_again(sink, monkeypatch, table, constraint):
    campaign = scheduled(count=5)
    monkeypatch.setattr(freezing, "AT_ONCE", 2)
    third = f"IF (SELECT count(*) FROM newsletter_delivery) > 2 THEN {CUT} END IF;"

    with at_each_row_of(table, third, constraint=constraint):
        cut_off(partial(campaigns.begin_due, now=NOON))
    campaign.refresh_from_db()
    assert (campaign.state, campaign.content, campaign.recipients) == ("scheduled", None, None)
    assert (campaign.deliveries.count(), campaign.steps.count()) == (0, 1)

    campaigns.begin_due(now=NOON)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipients, campaign.deliveries.count()) == ("sending", 5, 5)
    send_all()
    assert receivers(sink) == sorted(addresses(campaign, "accepted"))


def test_of_four_who_start_a_campaign_at_once_one_does_and_the_others_go_on(sink):
    campaign = scheduled(count=5)

    with ThreadPoolExecutor(4) as crowd:
        with somebody_holds("LOCK newsletter_delivery IN SHARE MODE"):
            asked = [crowd.submit(alone, partial(campaigns.begin_due, now=NOON)) for _number in range(4)]
            until(lambda: stuck("%INTO newsletter_delivery%") == 1)
            until(lambda: sum(one.done() for one in asked) == 3)
            assert Campaign.objects.get().state == "scheduled"
        for one in asked:
            one.result()

    campaign.refresh_from_db()
    assert list(campaign.steps.values_list("kind", flat=True)) == ["released", "started"]
    assert (campaign.recipients, ledger.tally(campaign)) == (5, {"queued": 5})


# The connection to the database is cut


def test_cut_at_the_claim_nobody_is_in_flight(sink):
    campaign, _people = begun()
    sender = Mailer(clock=timezone.now)

    with when_a_letter_becomes("sending"):
        cut_off(partial(turn, sender))
    assert (states(campaign), sink.accepted) == (["queued"] * 3, [])

    turn(sender)
    assert_all_sent_once(campaign, sink)


@pytest.mark.parametrize("constraint", ["", "CONSTRAINT"], ids=["in the middle", "at the commit"])
def test_cut_while_the_result_is_written_it_is_written_at_the_next_turn(sink, constraint):
    campaign, _people = begun()
    sender = Mailer(clock=timezone.now)

    with when_a_letter_becomes("accepted", constraint=constraint):
        cut_off(partial(turn, sender))
        assert (states(campaign), len(sink.accepted)) == (["sending", "queued", "queued"], 1)
        # Away still, and still known.
        cut_off(partial(turn, sender))

    turn(sender)
    assert_all_sent_once(campaign, sink)


def test_cut_while_asking_for_leave_to_go_on_the_result_is_not_forgotten(sink, monkeypatch):
    campaign, _people = begun()
    sender = Mailer(clock=timezone.now)
    monkeypatch.setattr(mailer, "MOST_TOKENS", 1)
    # The first letter has leave already.
    second = f"IF EXISTS (SELECT FROM newsletter_delivery WHERE state = 'sending') THEN {CUT} END IF;"

    with at_each_row_of("newsletter_pace", second, when="AFTER UPDATE"):
        cut_off(partial(turn, sender))
    assert (states(campaign), len(sink.accepted)) == (["sending", "queued", "queued"], 1)

    turn(sender)
    assert_all_sent_once(campaign, sink)


def test_cut_while_a_dead_address_is_taken_off_the_list_its_refusal_is_not_forgotten(sink):
    campaign, _people = begun()
    sender = Mailer(clock=timezone.now)
    sink.answers.append("550 5.1.1 Nobody of that name")

    with at_each_row_of("newsletter_suppression", CUT):
        cut_off(partial(turn, sender))
    turn(sender)

    assert states(campaign) == ["failed", "accepted", "accepted"]


@pytest.mark.parametrize("times", [2 * ROUNDS])
def test_the_sessions_of_four_workers_are_cut_again_and_again(sink, times):
    campaign, _people = begun(count=15 * times, at=timezone.now())
    ours, numbers = connection.connection.get_backend_pid(), itertools.count(1)

    one_at_a_time = threading.Lock()

    def cut_all(message):
        """Each tenth letter, while others are wherever they are."""
        if next(numbers) % 10 == 0:
            # Else who cuts would be cut.
            with one_at_a_time:
                ask(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid NOT IN (%s, pg_backend_pid())",
                    ours,
                )

    sink.at["DATA"] = cut_all
    with ThreadPoolExecutor(4) as crowd:
        ended = threading.Event()
        senders = [crowd.submit(alone, partial(send_until, ended)) for _number in range(4)]
        until(lambda: not campaign.deliveries.waiting().exists() or any(one.done() for one in senders))
        sink.at.clear()
        ended.set()
        cuts = sum(one.result() for one in senders)
    assert times <= cuts

    in_flight = addresses(campaign, "sending")
    # What the server took was written down, sooner or later; a claim whose commit was not heard of may be left.
    assert in_flight & set(receivers(sink)) == set()
    assert_told_apart(campaign, sink, in_flight)


@pytest.mark.cluster
def test_a_database_that_is_killed_again_and_again_loses_nobody_and_doubles_nobody(sink, folder):
    with cluster.running(folder / "postgres") as url:
        run_part(sink, url, "prepare", "400", "3000")

    with workers(sink, 4, url=url) as started:
        for _time in range(KILLS):
            with cluster.running(folder / "postgres") as same:
                assert same == url
                before = len(sink.accepted)
                until(lambda before=before: len(sink.accepted) >= before + 60)
                os.kill(int((folder / "postgres/data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
                until(lambda: is_gone(folder / "postgres"))
        with cluster.running(folder / "postgres"):
            # What the server took was written down, sooner or later, by the worker that heard it.
            until(lambda: not known(url, "queued", "retry") and not known(url, "sending") & set(receivers(sink)))
            kill(started)
            lines = json.loads(run_part(sink, url, "judge"))
            told = sorted(address for address, state in lines.items() if state == "accepted")
            uncertain = sorted(address for address, state in lines.items() if state == "uncertain")
            assert (len(lines), sorted(told + uncertain), receivers(sink)) == (400, sorted(lines), told)
            # Each worker may have lost the database between a claim's commit and its answer.
            assert len(uncertain) <= 4 * KILLS

            run_part(sink, url, "settle", given="\n".join(told))
            assert receivers(sink) == sorted(lines)


@pytest.fixture
def folder():
    """Not pytest's: each pytest that starts on this machine closes that to the account that stands in for root."""
    with tempfile.TemporaryDirectory(prefix="clinic-tests-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def is_gone(folder):
    """The server and all its sessions, which end a moment after it."""
    with open(folder / "server.lock") as server, contextlib.suppress(BlockingIOError):
        fcntl.flock(server, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def run_part(sink, url, *what, given=""):
    command = [sys.executable, "-m", "tests.newsletter.mailing", *what]
    pipes = {"input": given, "capture_output": True, "text": True}
    done = subprocess.run(command, cwd=ROOT, env=production(sink, url), check=False, timeout=120, **pipes)
    assert done.returncode == 0, done.stderr
    return done.stdout


def known(url, *states):
    """The addresses that the ledger of another database has in these states."""
    with contextlib.closing(psycopg2.connect(url)) as other, other.cursor() as cursor:
        cursor.execute(
            "SELECT email FROM newsletter_subscriber person JOIN newsletter_delivery ON subscriber_id = person.id "
            "WHERE newsletter_delivery.state = ANY(%s)",
            [list(states)],
        )
        return {email for (email,) in cursor.fetchall()}


def send_until(ended):
    """A worker's loop; returns how often the database was away."""
    sender, cuts = Mailer(clock=timezone.now), 0
    while True:
        try:
            turn(sender, goes_on=lambda: not ended.is_set())
            if ended.wait(0.02):
                return cuts
        except (OperationalError, InterfaceError):
            cuts += 1
            connection.close()


def turn(sender, *, goes_on=lambda: True):
    sender.turn(goes_on=goes_on)


def alone(task):
    """In a thread with a connection of its own."""
    try:
        return task()
    finally:
        connection.close()


def scheduled(*, count, now=NOON):
    make_practice()
    for number in range(count):
        make_subscriber(email=f"reader-{number}@example.com")
    campaign = make_campaign(blocks=[TEXT], rate_per_minute=60_000)
    campaigns.start(campaign, by=manager(), now=now)
    return campaign


def when_a_letter_becomes(state, **fault):
    return at_each_row_of(
        "newsletter_delivery", f"IF NEW.state = '{state}' THEN {CUT} END IF;", when="AFTER UPDATE", **fault
    )


def assert_all_sent_once(campaign, sink):
    assert_once_at_most(sink)
    assert states(campaign) == [Delivery.State.ACCEPTED] * 3
    assert receivers(sink) == sorted(addresses(campaign, "accepted"))
