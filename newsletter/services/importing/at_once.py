"""A whole import in one go, by the command: no file is kept, and a check leaves nothing behind."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.db import transaction

from clinic.models import User
from newsletter.models import ListImport, Topic
from newsletter.services.importing import report
from newsletter.services.importing.bringing_in import Line
from newsletter.services.importing.passes import LEASE, go_through
from newsletter.services.importing.running import State, end, fail, new, read_as

Seen = Callable[[ListImport, list[Line]], object]


@dataclass(frozen=True)
class Upload:
    """What is imported, and on what grounds. `name` is the file's, which may say whose addresses are in it."""

    file: BinaryIO
    name: str
    format: str
    proof: str
    status: str = ""
    topics: Sequence[Topic] = field(default_factory=list)
    by: User | None = None


def run(upload: Upload, *, writes: bool, to: BinaryIO | None, clock: Callable[[], datetime], seen: Seen) -> ListImport:
    """Checks all of it, or brings all of it in, and returns the import with its counts; `to` gets the report.

    `seen` is called after each batch with the import and the rows of the batch. Ended in the middle, it can be run
    again from the first row: nobody is brought in twice. Raises FileRefused, ProofMissing, and OSError when a file
    cannot be read or written.
    """
    # A check is one transaction that is taken back; bringing in is one for each batch, so that nothing done is lost.
    with nullcontext() if writes else transaction.atomic():
        done = _run(upload, writes=writes, to=to, clock=clock, seen=seen)
        if not writes:
            transaction.set_rollback(True)
    return done


def _run(upload: Upload, *, writes: bool, to: BinaryIO | None, clock: Callable[[], datetime], seen: Seen) -> ListImport:
    tables = read_as(upload.file, upload.name, upload.format, upload.status)
    made = _made(upload, sum(table.part.size for table in tables), writes=writes, now=clock())
    if to:
        made.place = {"report": to.write(report.header())}
        made.save(update_fields=["place"])
    try:
        go_through(
            made,
            tables,
            writes=writes,
            to=to,
            clock=clock,
            goes_on=lambda: True,
            seen=lambda lines: seen(made, lines),
        )
    except BaseException as error:
        # Also for Ctrl-C and SIGTERM: the list of imports must not show one that goes on for ever.
        if writes:
            fail(made, error, now=clock())
        raise
    end(made, State.DONE if writes else State.CHECKED, now=clock())
    return made


def _made(upload: Upload, size: int, *, writes: bool, now: datetime) -> ListImport:
    made = new(
        name=upload.name,
        format=upload.format,
        status=upload.status,
        proof=upload.proof,
        size=size,
        by=upload.by,
        now=now,
    )
    made.state, made.lease_until = State.CHECKING, now + LEASE
    if writes:
        made.state, made.approved_at = State.IMPORTING, now
    made.save()
    made.topics.set(upload.topics)
    return made
