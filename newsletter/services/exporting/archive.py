"""A zip that is sent while it is written."""

import io
import zipfile
from collections.abc import Iterable, Iterator

from newsletter.models import Subscriber
from newsletter.services import cells
from newsletter.services.exporting import tables

FILES = {
    "subscribers.csv": tables.subscribers,
    "consents.csv": tables.consents,
    "suppressions.csv": tables.suppressions,
}
ROWS_AT_ONCE = 500


class _Pipe(io.RawIOBase):
    """What the zip is written to: it hands on what it got, and cannot go back."""

    def __init__(self) -> None:
        self._got = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, some: bytes) -> int:  # type: ignore[override] # bytes are all that zipfile writes
        self._got += some
        return len(some)

    def taken(self) -> bytes:
        some = bytes(self._got)
        self._got.clear()
        return some


def size() -> int:
    """How many people an export tells of."""
    return Subscriber.objects.count()


def export() -> Iterator[bytes]:
    """The whole archive in pieces. Cells are defused; the import takes that back."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in FILES.items():
            with archive.open(name, "w", force_zip64=True) as file:
                for some in _texts(rows()):
                    file.write(some)
                    yield pipe.taken()
    yield pipe.taken()


def _texts(rows: Iterable[tables.Row]) -> Iterator[bytes]:
    text = io.StringIO()
    for number, row in enumerate(rows, start=1):
        cells.write(text, [row])
        if number % ROWS_AT_ONCE == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()
