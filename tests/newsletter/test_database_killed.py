"""A database that is killed in the middle of a mailing and started again: nobody is skipped, nobody has two letters.

One round, on a server of its own. The long form, with workers as processes, is in test_sending_killed.py.
"""

import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from clinic import cluster, env
from newsletter.services import ledger
from newsletter.services.sending import Mailer
from tests.clinic.test_worker import PATIENCE, database_url, until
from tests.newsletter.killed import Gate, addresses, assert_told_apart
from tests.newsletter.sending import begun, receivers
from tests.newsletter.test_sending_killed import folder, is_gone, sink  # noqa: F401 -- fixtures

WORKERS, PEOPLE, BEFORE = 2, 60, 15


@pytest.fixture
def move(monkeypatch):
    """Copies what stands in the tests' database to another, and from then on Django asks that one."""

    def move(url):
        programs = cluster._programs()
        into = [programs / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--output", os.devnull, "--dbname", url]
        # Killed is the server and not the machine, which keeps what was written without waiting for its disk.
        subprocess.run([*into, "-c", "ALTER DATABASE clinic SET synchronous_commit = on"], check=True)
        dump = [programs / "pg_dump", "--no-owner", "--dbname", database_url()]
        copy = subprocess.run(dump, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run([*into, "--single-transaction"], input=copy, check=True)
        connection.close()
        for name, value in env.database("the other", url).items():
            monkeypatch.setitem(connection.settings_dict, name, value)

    yield move
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_killed_while_letters_are_on_the_line_and_again_wherever_they_are(sink, folder, move):  # noqa: F811 -- fixtures
    campaign, _people = begun(count=PEOPLE, at=timezone.now())
    place, ended = folder / "postgres", threading.Event()
    started = partial(cluster.running, place, throwaway=True)
    gate = sink.at["DATA"] = Gate(BEFORE)

    with ThreadPoolExecutor(WORKERS) as crowd:
        try:
            with started() as url:
                move(url)
                working = [crowd.submit(work, ended) for _number in range(WORKERS)]
                until(lambda: len(gate.held) == WORKERS)
                kill(place)
                gate.open()
                # The mail server takes them, and nobody can write that down.
                until(lambda: len(sink.accepted) == BEFORE + WORKERS)
            killed = threading.Event()
            sink.at["DATA"] = Gate(BEFORE, seen=lambda _message: killed.is_set() or kill(place) or killed.set())
            sink.at["DATA"].open()
            with started():
                until(lambda: killed.is_set() or any(one.done() for one in working))
                assert killed.is_set(), [one.result() for one in working if one.done()]
            with started():
                until(lambda: not campaign.deliveries.waiting().exists())
                ended.set()
                # Each has lost it with a result in hand, and one at least once more.
                assert sum(one.result(PATIENCE) for one in working) > WORKERS
                # What the mail server took is written down, by the worker that heard it, and nothing of that is lost.
                assert addresses(campaign, "accepted") == set(receivers(sink))
                in_flight = addresses(campaign, "sending")
                # Each may have lost it between a claim's commit and its answer.
                assert len(in_flight) <= WORKERS
                assert_told_apart(campaign, sink, in_flight)
                assert ledger.tally(campaign) == {"accepted": PEOPLE}
                connection.close()
        finally:
            ended.set()
            gate.open()


def kill(place):
    os.kill(int((place / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    until(lambda: is_gone(place))


def work(ended):
    """A worker's loop; returns how often the database was away."""
    sender, cuts = Mailer(clock=timezone.now), 0
    try:
        while True:
            try:
                sender.turn(goes_on=lambda: not ended.is_set())
                if ended.wait(0.02):
                    return cuts
            except (OperationalError, InterfaceError):
                cuts += 1
                connection.close()
                ended.wait(0.1)
    finally:
        connection.close()
