"""What reading a file gives: blocks on the way, an ImportedPage at the end, or FileRefused."""

import re
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["heading", "paragraph", "list", "quote", "rule"]

BOLD_LINE = 7

LONGEST_TITLE = 160  # characters; what Article.title holds

# Zero-width space, word joiner, byte order mark and soft hyphen come along in pasted pages. Control characters can
# also come as HTML entities: the database refuses some, and a terminal would obey others.
INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


class FileRefused(Exception):
    """A file cannot become a draft. The message says why and what to do, for the person at the keyboard."""


@dataclass(frozen=True)
class Block:
    """One piece of a page in reading order.

    `html` is already escaped: the inside of a heading or paragraph, the whole element of a list or quote.
    `text` is the same in plain words. `level` is the heading's level in its source, 1 to 6; a paragraph that
    might be a heading has the level that it would have then, and BOLD_LINE when it is all bold. `points`
    counts the items of a list. `links` holds the words of each link that has an address.
    """

    kind: Kind
    html: str
    text: str
    level: int = 0
    points: int = 0
    links: tuple[str, ...] = ()


@dataclass
class Reading:
    """What a reader found in one file, before furniture is set aside. `source` is every text of the file."""

    title: str
    blocks: list[Block]
    source: list[str]
    furniture: list[str] = field(default_factory=list)
    missing_links: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Counts:
    """What the body holds. The contact line is not among the paragraphs."""

    headings: int
    paragraphs: int
    points: int


@dataclass(frozen=True)
class ImportedPage:
    """An article as read from a file.

    `html` is sanitised. `contact_line` is the plain text of the last paragraph when it says how to reach the
    practice, else empty. `furniture`, `missing_links` and `warnings` are in reading order.
    """

    title: str
    html: str
    contact_line: str
    counts: Counts
    furniture: tuple[str, ...]
    missing_links: tuple[str, ...]
    warnings: tuple[str, ...]


def tidy(text: str) -> str:
    """The text on one line, with plain single spaces: pasted pages are full of no-break spaces."""
    return " ".join(INVISIBLE.sub("", text).split())
