"""The life of an import: checked, approved by a person, brought in, and its files removed after a while."""

import logging
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.files.uploadedfile import UploadedFile
from django.db import DataError, IntegrityError, transaction
from django.db import Error as DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic.models import User
from newsletter.models import ListImport, SeenAddress, Subscriber, Topic
from newsletter.models.list_import import private_storage
from newsletter.services.importing import report
from newsletter.services.importing.passes import LEASE, LostIt, go_through
from newsletter.services.importing.refusals import FileRefused
from newsletter.services.importing.tables import FORMATS, Table, open_tables

KEPT = timedelta(days=30)
FOLDERS = ("newsletter/imports", "newsletter/reports")
MOST_TURNS_IN_VAIN = 3
State = ListImport.State
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)
IS_DAMAGED = gettext_lazy("The zip file is damaged. Export and upload it again.")
STOPPED = gettext_lazy("The command was stopped. Start it again.")
STANDS_STILL = gettext_lazy(
    "It was begun three times and came no further. Divide the file, or ask who runs the server."
)

log = logging.getLogger("clinic.lists")


class NotNow(Exception):
    """What was asked for is not possible in this state of the import; says so to staff."""


class ProofMissing(ValueError):
    """Nobody is brought in without a word on how they asked."""


def upload(
    *, file: UploadedFile, format: str, status: str, proof: str, topics: list[Topic], by: User, now: datetime
) -> ListImport:
    """Keeps the file; the worker checks it within seconds. Nobody is brought in by this. Raises ProofMissing."""
    made = new(name=file.name or "", format=format, status=status, proof=proof, size=file.size or 0, by=by, now=now)
    made.file.save(file.name or "", file, save=False)
    try:
        with transaction.atomic():
            made.save()
            made.topics.set(topics)
    except BaseException:
        made.file.delete(save=False)
        raise
    return made


def new(*, name: str, format: str, status: str, proof: str, size: int, by: User | None, now: datetime) -> ListImport:
    """The row of an import of `size` bytes, not yet stored. Raises ProofMissing."""
    return ListImport(
        name=Path(name).name[:200],
        format=format,
        status=status,
        proof=proven(proof),
        bytes_total=size,
        created_at=now,
        by=by,
    )


def proven(proof: str) -> str:
    """The proof of consent as it is kept. Raises ProofMissing."""
    if not proof.strip():
        raise ProofMissing(_("Say in the proof of consent how and when these people asked for the newsletter."))
    return proof.strip()


def read_as(file: BinaryIO, name: str, format: str, status: str) -> list[Table]:
    """The tables in an upload. Raises FileRefused."""
    said = Subscriber.State(status) if status else None
    try:
        return open_tables(file, name, FORMATS[ListImport.Format(format)], status=said)
    except DAMAGED:
        raise FileRefused(IS_DAMAGED) from None


def approve(list_import: ListImport, *, now: datetime) -> None:
    """Bring them in, says a person who has seen what the check found. Raises NotNow."""
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=list_import.pk)
        if locked.state != State.CHECKED:
            raise NotNow(_("Only an import that has been checked can be brought in."))
        if not locked.file:
            raise NotNow(_("The file has been removed. Upload it again."))
        locked.state, locked.approved_at, locked.ended_at = State.APPROVED, now, None
        locked.save(update_fields=["state", "approved_at", "ended_at"])


def cancel(list_import: ListImport, *, now: datetime) -> None:
    """Stops after the batch in hand; who has been brought in by then stays. Raises NotNow."""
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=list_import.pk)
        if locked.has_ended:
            raise NotNow(_("This import has ended already."))
        end(locked, State.CANCELLED, now=now)


def remove_files(list_import: ListImport) -> None:
    """The uploaded list and the report. Raises NotNow while they are needed, and OSError."""
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=list_import.pk)
        if locked.is_under_way:
            raise NotNow(_("The file is still needed: wait for the end, or cancel the import."))
        # First the files: whoever is killed in between leaves a row that still names them, and can do it again.
        for each in (locked.file, locked.report):
            if each:
                each.storage.delete(str(each))
        locked.file = locked.report = ""
        locked.save(update_fields=["file", "report"])


def forget_old(*, now: datetime) -> None:
    """Removes the files of imports that have ended long ago, and those that no import names any more."""
    for old in ListImport.objects.ended_before(now - KEPT).exclude(file="", report=""):
        try:
            remove_files(old)
        except OSError as error:
            log.error("The files of import %s cannot be removed: %s.", old.pk, error.strerror)
    named = set(chain.from_iterable(ListImport.objects.values_list("file", "report")))
    storage = private_storage()
    for path in chain.from_iterable(_files(storage, folder) for folder in FOLDERS):
        if path not in named and storage.get_modified_time(path) < now - KEPT:
            storage.delete(path)


def _files(storage: Storage, folder: str) -> Iterator[str]:
    """The paths of all files in a folder of the storage and below it."""
    if not storage.exists(folder):
        return
    folders, files = storage.listdir(folder)
    yield from (f"{folder}/{name}" for name in files)
    for each in folders:
        yield from _files(storage, f"{folder}/{each}")


