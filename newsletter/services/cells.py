"""CSV files that leave here, so that no spreadsheet takes a cell for a formula, and the way back."""

import csv
import re
from collections.abc import Iterable
from typing import TextIO

# What a spreadsheet runs when a cell begins with it (OWASP, "CSV Injection"); also behind marks that it may take away.
FORMULA = r"""(?=["']*[=+\-@＝＋－＠])"""
# Where it goes by another separator than the comma no quotation marks help, and a cell begins within ours as well.
BEGINS = r"(?:\A|(?<=[;\t\r\n]))"
BLANK = r"""\A(?=["']*[\t\r\n])"""
TO_DEFUSE = re.compile(f"{BEGINS}{FORMULA}|{BLANK}")
DEFUSED = re.compile(f"{BEGINS}'{FORMULA}|{BLANK}'")


def write(file: TextIO, rows: Iterable[Iterable[object]]) -> None:
    """The rows, defused, with every cell in quotation marks."""
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerows([defused(str(cell)) for cell in row] for row in rows)


def defused(text: str) -> str:
    """With an apostrophe before what would be a formula, or looks like one that was defused already."""
    return TO_DEFUSE.sub("'", text)


def plain(text: str) -> str:
    """What `defused` was given: one apostrophe less, where one was put."""
    return DEFUSED.sub("", text)
