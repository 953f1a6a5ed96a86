"""What `manage.py serve` does before the web server starts. Each step is quick when there is nothing to do."""

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.utils import timezone

from clinic import env
from clinic.demo.loading import DemoRefused, load
from clinic.models import Practice

ADMIN = "admin"


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise CommandError(f"{name} failed: {type(error).__name__}: {error}") from error


def prepare() -> bool:
    """Returns whether the demo was loaded just now.

    Raises CommandError, whose message names the step and why it failed.
    """
    with _step("Making the fonts"):
        call_command("make_fonts", verbosity=0, stdout=io.StringIO())
    with _step("Migrating the database"):
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
    with _step("Loading the demo"):
        is_new_demo = _load_demo()
    with _step("Collecting the static files"):
        collect_static()
    return is_new_demo


def _load_demo() -> bool:
    """Only into an empty database; one with rows of its own is served as it stands."""
    if settings.DEMO and not Practice.objects.exists():
        with suppress(DemoRefused):
            return bool(load(now=timezone.now()))
    return False


def collect_static() -> bool:
    """Hashing and compressing takes seconds, so only when a source has changed since the last whole run."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            seen.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    stamp = settings.VAR / "static.stamp"
    whole = stamp.exists() and (settings.STATIC_ROOT / "staticfiles.json").exists()
    if whole and stamp.read_text() == seen.hexdigest():
        return False
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    stamp.write_text(seen.hexdigest())
    return True


def make_admin() -> str:
    """Make the demo's user `admin`; return what to print as the password.

    In the trial DEMO_ADMIN_PASSWORD always wins. A generated one is kept; once a person has changed it, it is not
    touched again.
    """
    with _step("Making the admin user"):
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
        elif given and settings.TRIAL and not user.check_password(given):
            user.set_password(given)
            user.save(update_fields=["password"])
        elif not user.check_password(password):
            return "(the one that you chose)"
    return password


def trial_admin_is_left() -> bool:
    """Whether the password that a trial printed still opens the desk."""
    kept = settings.VAR / "admin_password"
    user = get_user_model()._default_manager.filter(username=ADMIN, is_active=True).first()
    return user is not None and kept.exists() and user.check_password(kept.read_text())