def take_up(*, now: datetime, goes_on: Callable[[], bool]) -> None:
    """Goes on with what waits to be checked or brought in, until `goes_on` says no.

    Called by the worker every few seconds. An import that breaks, or ends its worker three times at the same place, is
    marked as failed, with words, and leaves the others their turn. Raises OperationalError and InterfaceError: the
    database is away.
    """
    while goes_on() and (claimed := _claim(now)):
        try:
            if claimed.turns_in_vain > MOST_TURNS_IN_VAIN:
                raise FileRefused(STANDS_STILL)
            _begin(claimed)
            is_at_the_end = _go_on(claimed, now=now, goes_on=goes_on)
        except LostIt:
            continue
        except (DataError, IntegrityError) as error:
            fail(claimed, error, now=now)
        except DatabaseError:
            raise
        except Exception as error:
            fail(claimed, error, now=now)
        else:
            _leave(claimed, is_at_the_end, now=now)


def _claim(now: datetime) -> ListImport | None:
    """The next import that nobody is at, with a lease on it."""
    with transaction.atomic():
        found = ListImport.objects.to_go_on_with(now).select_for_update(skip_locked=True).first()
        if found is None:
            return None
        found.lease_until = now + LEASE
        found.turns_in_vain += 1
        found.save(update_fields=["lease_until", "turns_in_vain"])
    return found


def _begin(claimed: ListImport) -> None:
    """From the first row, with a new report, unless it has begun. Raises LostIt when somebody has cancelled it."""
    if claimed.state not in (State.WAITING, State.APPROVED):
        return
    with transaction.atomic():
        if ListImport.objects.select_for_update().get(pk=claimed.pk).state != claimed.state:
            raise LostIt
        claimed.state = State.CHECKING if claimed.state == State.WAITING else State.IMPORTING
        claimed.counts, claimed.rows_done, claimed.bytes_done = {}, 0, 0
        before, storage = str(claimed.report), claimed.report.storage
        claimed.report.save(f"import-{claimed.pk}-{claimed.state}.csv", ContentFile(report.header()), save=False)
        claimed.place = {"report": len(report.header())}
        claimed.save()
        if before:
            # One that stays is found later: no import breaks for it.
            transaction.on_commit(partial(storage.delete, before), robust=True)


def _go_on(claimed: ListImport, *, now: datetime, goes_on: Callable[[], bool]) -> bool:
    if not claimed.file:
        raise FileRefused(STOPPED)
    with Path(claimed.file.path).open("rb") as upload, Path(claimed.report.path).open("r+b") as written:
        tables = read_as(upload, claimed.name, claimed.format, claimed.status)
        total = sum(table.part.size for table in tables)
        ListImport.objects.filter(pk=claimed.pk).update(bytes_total=total)
        writes = claimed.state == State.IMPORTING
        return go_through(claimed, tables, writes=writes, to=written, clock=lambda: now, goes_on=goes_on)


def _leave(claimed: ListImport, is_at_the_end: bool, *, now: datetime) -> None:
    """For the next turn, or as done."""
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=claimed.pk)
        if (locked.state, locked.place) != (claimed.state, claimed.place):
            return
        if not is_at_the_end:
            locked.lease_until = None
            locked.save(update_fields=["lease_until"])
            return
        locked.bytes_done = locked.bytes_total
        end(locked, State.DONE if locked.state == State.IMPORTING else State.CHECKED, now=now)


def fail(claimed: ListImport, error: BaseException, *, now: datetime) -> None:
    """Marks it as failed, with words; one that somebody has cancelled meanwhile stays so."""
    if not isinstance(error, FileRefused):
        # Its text may hold what stands in the file.
        log.error("Import %s failed: %s.", claimed.pk, type(error).__name__)
    with transaction.atomic():
        locked = ListImport.objects.select_for_update().get(pk=claimed.pk)
        if locked.state == claimed.state:
            locked.error = why(error, locked)
            end(locked, State.FAILED, now=now)


def why(error: BaseException, list_import: ListImport) -> str:
    """What went wrong, and how far the import had come, in words for staff."""
    if isinstance(error, FileRefused):
        words = str(error)
    elif isinstance(error, FileNotFoundError):
        words = _("The file is gone from the server. Upload it again.")
    elif isinstance(error, OSError):
        words = _("The server could not read or write a file: %(why)s.") % {"why": error.strerror or error}
    elif isinstance(error, (KeyboardInterrupt, SystemExit)):
        words = str(STOPPED)
    elif isinstance(error, DAMAGED):
        words = str(IS_DAMAGED)
    else:
        words = _("Something unexpected is in this file, or went wrong here; the log of the server names it.")
    if list_import.rows_done and list_import.state == State.IMPORTING:
        told = {"rows": list_import.rows_done}
        words += " " + _("The first %(rows)d rows are done, the others are not. Nobody is brought in twice.") % told
    return words


def end(locked: ListImport, state: ListImport.State, *, now: datetime) -> None:
    """In this state, and without what only an import under way needs."""
    if locked.state == State.APPROVED:
        # Before anything was done for it: what it says is still what the check found.
        locked.approved_at = None
    locked.state, locked.ended_at, locked.lease_until = state, now, None
    locked.save()
    SeenAddress.objects.filter(list_import=locked).delete()
