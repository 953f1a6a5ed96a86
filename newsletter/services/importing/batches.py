"""The rows of an import in batches, from wherever it was left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from django.utils.translation import gettext as _

from newsletter.models import Topic
from newsletter.services.importing.bringing_in import Line
from newsletter.services.importing.judging import Outcome, State, Verdict, check
from newsletter.services.importing.reading import Row
from newsletter.services.importing.refusals import RowRefused
from newsletter.services.importing.tables import Table

MOST = 500  # rows
LONGEST = 1.0  # seconds of reading: who cancels waits for it, and so does a letter of an appointment


@dataclass(frozen=True)
class Place:
    """Behind a row: of which table, after how many of its bytes, which row of it, and how long the report is then."""

    table: int = 0
    byte: int = 0
    row: int = 0
    report: int = 0


@dataclass
class Batch:
    """No address stands in it twice, so that no row of it depends on another. `read`: bytes of all tables so far.

    It may hold no line at all and yet be a step: a million empty rows.
    """

    lines: list[Line] = field(default_factory=list)
    place: Place = field(default_factory=Place)
    read: int = 0
    met: dict[str, Line] = field(default_factory=dict)
    until: float = field(default_factory=lambda: monotonic() + LONGEST)

    def add(self, line: Line | None, place: Place, read: int) -> None:
        """`line`: None for an empty row, which is passed over."""
        self.place, self.read = place, read
        if line is None:
            return
        if line.entry and (first := self.met.get(line.entry.email.lower())):
            words = _("The address stands in row %(row)d already.") % {"row": first.row}
            line = Line(line.file, line.row, line.address, None, Verdict(Outcome.TWICE, words))
        elif line.entry:
            self.met[line.entry.email.lower()] = line
        self.lines.append(line)

    def has_no_room_for(self, line: Line | None) -> bool:
        """Full, or what becomes of this row depends on one of these: the same person joins and leaves."""
        if len(self.lines) >= MOST or (self.read and monotonic() > self.until):
            return True
        if line is None or line.entry is None:
            return False
        first = self.met.get(line.entry.email.lower())
        return bool(first and first.entry and first.entry.leaves != line.entry.leaves)


def batches(tables: Sequence[Table], place: Place, *, topics: Mapping[str, Topic], now: datetime) -> Iterator[Batch]:
    """All batches after `place`. `topics`: those there are, by their names."""
    batch = Batch()
    for table, row, behind, read in _rows(tables, place):
        line = None if row.is_empty else _line(table, row, topics, now)
        if batch.has_no_room_for(line):
            yield batch
            batch = Batch()
        batch.add(line, behind, read)
    if batch.lines:
        yield batch


def _rows(tables: Sequence[Table], place: Place) -> Iterator[tuple[Table, Row, Place, int]]:
    before = sum(table.part.size for table in tables[: place.table])
    for number, table in enumerate(tables[place.table :], start=place.table):
        begin, row = (place.byte, place.row) if number == place.table else (0, 0)
        with table.part.opened() as file:
            for found in table.rows(file, begin=begin, row=row):
                yield table, found, Place(number, found.ends, found.number), before + found.ends
        before += table.part.size


def _line(table: Table, row: Row, topics: Mapping[str, Topic], now: datetime) -> Line:
    """To be judged, unless the row by itself says what becomes of it."""
    file, address = table.part.name, table.typed_address(row)
    try:
        entry = table.entry(row)
        check(entry, topics, now=now)
    except RowRefused as refusal:
        return Line(file, row.number, address, None, Verdict(Outcome.REFUSED, str(refusal), refusal.unquoted))
    if entry.status == State.PENDING:
        words = _("The person never confirmed. They can sign up on the site.")
        return Line(file, row.number, address, None, Verdict(Outcome.PENDING, words))
    return Line(file, row.number, address, entry, Verdict(Outcome.REFUSED))
