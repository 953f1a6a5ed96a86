"""The site as a visitor meets it: `manage.py serve` with the demo practice, and Chromium.

All browser tests share one server, so they run in one process of pytest-xdist: see the scheduler in tests/conftest.py.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from django.conf import settings

from tests.fonts import fonts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

PASSWORD = "a password for the tests"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb"]
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Site:
    address: str
    pages: list[str] = field(default_factory=list)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _database() -> Iterator[str]:
    """An empty database beside the tests' own; yields its URL."""
    given = os.environ["EMBEDDED_DATABASE_URL"]
    name = f"browser_{os.getpid()}"
    own = settings.DATABASES["default"]
    connection = psycopg2.connect(
        dbname="postgres", user=own["USER"], password=own["PASSWORD"], host=own["HOST"], port=own["PORT"] or None
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield given.rpartition("/")[0] + f"/{name}"
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole site with the demo, in the trial's way: letters are kept and read in the admin."""
    port = _free_port()
    var = tmp_path_factory.mktemp("var")
    shutil.copytree(fonts(), var / "fonts")
    with _database() as url:
        environment = {
            # Without a key of its own it is a trial.
            **{name: value for name, value in os.environ.items() if name != "SECRET_KEY"},
            "EMBEDDED_DATABASE_URL": url,
            "VAR_FOLDER": str(var),
            "PORT": str(port),
            "DEMO": "1",
            "DEMO_ADMIN_PASSWORD": PASSWORD,
            "WEB_WORKERS": "1",
        }
        server = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            first = server.stdout.readline() if server.stdout else ""
            assert first.startswith("Ready: "), f"The site did not start: {first}"
            yield Site(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(90)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed with the last browser test: while it is open, Django takes this thread for an asynchronous one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens a page in a fresh browser context; at the end nothing may have gone wrong that a visitor does not see.

    That is: no error in the console (a CSP violation is one), no answer of 500, no request to another host.
    """
    contexts = []
    wrong: list[str] = []

    def open_(width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=site.address, **options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if _is_fault(message) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if _is_foreign(request.url, site) else None)
        page.on(
            "response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def _is_fault(message: Any) -> bool:
    # Chromium prints every answer of 4xx as an error; that a rejected form is 422 is our promise.
    return message.type == "error" and "the server responded with a status of 4" not in message.text


def _is_foreign(url: str, site: Site) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != urlsplit(site.address).netloc


@pytest.fixture(scope="package")
def signed_in(browser: Browser, site: Site) -> StorageState:
    """The cookies of the demo's admin. Signing in for each test would meet the limit of the sign-in."""
    context = browser.new_context(base_url=site.address)
    page = context.new_page()
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def staff(open_page: Callable[..., Page], signed_in: StorageState) -> Callable[..., Page]:
    """Opens the dashboard as the demo's admin."""

    def open_dashboard(**options: Any) -> Page:
        page = open_page(storage_state=signed_in, **options)
        page.goto("/admin/")
        return page

    return open_dashboard
