"""Rows of a CSV file as other programs write it, one by one: memory does not grow with the file, nothing is dropped.

A row that cannot be read is a row with a problem. One whose quotation marks do not match takes no other with it: it is
refused alone, and what it swallowed is read again.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext as _

from newsletter.services.importing.refusals import FileRefused

MOST_CHARACTERS = 100_000  # in one row
MOST_LINES = 100  # in one row
SEPARATORS = ",;\t|"
SAMPLE = 4096  # bytes to tell the encoding by
MOST_BEFORE_HEADER = 64 * 1024  # bytes of empty rows
HEAD = 512 * 1024  # bytes: those, and a header of as many characters as a row has, in any encoding

MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


@dataclass(frozen=True)
class Header:
    """How the file is written, the names of its columns as they stand there, and where the next row begins."""

    encoding: str
    separator: str
    names: list[str]
    ends: int  # bytes
    row: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row; an empty one has no cells. `problem`: why it cannot be read, in which case `cells` are no more than a
    hint at whose row it is; `remark`: what to look at."""

    number: int  # as a spreadsheet counts: the header is 1
    cells: list[str]
    ends: int  # bytes from the beginning of the file
    problem: str = ""
    remark: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.cells and not self.problem


class _Line(NamedTuple):
    text: str
    size: int  # bytes
    is_cut: bool = False


class _TooLong(Exception):
    """More lines or characters than a row has."""


class _Lines:
    """What csv.reader reads from. It remembers the lines of the row in hand, so that they can be read again."""

    def __init__(self, file: BinaryIO, encoding: str, begin: int) -> None:
        file.seek(begin)
        self._errors = "surrogateescape" if encoding == "utf-8" else "replace"
        self._encoding = encoding
        # Lines end as CSV's do: \n, \r\n or \r, and nothing else that Unicode calls a line end.
        self._text = io.TextIOWrapper(file, encoding=encoding, errors=self._errors, newline="")
        self._again: deque[_Line] = deque()
        self.taken: list[_Line] = []
        self.ends = begin

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line.text:
            raise StopIteration
        self.taken.append(line)
        too_many = len(self.taken) > MOST_LINES or sum(len(each.text) for each in self.taken) > MOST_CHARACTERS
        if line.is_cut or too_many:
            raise _TooLong
        return line.text

    def begin_row(self) -> None:
        self.taken = []

    def end_row(self) -> int:
        """Where the row in hand ends, in bytes from the beginning of the file."""
        self.ends += sum(line.size for line in self.taken)
        return self.ends

    def give_back_all_but_one(self) -> None:
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def detach(self) -> None:
        """Leaves the file open: it belongs to somebody else."""
        self._text.detach()

    def _read(self) -> _Line:
        text = self._text.readline(MOST_CHARACTERS)
        size = self._size(text)
        is_cut = len(text) == MOST_CHARACTERS and not text.endswith(("\n", "\r"))
        rest = text
        while is_cut and rest and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(MOST_CHARACTERS)
            size += self._size(rest)
        return _Line(text, size, is_cut)

    def _size(self, text: str) -> int:
        if self._encoding == "utf-8" and text.isascii():
            return len(text)
        return len(text.encode(self._encoding, self._errors))


def read_header(file: BinaryIO) -> Header:
    """Reads the first row that is not empty. Raises FileRefused when there is none or it is no row of a CSV file.

    No more than the beginning is read: somebody waits for the answer.
    """
    file.seek(0)
    head = io.BytesIO(file.read(HEAD))
    encoding, begin = _encoding_of(head.getvalue()[:SAMPLE])
    lines = _Lines(head, encoding, begin)
    try:
        for number, row in enumerate(lines, start=1):
            begins, lines.ends = lines.ends, lines.end_row()
            lines.begin_row()
            if row.strip(f"{SEPARATORS}\"' \r\n"):
                return _header(head, encoding, begin=begins, row=row, number=number)
            if lines.ends > MOST_BEFORE_HEADER:
                raise FileRefused(_("The file begins with 64 KB of empty rows. Put the names of the columns first."))
    except _TooLong:
        raise FileRefused(_("The first row is longer than any header: this is no CSV file.")) from None
    finally:
        lines.detach()
    raise FileRefused(_("The file is empty."))


