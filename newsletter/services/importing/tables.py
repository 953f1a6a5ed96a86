"""A file of the upload as a table of people: which column is what, and whose addresses it holds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from django.utils.translation import gettext as _

from newsletter.models import ListImport, Subscriber
from newsletter.services.importing import reading
from newsletter.services.importing.entry import Entry, entry_of
from newsletter.services.importing.formats import Format
from newsletter.services.importing.mailchimp import MAILCHIMP
from newsletter.services.importing.neutral import NEUTRAL
from newsletter.services.importing.parts import Part, parts_of
from newsletter.services.importing.reading import Header, Row
from newsletter.services.importing.refusals import FileRefused, RowRefused

State = Subscriber.State
FORMATS = {ListImport.Format.MAILCHIMP: MAILCHIMP, ListImport.Format.NEUTRAL: NEUTRAL}


@dataclass(frozen=True)
class Table:
    """One file with its header read. `places` are the columns by their names here; the others are not read."""

    part: Part
    format: Format
    header: Header
    places: dict[str, int]
    status: State | None

    def rows(self, file: BinaryIO, *, begin: int, row: int) -> Iterator[Row]:
        """The rows after byte `begin`; from the first one when that is 0."""
        if not begin:
            begin, row = self.header.ends, self.header.row
        return reading.rows(file, self.header, begin=begin, row=row)

    def typed_address(self, row: Row) -> str:
        """The address as it stands in the row, for the report; in one that cannot be read, what looks like one."""
        if row.problem:
            return next((cell.strip() for cell in row.cells if "@" in cell), "")
        return row.cells[self.places["email"]].strip()

    def entry(self, row: Row) -> Entry:
        """The person. Raises RowRefused."""
        if row.problem:
            raise RowRefused(row.problem)
        cells = {name: row.cells[place] for name, place in self.places.items()}
        entry = entry_of(self.format.neutral(cells), self.status)
        return replace(entry, remarks=(*entry.remarks, row.remark)) if row.remark else entry


def open_tables(file: BinaryIO, name: str, format: Format, *, status: State | None) -> list[Table]:
    """The tables in an uploaded file of this name, in the order they are read. Raises FileRefused."""
    return [_open(part, format, status=status) for part in _in_order(parts_of(file, name), format)]


def _in_order(parts: list[Part], format: Format) -> list[Part]:
    """Those that hold a list, in the order that the format wants."""
    lists = [part for part in parts if len(parts) == 1 or not part.name.lower().startswith(format.ignored)]
    beginnings = list(format.files)

    def turn(part: Part) -> int:
        found = _beginning(part, format)
        return beginnings.index(found) if found else len(beginnings)

    return sorted(lists, key=turn)


def _open(part: Part, format: Format, *, status: State | None) -> Table:
    """Reads its header. `status` is what the upload says of its addresses. Raises FileRefused."""
    with part.opened() as file:
        header = reading.read_header(file)
    names = [format.column(name) for name in header.names]
    known = [name for name in names if name]
    if "email" not in known:
        raise FileRefused(_told(part, _no_address(header)))
    if twice := {name for name in known if known.count(name) > 1}:
        told = ", ".join(sorted(twice))
        raise FileRefused(_told(part, _("The header has more than one column for: %(names)s.") % {"names": told}))
    places = {name: place for place, name in enumerate(names) if name}
    return Table(part, format, header, places, _status(part, format, known, status))


def _status(part: Part, format: Format, known: list[str], said: State | None) -> State | None:
    """Whose addresses these are, by the name of the file, its columns, or the upload. Two that differ are refused."""
    beginning = _beginning(part, format)
    found = format.files[beginning] if beginning else None
    for column, status in (format.telling or {}).items():
        found = found or (status if column in known else None)
    if found and said and found != said:
        told = {"found": State(found).label, "said": State(said).label}
        raise FileRefused(_told(part, _("The file is of people with the state “%(found)s”, not “%(said)s”.") % told))
    if not (found or said or "status" in known):
        raise FileRefused(_told(part, _("Say whose addresses these are: nothing in the file tells.")))
    return found or said


def _beginning(part: Part, format: Format) -> str | None:
    return next((each for each in format.files if part.name.lower().startswith(each)), None)


def _no_address(header: Header) -> str:
    words = _("Its first row has to name the columns, and none of them is called “email” or “Email Address”.")
    names = [name for name in header.names if name]
    if any("@" in name for name in names):
        return words
    found = ", ".join(name[:30] for name in names[:8])
    return words + " " + _("It has: %(names)s.") % {"names": found}


def _told(part: Part, words: str) -> str:
    return f"{part.name}: {words}"
