"""The CSV files in what was uploaded: itself, or those in a zip. A zip is read as it stands, never unpacked to disk."""

import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter.services.importing.refusals import FileRefused

MOST_BYTES = 2 * 1024**3  # unpacked: some ten million rows
# Of one file, more than a million rows: each turn of a worker unpacks anew up to where it is, this in a second.
MOST_BYTES_OF_ONE = 500 * 1024**2
MOST_FILES = 50
# Of whatever kind, and the directory that names them: zipfile reads it whole, and a member becomes half a kilobyte.
MOST_MEMBERS = 1000
MOST_DIRECTORY = 1024 * 1024  # bytes
# A list packs 3:1, one with a long proof of consent in each row 120:1; deflate's own limit is 1032:1. A short file with
# a million empty rows, as a spreadsheet may leave them, is no harm.
MOST_PACKED = 300
MOST_BYTES_PACKED_SO = 50 * 1024**2
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # the bit of a member's flags (APPNOTE 4.4.4)
SPREADSHEET = "[Content_Types].xml"
TOO_MANY = gettext_lazy("This zip holds more than 1,000 files. Put the lists alone into one.")


@dataclass(frozen=True)
class Part:
    """One CSV file: its name without folders, its size in bytes, and how to open it. It seeks."""

    name: str
    size: int
    opened: Callable[[], AbstractContextManager[BinaryIO]]


def parts_of(file: BinaryIO, name: str) -> list[Part]:
    """All of them. Raises FileRefused for a spreadsheet and for a zip that is locked or too large, and what zipfile
    raises for one that is damaged."""
    if not zipfile.is_zipfile(file):
        size = file.seek(0, 2)
        return [Part(PurePosixPath(name).name, size, lambda: nullcontext(file))]
    zipfile.ZipFile(cast(BinaryIO, _ShortOfBreath(file)))
    archive = zipfile.ZipFile(file)
    if len(archive.infolist()) > MOST_MEMBERS:
        raise FileRefused(TOO_MANY)
    if SPREADSHEET in archive.namelist():
        raise FileRefused(_("This is a spreadsheet. Save the list as “CSV UTF-8” and upload that."))
    tables = [each for each in archive.infolist() if _is_table(each)]
    _check(tables)
    return [Part(PurePosixPath(each.filename).name, each.file_size, _opener(archive, each)) for each in tables]


class _ShortOfBreath:
    """The file for a first look: zipfile asks for the whole directory at once, and gets no long one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY:
            raise FileRefused(TOO_MANY)
        return self._file.read(size)


def _is_table(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    # A Mac adds a shadow of each file.
    return path.suffix.lower() == ".csv" and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _check(tables: list[zipfile.ZipInfo]) -> None:
    if not tables:
        raise FileRefused(_("There is no CSV file in this zip."))
    if any(each.flag_bits & ENCRYPTED for each in tables):
        raise FileRefused(_("This zip is locked with a password. Unpack it and upload what is in it."))
    # `zipfile` hands out no more bytes of a file than the zip says it has, so that this cannot be a lie.
    sizes = [each.file_size for each in tables]
    if len(tables) > MOST_FILES or sum(sizes) > MOST_BYTES or max(sizes) > MOST_BYTES_OF_ONE:
        words = _(
            "Unpacked, this zip is larger than 2 GB, or a file in it than 500 MB, or it holds more than 50 files."
        )
        raise FileRefused(words)
    if any(_is_mostly_nothing(each) for each in tables):
        raise FileRefused(
            _("Unpacked, a file in this zip is hundreds of times as large, as no list is. Export it again.")
        )
    if any(each.compress_type not in METHODS for each in tables):
        raise FileRefused(_("This zip is packed in an unusual way. Unpack it and upload what is in it."))


def _is_mostly_nothing(member: zipfile.ZipInfo) -> bool:
    return member.file_size > max(MOST_BYTES_PACKED_SO, MOST_PACKED * member.compress_size)


def _opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], AbstractContextManager[BinaryIO]]:
    return lambda: cast(AbstractContextManager[BinaryIO], archive.open(member))
