"""manage.py serve: what script/server runs once the packages are there."""

import errno
import fcntl
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from clinic.management import children
from clinic.management.preparation import ADMIN, make_admin, prepare, trial_admin_is_left

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PORT_IS_FREED_WITHIN = 5.0  # seconds; a web server that has just lost its parent is still going down


class Command(BaseCommand):
    help = (
        "Prepares the database, the demo, the fonts and the static files, then runs the web server and the worker "
        "until Ctrl-C or SIGTERM. script/server is the way to call it; .env.example names what can be set."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for number in SIGNALS:
            signal.signal(number, _leave)
        running: list[children.Child] = []
        try:
            with _one_at_a_time():
                _check_port()
                greeting = _greeting(is_new_demo=prepare())
                # The children open their own.
                connection.close()
                running.append(children.start_web_server())
                running.append(children.start_worker())
                children.wait_for_answer(running[0])
            self.stdout.write(greeting)
            self.stdout.flush()
            children.watch(running, self.stderr.write)
        except children.WebServerEnded as error:
            raise CommandError(str(error)) from error
        finally:
            children.stop(running)


def _leave(number: int, frame: object) -> NoReturn:
    # What follows is bounded in time; a second signal would leave half of it running.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(0)


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
            where = f"port {settings.PORT} on {settings.HOST}"
            if error.errno != errno.EADDRINUSE:
                raise CommandError(f"Cannot listen on {where}: {error.strerror}.") from error
            if time.monotonic() > until:
                other = f"PORT={settings.PORT + 1} script/server"
                raise CommandError(f"{where.capitalize()} is taken: stop who listens there, or try {other}") from error
        time.sleep(0.2)


def _greeting(*, is_new_demo: bool) -> str:
    """What to print when all is up: where the site, its admin and its letters are."""
    lines = [f"Ready: {settings.BASE_URL}/"]
    if settings.TRIAL or is_new_demo:
        lines.append(f"Admin: {settings.BASE_URL}/admin/  user: {ADMIN}  password: {make_admin()}")
    elif trial_admin_is_left():
        lines.append(f"The trial's user {ADMIN} can still sign in with its printed password: change it, or remove it.")
    elif not get_user_model()._default_manager.filter(is_superuser=True).exists():
        lines.append("Nobody can sign in yet: .venv/bin/python manage.py createsuperuser")
    if not settings.SENDS_MAIL:
        lines.append(f"Letters leave nowhere; read them at {settings.BASE_URL}/admin/clinic/letter/")
    return "\n".join(lines)
