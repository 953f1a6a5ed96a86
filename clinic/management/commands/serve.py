"""manage.py serve: what script/server runs once the packages are there."""

import ctypes
import errno
import fcntl
import hashlib
import http.client
import io
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from clinic import env
from clinic.models import Practice

ADMIN = "admin"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Each thread keeps a connection to the database; the web server's own default is 256 threads a process.
THREADS = 8
# Seconds
WEB_ANSWERS_WITHIN = 60.0
STOPS_WITHIN = 30.0  # the worker may be waiting 20 for a mail server
LONGEST_PAUSE = 30.0  # before a worker that keeps dying is started again
PORT_IS_FREED_WITHIN = 5.0  # a web server that has just lost its parent is still going down
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Command(BaseCommand):
    help = (
        "Prepares the database, the demo, the fonts and the static files, then runs the web server and the worker "
        "until Ctrl-C or SIGTERM. script/server is the way to call it; .env.example names what can be set."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for number in SIGNALS:
            signal.signal(number, _leave)
        children = Children()
        try:
            with _one_at_a_time():
                _check_port()
                password = prepare()
                # The children open their own; an idle one would only keep a restarting database waiting.
                connection.close()
                children.start()
                children.wait_for_answer()
            self._say_ready(password)
            children.watch(self.stderr.write)
        finally:
            children.stop()

    def _say_ready(self, password: str | None) -> None:
        self.stdout.write(f"Ready: {settings.BASE_URL}/")
        if password is not None:
            self.stdout.write(f"Admin: {settings.BASE_URL}/admin/  user: {ADMIN}  password: {password}")
        elif not get_user_model()._default_manager.filter(is_superuser=True).exists():
            self.stdout.write("Nobody can sign in yet: .venv/bin/python manage.py createsuperuser")
        if not settings.SENDS_MAIL:
            self.stdout.write(f"Letters leave nowhere; read them at {settings.BASE_URL}/admin/clinic/letter/")
        self.stdout.flush()
        connection.close()


def _leave(number: int, frame: object) -> NoReturn:
    # What follows is bounded in time; a second signal would leave half of it running.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


# Before the web server starts


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of two starts at once the second waits, instead of migrating the same database."""
    with open(settings.VAR / "serve.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_port() -> None:
    """Granian shares its port (SO_REUSEPORT): without asking first, two of them would answer in turns."""
    until = time.monotonic() + PORT_IS_FREED_WITHIN
    while True:
        try:
            family, kind, _, _, address = socket.getaddrinfo(settings.HOST, settings.PORT, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandError(f"Cannot listen on {settings.HOST}, port {settings.PORT}: {error.strerror}.") from error
            if time.monotonic() > until:
                raise CommandError(
                    f"Port {settings.PORT} on {settings.HOST} is taken by another program. "
                    f"Stop that one, or choose another port: PORT={settings.PORT + 1} script/server"
                ) from error
        time.sleep(0.2)


def prepare() -> str | None:
    """Everything up to the web server's start; returns what to print as the trial's admin password, if there is one."""
    with _step("Making the fonts"):
        call_command("make_fonts", verbosity=0, stdout=io.StringIO())
    with _step("Migrating the database"):
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
    if settings.DEMO and not Practice.objects.exists():
        with _step("Loading the demo"):
            call_command("load_demo", verbosity=0, stdout=io.StringIO())
    with _step("Collecting the static files"):
        _collect_static()
    if not (settings.TRIAL or settings.DEMO):
        return None
    with _step("Making the admin user"):
        return _make_admin()


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise CommandError(f"{name} failed: {type(error).__name__}: {error}") from error


def _collect_static() -> None:
    """Hashing and compressing takes seconds, so only when a source has changed since the last whole run."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            seen.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    stamp = settings.VAR / "static.stamp"
    whole = stamp.exists() and (settings.STATIC_ROOT / "staticfiles.json").exists()
    if whole and stamp.read_text() == seen.hexdigest():
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(seen.hexdigest())


def _make_admin() -> str:
    """Makes the user once. Whoever changes the password later is not told it again."""
    given = env.text("DEMO_ADMIN_PASSWORD", "")
    kept = settings.VAR / "admin_password"
    if not given and not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(12))
    password = given or kept.read_text()
    people = get_user_model()._default_manager
    user = people.filter(username=ADMIN).first()
    if user is None:
        people.create_superuser(ADMIN, password=password)
    elif not user.check_password(password):
        if not given:
            return "(the one that you chose)"
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


# The processes


class Children:
    """The web server and the worker, which live no longer than this process."""

    web: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.web = _spawn(
            *("-m", "granian", "--interface", "wsgi", "--host", settings.HOST, "--port", str(settings.PORT)),
            *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"),
            *("--workers-kill-timeout", "10", "--log-level", "warning", "--no-access-log", "clinic.wsgi:application"),
        )
        self.worker = _spawn("manage.py", "worker")

    def wait_for_answer(self) -> None:
        until = time.monotonic() + WEB_ANSWERS_WITHIN
        while not _answers():
            self._check_web()
            if time.monotonic() > until:
                raise CommandError(f"The web server does not answer at {settings.HOST}, port {settings.PORT}.")
            time.sleep(0.1)

    def watch(self, say: Any) -> NoReturn:
        """Starts a worker that died again, each time after a longer pause; ends when the web server does."""
        pause = 1.0
        started = time.monotonic()
        while True:
            time.sleep(0.5)
            self._check_web()
            if self.worker is None or self.worker.poll() is None:
                continue
            pause = 1.0 if time.monotonic() - started > 2 * LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            say(f"The worker ended ({_end(self.worker)}); it is started again in {pause:.0f} s.")
            time.sleep(pause)
            self.worker = _spawn("manage.py", "worker")
            started = time.monotonic()

    def _check_web(self) -> None:
        if self.web is not None and self.web.poll() is not None:
            raise CommandError(f"The web server ended ({_end(self.web)}).")

    def stop(self) -> None:
        running = [child for child in (self.web, self.worker) if child is not None]
        for child in running:
            child.terminate()
        until = time.monotonic() + STOPS_WITHIN
        for child in running:
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"{child.args[1]} did not stop in time and was killed.", file=sys.stderr)
            # Also what a killed web server has left behind: each child leads a group of its own.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _spawn(*arguments: str) -> subprocess.Popen[bytes]:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    # A session of its own: Ctrl-C reaches this process alone, which then stops the others in order.
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )


def _answers() -> bool:
    """Asks /healthz, under the site's own name as ALLOWED_HOSTS wants it, and past any proxy."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)
    asked = http.client.HTTPConnection(here, settings.PORT, timeout=10)
    try:
        asked.request("GET", "/healthz", headers={"Host": settings.BASE_URL.partition("//")[2]})
        return asked.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def _end(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
