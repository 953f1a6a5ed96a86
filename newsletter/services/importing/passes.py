"""One pass over an upload: a check, or the bringing in. Used by the worker, some batches at a time, and by the command.

The row of the import says how far the pass is, and changes in the same transaction as what a batch brings in: whoever
is killed in the middle has done a batch wholly or not at all, and the next one goes on behind it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import BinaryIO

from django.db import IntegrityError, transaction

from newsletter.models import ListImport
from newsletter.services.importing import report
from newsletter.services.importing.batches import Batch, Place, batches
from newsletter.services.importing.bringing_in import Line, judged, topics_by_name, write
from newsletter.services.importing.tables import Table

LEASE = timedelta(minutes=2)
TRIES = 5  # of a batch with whose addresses somebody signs up at the same moment


class LostIt(Exception):
    """Somebody else has gone on with this import, or has cancelled it."""


def go_through(
    list_import: ListImport,
    tables: Sequence[Table],
    *,
    writes: bool,
    to: BinaryIO | None,
    clock: Callable[[], datetime],
    goes_on: Callable[[], bool],
    seen: Callable[[list[Line]], object] = len,
) -> bool:
    """Goes on from where the import is until the end, or until `goes_on` says no; returns whether it is at the end.

    One batch is done before that is asked: to find the place in a zip may have taken all the time there was.
    `to` is the report, which is written behind the rows it has; `seen` is called with the lines of each batch once it
    is done. Raises LostIt, and what reading the file raises.
    """
    topics = topics_by_name()
    here = Place(**list_import.place)
    for batch in batches(tables, here, topics=topics, now=clock()):
        for attempt in range(1, TRIES + 1):
            try:
                lines = _do(list_import, batch, topics=topics, writes=writes, to=to, now=clock())
                break
            except IntegrityError:
                if attempt == TRIES:
                    raise
        seen(lines)
        if not goes_on():
            return False
    return True


def _do(
    list_import: ListImport, batch: Batch, *, topics: dict, writes: bool, to: BinaryIO | None, now: datetime
) -> list[Line]:
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=list_import.pk)
        if (locked.state, locked.place) != (list_import.state, list_import.place):
            raise LostIt
        lines = judged(locked, batch.lines, writes=writes, now=now)
        if writes:
            write(locked, lines, topics=topics, now=now)
        written = Place(**locked.place).report
        if to:
            to.seek(written)
            to.truncate()
            written += to.write(report.written(lines, is_check=not writes))
            to.flush()
        locked.place = asdict(replace(batch.place, report=written))
        locked.rows_done += len(lines)
        locked.bytes_done = batch.read
        locked.counts = _counted(locked.counts, lines)
        locked.lease_until, locked.turns_in_vain = now + LEASE, 0
        locked.save(update_fields=["place", "rows_done", "bytes_done", "counts", "lease_until", "turns_in_vain"])
    list_import.place, list_import.rows_done = locked.place, locked.rows_done
    list_import.bytes_done, list_import.counts = locked.bytes_done, locked.counts
    return lines


def _counted(before: dict[str, int], lines: list[Line]) -> dict[str, int]:
    """How many rows ended as what; `remarks` of those that are brought in ask for a look."""
    counts = Counter(before)
    counts.update(line.verdict.outcome.value for line in lines)
    counts["remarks"] += sum(report.has_remark(line) for line in lines)
    return dict(counts)