def rows(file: BinaryIO, header: Header, *, begin: int, row: int) -> Iterator[Row]:
    """The rows after byte `begin`, which is where `row` ended, the empty ones too."""
    lines = _Lines(file, header.encoding, begin)
    reader = csv.reader(lines, delimiter=header.separator, strict=True)
    try:
        while (found := _next(reader, lines)) is not None:
            row += 1
            cells, problem = found
            if not problem and len(cells) != len(header.names):
                cells, problem = _fitted(cells, len(header.names))
                if problem and len(lines.taken) > 1:
                    # Some of them are of the rows that it swallowed.
                    cells = []
                    lines.give_back_all_but_one()
            ends = lines.end_row()
            yield _row(row, cells, ends, problem) if problem or any(cells) else Row(row, [], ends)
    finally:
        lines.detach()


def _next(reader: Iterator[list[str]], lines: _Lines) -> tuple[list[str], str] | None:
    """The next row's cells, or what is wrong with its first line; None at the end."""
    lines.begin_row()
    try:
        return next(reader), ""
    except StopIteration:
        return None
    except _TooLong:
        is_one_line = len(lines.taken) == 1
        lines.give_back_all_but_one()
        if is_one_line:
            return [], _("The row is longer than %(most)d characters.") % {"most": MOST_CHARACTERS}
    except csv.Error:
        lines.give_back_all_but_one()
    return [], _("A quotation mark in this row is opened and not closed, or stands in the middle of a cell.")


def _fitted(cells: list[str], wanted: int) -> tuple[list[str], str]:
    """Empty cells too many do no harm. Anything else may have moved a name into the column of the state."""
    if not any(cells):
        return [], ""
    if len(cells) > wanted and not any(cells[wanted:]):
        return cells[:wanted], ""
    told = {"found": len(cells), "wanted": wanted}
    return cells, _("The row has %(found)d cells where the header has %(wanted)d.") % told


def _row(number: int, cells: list[str], ends: int, problem: str) -> Row:
    remark = ""
    if not problem and any("\0" in cell for cell in cells):
        cells, problem = [], _("The row holds NUL bytes, which are no text.")
    if not problem and not all(map(_is_text, cells)):
        try:
            cells = [cell.encode("utf-8", "surrogateescape").decode("cp1252") for cell in cells]
            remark = _("The row is not UTF-8 and was read as Windows-1252: look at its accents.")
        except UnicodeDecodeError:
            cells, problem = [], _("The row is neither UTF-8 nor Windows-1252. Save the file as UTF-8.")
    if problem:
        cells = [cell for cell in cells if _is_text(cell) and "\0" not in cell]
    return Row(number, cells, ends, problem, remark)


def _is_text(cell: str) -> bool:
    """Whether every byte of it was UTF-8: the others stand there as lone surrogates."""
    return cell.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in cell)


def _encoding_of(sample: bytes) -> tuple[str, int]:
    """By the mark at the beginning and how long that is, or by where the NUL bytes are; otherwise UTF-8."""
    for mark, encoding in MARKS:
        if sample.startswith(mark):
            return encoding, len(mark)
    half = len(sample) // 2
    if sample[1::2].count(0) > half * 0.7:
        return "utf-16-le", 0
    if sample[::2].count(0) > half * 0.7:
        return "utf-16-be", 0
    return "utf-8", 0


def _header(file: BinaryIO, encoding: str, *, begin: int, row: str, number: int) -> Header:
    separator = max(SEPARATORS, key=lambda separator: len(_split(row, separator)))
    names = _split(row, separator)
    if not names or any("\0" in name for name in names):
        raise FileRefused(_("This is no CSV file. Save the list as “CSV UTF-8” and upload that."))
    lines = _Lines(file, encoding, begin)
    try:
        next(lines)
        return Header(encoding, separator, [_name(each) for each in names], lines.end_row(), number)
    finally:
        lines.detach()


def _name(text: str) -> str:
    """As it stands there; what is not UTF-8 read as everywhere."""
    return text if _is_text(text) else text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _split(row: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([row], delimiter=separator, strict=True), [])
    except csv.Error:
        return []
