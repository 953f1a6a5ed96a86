"""The report of an import: a CSV file with a line for each row, which a spreadsheet opens and runs nothing of."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import BinaryIO

from newsletter.services import cells
from newsletter.services.importing.bringing_in import Line
from newsletter.services.importing.judging import Outcome, said

COLUMNS = ("file", "row", "address", "outcome", "words")
LONGEST_ADDRESS = 254
# What a person should look at: these, and any row that has been brought in with a remark.
PROBLEMS = (Outcome.REFUSED, Outcome.PENDING)
# What needs nobody, and may be most of a file: the report alone names these rows.
UNCHANGED = (Outcome.THERE, Outcome.SUPPRESSED, Outcome.TWICE)


def header() -> bytes:
    return _written([COLUMNS])


def written(lines: Iterable[Line], *, is_check: bool) -> bytes:
    """A check and the bringing in say the same of each row, but that a check says what would be."""
    return _written(
        [
            line.file,
            line.row,
            line.address[:LONGEST_ADDRESS],
            said(line.verdict.outcome, is_check=is_check),
            line.verdict.words,
        ]
        for line in lines
    )


def has_remark(line: Line) -> bool:
    """Brought in, and yet to be looked at."""
    return line.verdict.outcome == Outcome.BROUGHT_IN and bool(line.verdict.words)


def problems(report: BinaryIO, most: int) -> list[dict[str, str]]:
    """The first rows of a report that a person should look at, as they were before they were defused."""
    labels = {str(outcome.label) for outcome in PROBLEMS}
    brought_in = {said(Outcome.BROUGHT_IN, is_check=is_check) for is_check in (True, False)}

    def found() -> Iterator[dict[str, str]]:
        for row in csv.DictReader(io.TextIOWrapper(report, encoding="utf-8-sig", newline="")):
            if row["outcome"] in labels or (row["outcome"] in brought_in and row["words"]):
                yield {name: cells.plain(cell) for name, cell in row.items()}

    return list(islice(found(), most))


def _written(rows: Iterable[Iterable[object]]) -> bytes:
    table = io.StringIO()
    cells.write(table, rows)
    return table.getvalue().encode()
