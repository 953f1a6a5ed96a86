"""The tests' own surroundings, whatever stands outside: a throw-away PostgreSQL, folders of their own, no mail server.

All of it happens while this file is imported, because Django's settings read the environment once. The workers of
pytest-xdist inherit it from the process that starts them.
"""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

BROWSER = "tests/browser/"

OURS = (
    "DATABASE_URL EMBEDDED_DATABASE_URL SECRET_KEY ALLOWED_HOSTS BASE_URL TRUSTED_PROXIES EMAIL_URL DEFAULT_FROM_EMAIL "
    "MAIL_PROVIDER MAIL_PROVIDER_SECRET "
    "CACHE_URL TASKS_BACKEND VAR_FOLDER MEDIA_ROOT PRIVATE_MEDIA_ROOT HOST PORT WEB_WORKERS DEMO DEMO_ADMIN_PASSWORD "
    "DEBUG"
)

_surroundings = contextlib.ExitStack()


def _surround() -> None:
    given = os.environ.get("DATABASE_URL", "").strip()
    for name in OURS.split():
        os.environ.pop(name, None)

    # Ended by `kill` or by a time limit, pytest would leave PostgreSQL running; an interrupt cleans up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="clinic-tests-"))
    _surroundings.callback(shutil.rmtree, folder, ignore_errors=True)
    # The account that stands in for root has to pass through.
    folder.chmod(0o711)
    if not given:
        from clinic import cluster

        given = _surroundings.enter_context(cluster.running(folder / "postgres", throwaway=True))
    os.environ |= {
        "EMBEDDED_DATABASE_URL": given,
        "SECRET_KEY": "only-for-the-tests-" + "0" * 40,
        "VAR_FOLDER": str(folder / "var"),
    }


if "DJANGO_SETTINGS_MODULE" in os.environ and "PYTEST_XDIST_WORKER" not in os.environ:
    # pytest-django has read it, and with it the settings of the outside, before this file could say a word.
    pytest.exit("Unset DJANGO_SETTINGS_MODULE, which would run the tests with your own settings.", returncode=4)
if "PYTEST_XDIST_WORKER" not in os.environ:
    # For a pytest that never gets as far as pytest_unconfigure.
    atexit.register(_surroundings.close)
    _surround()
# Each process has uploads of its own: a test may look at the whole folder. WhiteNoise wants static/ to be there.
os.environ["VAR_FOLDER"] += "/" + os.environ.get("PYTEST_XDIST_WORKER", "alone")
Path(os.environ["VAR_FOLDER"], "static").mkdir(parents=True)
os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"

from django.conf import settings  # noqa: E402 -- the surroundings come first

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("tests")

# Hashed names need `collectstatic`, and strong password hashes only cost time.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_page_is_kept():
    """Each test sees pages made for it."""
    from clinic import page_cache

    page_cache.forget_all()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    # Else the processes of pytest-xdist, started next, would read the settings before this file has its say there.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """What takes longest begins first."""
    yield
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """A file stays in one process of pytest-xdist, and all browser tests do: what they share is made once.

    Not by `--dist loadgroup`: pytest 9.2 does not show pytest-xdist 3.8 the groups any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else nodeid.partition("::")[0]

    return ByFile(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    _surroundings.close()
