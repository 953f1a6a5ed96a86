"""The processes that `manage.py serve` runs: the web server and the worker, which live no longer than it does."""

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from django.conf import settings

# Each thread keeps a connection to the database; the web server's own default is 256 threads a process.
THREADS = 8
# Seconds
WEB_ANSWERS_WITHIN = 60.0
STOPS_WITHIN = 30.0  # the worker may be waiting 20 for a mail server
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # before a worker that died is started again
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Child = subprocess.Popen[bytes]


class WebServerEnded(Exception):
    """The message says how; without it there is nothing to go on for."""


def start_web_server() -> Child:
    return _start(
        *("-m", "granian", "--interface", "wsgi", "--host", settings.HOST, "--port", str(settings.PORT)),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
        *("--workers-kill-timeout", "10", "--log-level", "error", "--no-access-log", "clinic.wsgi:application"),
    )


def start_worker() -> Child:
    return _start("manage.py", "worker")


def _start(*arguments: str) -> Child:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    # A session of its own: Ctrl-C reaches the parent alone, which then stops its children in order.
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )


def wait_for_answer(web: Child) -> None:
    """Return when /healthz answers. Raises WebServerEnded, also when it takes more than a minute."""
    until = time.monotonic() + WEB_ANSWERS_WITHIN
    while not _answers():
        _check(web)
        if time.monotonic() > until:
            raise WebServerEnded(f"The web server does not answer on {settings.HOST}, port {settings.PORT}.")
        time.sleep(0.1)


def _answers() -> bool:
    """Asks this process's own web server, past any proxy, under the name that ALLOWED_HOSTS knows."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- a look-up, nothing is bound here
    asked = http.client.HTTPConnection(everywhere.get(settings.HOST, settings.HOST), settings.PORT, timeout=10)
    with contextlib.closing(asked), contextlib.suppress(OSError, http.client.HTTPException):
        asked.request("GET", "/healthz", headers={"Host": settings.BASE_URL.partition("//")[2]})
        return asked.getresponse().status == 200
    return False


def watch(running: list[Child], say: Callable[[str], object]) -> NoReturn:
    """Start the worker again whenever it dies, after a pause that grows. Raises WebServerEnded.

    `running` holds the web server and the worker, and is kept up to date for whoever stops them.
    """
    pause, started = FIRST_PAUSE, time.monotonic()
    while True:
        time.sleep(0.5)
        web, worker = running
        _check(web)
        if worker.poll() is None:
            continue
        lived = time.monotonic() - started
        pause = FIRST_PAUSE if lived > 2 * LONGEST_PAUSE else pause
        say(f"The worker ended ({_end(worker)}); it is started again in {pause:.0f} s.")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        running[1] = start_worker()
        started = time.monotonic()


def _check(web: Child) -> None:
    if web.poll() is not None:
        raise WebServerEnded(f"The web server ended ({_end(web)}).")


def _end(child: Child) -> str:
    code = child.returncode
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def stop(running: list[Child]) -> None:
    """Ask all to finish, and wait; what then still stands is killed."""
    for child in running:
        child.terminate()
    until = time.monotonic() + STOPS_WITHIN
    for child in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, until - time.monotonic()))
        # Each leads a group of its own: this reaches also the processes of a web server that was killed.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
