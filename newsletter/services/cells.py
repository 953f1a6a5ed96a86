"""Cells of the CSV files that leave here, so that no spreadsheet takes one for a formula, and the way back."""

import re

# What a spreadsheet runs when a cell begins with it (OWASP, "CSV Injection").
STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
DEFUSED = re.compile(r"'+[=+\-@\t\r]")


def defused(text: str) -> str:
    """The cell with an apostrophe before it, if it would be a formula or looks like one that was defused already."""
    return f"'{text}" if text.startswith(STARTS_FORMULA) or DEFUSED.match(text) else text


def plain(text: str) -> str:
    """What `defused` was given: one apostrophe less, where one was put."""
    return text[1:] if DEFUSED.match(text) else text
