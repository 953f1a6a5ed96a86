"""Real workers brought to an exact place of their work and killed there, and what must hold afterwards.

Nothing waits for a time to pass: a worker is held by a lock of the database or by the mail server, until it is killed.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from clinic.models import User
from newsletter.models import Delivery
from newsletter.services import ledger, reconciling
from tests.appointments.test_faults import ask, somebody_holds
from tests.clinic.test_worker import PATIENCE, database_url, until
from tests.newsletter.sending import receivers, send_all

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY = "0123456789" * 6
STUCK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE %s
"""
END_STUCK = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class Gate:
    """Lets the first `passes` by and holds whoever comes after, until it is opened; `held` says who, in order."""

    def __init__(self, passes=0, *, seen=lambda who: None):
        self.held = []
        self._passes, self._seen = passes, seen
        self._lock, self._open = threading.Lock(), threading.Event()

    def __call__(self, who):
        with self._lock:
            if self._passes > 0:
                self._passes -= 1
                return
            self._seen(who)
            self.held.append(who)
        self._open.wait(PATIENCE)

    def open(self):
        self._open.set()


def production(sink, url):
    """The environment of a process that sends for the database at `url`."""
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "clinic.settings",
        "DATABASE_URL": url,
        "SECRET_KEY": SECRET_KEY,
        "ALLOWED_HOSTS": "elmstreet.example",
        "BASE_URL": "https://elmstreet.example",
        "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
        "DEFAULT_FROM_EMAIL": "news@elmstreet.example",
        "VAR_FOLDER": str(settings.VAR),
    }


class Nursery:
    """Where workers for one database begin (see nursery.py). It ends with this process, which holds its input."""

    def __init__(self, environment):
        command = [sys.executable, "-m", "tests.newsletter.nursery"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)

    def ask(self, **told):
        print(json.dumps(told), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


NURSERIES = {}


class Worker:
    """A production worker; `code` is with which it ended."""

    def __init__(self, nursery, sink):
        self._nursery, self._code = nursery, None
        self._pid = nursery.ask(port=sink.port, var=str(settings.VAR))

    @property
    def code(self):
        if self._code is None:
            self._code = self._nursery.ask(ended=self._pid)
        return self._code

    def signal(self, number):
        # Until its code has been asked for, nobody else has its number.
        if self._code is None:
            os.kill(self._pid, number)


@contextlib.contextmanager
def workers(sink, count, *, url=None):
    """So many production workers, on the tests' database unless `url` names another. The rest is killed at the end."""
    url = url or database_url()
    if url not in NURSERIES:
        NURSERIES[url] = Nursery(production(sink, url))
    started = [Worker(NURSERIES[url], sink) for _number in range(count)]
    try:
        yield started
    finally:
        kill(started)


def kill(started):
    for worker in started:
        worker.signal(signal.SIGKILL)
    for worker in started:
        until(lambda worker=worker: worker.code is not None)


@contextlib.contextmanager
def lined_up(count):
    """So many workers wait for leave to send, nobody of them ahead; at the end of the block they have it."""
    with somebody_holds("SELECT 1 FROM newsletter_pace FOR UPDATE"):
        until(lambda: stuck("%newsletter_pace%") == count)
        yield


def stuck(query="%"):
    """How many sessions wait for another's lock with such a statement."""
    ((count,),) = ask(STUCK, query)
    return count


def end_stuck():
    """As if their network were cut: what they waited to write is not written."""
    ask(END_STUCK)
    until(lambda: stuck() == 0)


def addresses(campaign, *states):
    return set(campaign.deliveries.filter(state__in=states).values_list("subscriber__email", flat=True))


def assert_told_apart(campaign, sink, in_flight):
    """After a crash with these letters in flight: everybody else gets one, these are uncertain, a person decides.

    The person looks into the mail server's log, and everybody has exactly one letter then.
    """
    everybody = addresses(campaign, *Delivery.State)
    assert addresses(campaign, "sending") == in_flight

    send_all(timezone.now(), seconds=PATIENCE)
    assert addresses(campaign, "accepted") == everybody - in_flight
    assert_once_at_most(sink)

    # Not before the leases are over: somebody may still be at it.
    assert ledger.mark_cut_off(now=timezone.now()) == 0
    assert ledger.mark_cut_off(now=timezone.now() + ledger.LEASE) == len(in_flight)
    assert addresses(campaign, "uncertain") == in_flight
    before = receivers(sink)
    send_all(timezone.now() + ledger.LEASE, seconds=PATIENCE)
    assert receivers(sink) == before

    settle(campaign, set(receivers(sink)))
    assert receivers(sink) == sorted(everybody)
    assert ledger.tally(campaign) == {"accepted": len(everybody)}


def settle(campaign, have_it):
    """For every uncertain letter, as the mail server's log says; then those that it never got are sent."""
    by, now = User.objects.get(), timezone.now()
    reconciling.arrived(campaign.deliveries.filter(subscriber__email__in=have_it), by=by)
    reconciling.send_again(campaign.deliveries.filter(state="uncertain"), by=by, now=now)
    send_all(now, seconds=PATIENCE)


def assert_once_at_most(sink):
    assert len(receivers(sink)) == len(set(receivers(sink)))
