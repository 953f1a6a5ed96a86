"""The file beside the database that remembers how far the mailings have come, so that an older copy is recognised.

It holds one number, which services/restored.py raises in the database first and then here. Each worker does; who holds
the file is alone with it.
"""

import errno
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

# Always as long, so that it is written over in one piece. So many digits fit into the database's number.
WRITTEN = re.compile(rb"[0-9]{18}\n")

# In seconds. Whoever holds it asks the database meanwhile and may hang there; no appointment's letter waits for that.
PATIENCE = 2.0

log = logging.getLogger("clinic.mailings")


def path() -> Path:
    return Path(settings.VAR) / "mailings.mark"


class Mark:
    """The file, held; `number` is None where it says nothing: it has just been made, or cannot be understood."""

    def __init__(self, file: int) -> None:
        self._file = file
        text = os.pread(file, 64, 0)
        self.number = int(text) if WRITTEN.fullmatch(text) else None
        if text and self.number is None:
            log.warning("%s cannot be understood.", path().name)

    def write(self, number: int) -> None:
        """On the disk when it returns, and never lowered. Raises OSError: a full disk, say."""
        number = max(number, self.number or 0)
        if number == self.number:
            return
        text = b"%018d\n" % number
        if os.pwrite(self._file, text, 0) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path()))
        os.ftruncate(self._file, len(text))
        os.fsync(self._file)
        self.number = number


@contextmanager
def held() -> Iterator[Mark]:
    """The file, for this process and thread alone until the block ends; made if there is none.

    Raises OSError, and TimeoutError, which is one, while another holds it.
    """
    file = os.open(path(), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(file)
        yield Mark(file)
    finally:
        os.close(file)


def _lock(file: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "Another worker holds it", str(path())) from None
            time.sleep(0.01)
