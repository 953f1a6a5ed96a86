"""The worker: runs tasks, and every few seconds finds by query what is due.

Tasks only wake it. Whatever must not be lost is a row that says itself what is due, so a worker that is killed
at any moment loses nothing that the next one would not find.
"""

import logging
import os
import signal
import threading
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker as TaskRunner
from django_tasks_db.models import DBTaskResult

from appointments.services import upkeep
from clinic import images, letters, mail_links, rate_limits
from clinic.models import Image, WorkerHeartbeat
from newsletter.services import upkeep as mailings
from newsletter.services.sending import Mailer

INTERVAL = 2.0
LONGEST_SWEEP = timedelta(seconds=15)
LONGEST_MAILING = timedelta(seconds=5)
SWEEP_LOCK = 0x636C696E6963  # "clinic": one worker at a time looks for due work
TIDY_EVERY = timedelta(hours=1)

log = logging.getLogger("clinic.worker")


class Worker:
    """One process's loop. `stop()` lets the job in hand end first."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._tidied_at: datetime | None = None
        self._has_looked_back = False
        self._trouble = ""
        self._mailer = Mailer(clock=timezone.now)
        self._tasks = TaskRunner(
            queue_names=["*"],
            excluded_queue_names=[],
            backend_name="default",
            worker_id=f"worker-{os.getpid()}",
            batch=True,
            interval=0,
            startup_delay=False,
            max_tasks=None,
        )

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause = INTERVAL
        while not self._stopping.is_set():
            try:
                pause = 0.0 if self.turn() else INTERVAL
            except (InterfaceError, OperationalError) as error:
                connection.close()
                pause = min(max(pause, INTERVAL) * 2, 30.0)
                log.warning("The database is away (%s); trying again in %.0f s.", type(error).__name__, pause)
            except Exception:
                # What one job did wrong must not stop the others.
                log.exception("A job failed; the worker goes on.")
                pause = INTERVAL
            self._stopping.wait(pause)

    def stop(self, number: int = 0, frame: object = None) -> None:
        self._stopping.set()
        self._tasks.running = False
        # A second signal ends the process at once.
        signal.signal(number or signal.SIGTERM, signal.SIG_DFL)

    def turn(self) -> bool:
        """One round: heartbeat, all ready tasks, due work unless another worker is at it, and a while of the mailings.

        Returns whether a mailing is under way and wants the next round at once.
        """
        close_old_connections()
        self._beat()
        self._tasks.run()
        self._sweep_alone()
        try:
            return self._mailing_list()
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            # A full disk, say: what stops the newsletter must never stop the letters of appointments.
            log.exception("The mailing list's turn failed; the worker goes on.")
            return False

    def _mailing_list(self) -> bool:
        """Every worker's: each row there is locked or leased by whoever is at it."""
        try:
            if not self._has_looked_back:
                # Before anything is sent: the database may have been brought back from a copy.
                mailings.look_back(now=timezone.now())
                self._has_looked_back = True
        except OSError as error:
            self._cannot_write(error)
        until = timezone.now() + LONGEST_MAILING
        # No list is brought in before: it might hold somebody of whom only the journal knows that they have left.
        mailings.sweep(now=timezone.now(), goes_on=lambda: self._has_looked_back and self._goes_on(until))
        return self._has_looked_back and self._send()

    def _send(self) -> bool:
        until = timezone.now() + LONGEST_MAILING
        try:
            has_more = self._mailer.turn(goes_on=lambda: self._goes_on(until))
        except OSError as error:
            self._cannot_write(error)
            return False
        self._trouble = ""
        return has_more

    def _cannot_write(self, error: OSError) -> None:
        """No newsletter leaves, and the next turn looks back again. What it says in the log it says once."""
        self._has_looked_back = False
        if str(error) != self._trouble:
            log.error("The mailing list's turn failed; no newsletter leaves: %s", error)
        self._trouble = str(error)
        self._mailer.rest(error)

    def _sweep_alone(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
            if not cursor.fetchone()[0]:
                return
        try:
            self._sweep()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])

    def _beat(self) -> None:
        beat = WorkerHeartbeat(pk=1, beat_at=timezone.now())
        WorkerHeartbeat.objects.bulk_create(
            [beat], update_conflicts=True, unique_fields=["id"], update_fields=["beat_at"]
        )

    def _sweep(self) -> None:
        """Stops early when it takes long, so that heartbeat and tasks have their turn."""
        until = timezone.now() + LONGEST_SWEEP
        # First, and at most so many: a slow mail server must not keep a reminder from being written.
        upkeep.sweep(now=timezone.now(), goes_on=lambda: self._goes_on(until))
        letters.take_up_cut_off(now=timezone.now())
        while self._goes_on(until) and letters.send_next(now=timezone.now()):
            pass
        for image in Image.objects.waiting()[:20]:
            if not self._goes_on(until):
                return
            images.render(image, now=timezone.now())
        if self._tidied_at is None or timezone.now() - self._tidied_at > TIDY_EVERY:
            tidy(now=timezone.now())
            self._tidied_at = timezone.now()

    def _goes_on(self, until: datetime) -> bool:
        return not self._stopping.is_set() and timezone.now() < until


def tidy(*, now: datetime) -> None:
    """Removes what has served its purpose: ended tasks and windows, links long expired."""
    ended = Q(finished_at__lt=now - timedelta(days=7))
    lost = Q(status="RUNNING", started_at__lt=now - timedelta(days=1))
    Session.objects.filter(expire_date__lt=now).delete()
    with transaction.atomic():
        DBTaskResult.objects.filter(ended | lost).delete()
        rate_limits.forget_ended(now=now)
        mail_links.forget_expired(now=now)
        mailings.tidy(now=now)
