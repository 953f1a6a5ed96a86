"""Databases with the rows of `manage.py bench_data`, on a server of their own that keeps what it commits."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from clinic import cluster

SECRET_KEY = secrets.token_urlsafe(48)
ROOT = Path(__file__).resolve().parents[1]
PRACTICE = """
INSERT INTO clinic_practice (
    id, name, tagline, opening_line, lead, phone, email, street, city, region, postal_code, country, time_zone,
    banner_video
) VALUES (1, 'Bench', '', '', '', '', 'desk@bench.invalid', '1 Bench Street', 'Bench', '', '', '',
    'America/New_York', '') ON CONFLICT DO NOTHING
"""


@contextmanager
def databases(names: list[str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for what the site makes, and the URL of each of these databases, which have the tables and no rows."""
    with tempfile.TemporaryDirectory(prefix="clinic-bench-") as given:
        folder = Path(given)
        folder.chmod(0o711)  # the account that stands in for root has to pass through
        with cluster.running(folder / "postgres") as template:
            manage("migrate", "-v0", url=template, folder=folder)
            manage("createcachetable", "-v0", url=template, folder=folder)
            urls = {name: template.rpartition("/")[0] + f"/{name}" for name in names}
            with closing(psycopg2.connect(template)) as connection, connection, connection.cursor() as cursor:
                cursor.execute(PRACTICE)
            with closing(psycopg2.connect(template.rpartition("/")[0] + "/postgres")) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    for name in names:
                        cursor.execute(f"CREATE DATABASE {name} TEMPLATE clinic")
            yield folder, urls


def environment(url: str, folder: Path, **more: str) -> dict[str, str]:
    """For processes of the site on one of these databases."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = {"EMBEDDED_DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "VAR_FOLDER": str(folder / "var")}
    return inherited | ours | {"DJANGO_SETTINGS_MODULE": "clinic.settings"} | more


def manage(*arguments: str, url: str, folder: Path) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment(url, folder), check=True, stdout=subprocess.DEVNULL)


class Child:
    """A process of Django's that answers each line with one: what it measured."""

    def __init__(self, module: str, *arguments: str, url: str, folder: Path, **more: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment(url, folder, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "The process ended."
        return line.strip()

    def ask(self, line: str) -> str:
        self.say(line)
        return self.hear()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
