"""The file beside the database that remembers who must get no newsletter, so that no restore brings them back.

One JSON object a line: `at`, `email`, `reason`. It holds what the table of suppressions holds, without the words. Any
number of processes add to it; services/journal.py makes table and file agree again.
"""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

log = logging.getLogger("clinic.suppressions")


class Line(NamedTuple):
    """`email` is folded as the database folds it; `at` knows its zone."""

    email: str
    reason: str
    at: datetime


def path() -> Path:
    return Path(settings.VAR) / "suppressions.log"


def append(lines: Iterable[Line]) -> None:
    """Adds the lines at the end in one write, which the system keeps whole. Raises OSError when the disk is full.

    Each begins with the line end: what a power cut has torn off before it stays a line of its own.
    """
    written = "".join(
        "\n" + json.dumps({"at": line.at.isoformat(), "email": line.email, "reason": line.reason}) for line in lines
    )
    if not written:
        return
    file = os.open(path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # One that was copied back may stand open to others. The owner alone can change that, and the line matters more.
        with suppress(PermissionError):
            os.fchmod(file, 0o600)
        left = memoryview(written.encode())
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)


def lines() -> Iterator[Line]:
    """All of it, the oldest first; a line that cannot be read is told in the log and passed over."""
    if not path().exists():
        return
    with path().open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, start=1):
            if text.strip():
                try:
                    yield _read(text)
                except (ValueError, KeyError, TypeError):
                    log.warning("Line %s of %s cannot be read.", number, path().name)


def _read(text: str) -> Line:
    """Raises ValueError, KeyError or TypeError for anything that is no whole line of ours."""
    said = json.loads(text)
    at = datetime.fromisoformat(said["at"])
    email, reason = said["email"], said["reason"]
    if not (isinstance(email, str) and isinstance(reason, str)) or at.tzinfo is None or "\0" in email:
        raise ValueError(text)
    return Line(email=email, reason=reason, at=at)
