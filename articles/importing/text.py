"""Reads a plain-text page, where only blank lines, bullets and short lines show the structure."""

import re
from dataclasses import replace
from html import escape
from itertools import groupby

from django.utils.translation import gettext as _

from articles.importing.furniture import is_banner, is_known
from articles.importing.page import LONGEST_TITLE, Block, FileRefused, Reading, tidy

# A file whose lines are longer than this is not wrapped by hand: each of its lines is a paragraph.
WRAPPED_BY_HAND = 100

BULLET = re.compile(r"^\s*(?:[•◦▪‣●○■∙·]\s*|[*+–—-]\s+)(?=\S)")
NUMBER = re.compile(r"^\s*(\d{1,2})[.)]\s+(?=\S)")
RULE = re.compile(r"^\s*([-_*=~])(?:\s*\1){2,}\s*$")


def read_text(text: str) -> Reading:
    """Reads a .txt file. Headings are paragraphs here: what stands below decides, see `reading`.

    Raises FileRefused when no line can be the title.
    """
    reading = Reading(title="", blocks=[], source=_source(text))
    for lines in _chunks(text):
        reading.blocks += _blocks(lines)
    reading.blocks = [_settled(block, reading) for block in _join_lists(reading.blocks)]
    while reading.blocks and _stands_above_the_title(reading.blocks[0]):
        above = reading.blocks.pop(0)
        reading.furniture += [above.text] if above.text else []
    if not reading.blocks or not _may_be_title(reading.blocks[0]):
        raise FileRefused(
            _("It has no title. Put the title on the first line, without a full stop, with an empty line below it.")
        )
    reading.title = reading.blocks.pop(0).text
    return reading


def _source(text: str) -> list[str]:
    lines = (NUMBER.sub("", BULLET.sub("", line)) for line in text.splitlines() if not RULE.match(line))
    return [line for line in map(tidy, lines) if line]


def _stands_above_the_title(block: Block) -> bool:
    return block.kind == "rule" or is_known(block.text) or is_banner(block.text)


def _may_be_title(block: Block) -> bool:
    return (
        block.kind == "paragraph" and len(block.text) <= LONGEST_TITLE and not block.text.endswith((".", ",", ";", ":"))
    )


def _chunks(text: str) -> list[list[str]]:
    """The runs of lines between blank lines."""
    chunks: list[list[str]] = [[]]
    for line in text.splitlines():
        if tidy(line):
            chunks[-1].append(line)
        elif chunks[-1]:
            chunks.append([])
    return [chunk for chunk in chunks if chunk]


def _blocks(lines: list[str]) -> list[Block]:
    """The paragraphs, lists and rules in a run of lines."""
    one_line_each = max(map(len, lines)) > WRAPPED_BY_HAND
    parts: list[list[str]] = []
    for line in lines:
        if parts and _continues(line, parts[-1], one_line_each=one_line_each):
            parts[-1].append(line)
        else:
            parts.append([line])
    is_underline = [bool(RULE.match(part[0])) and place > 0 for place, part in enumerate(parts)]
    return [_block(part) for part, skipped in zip(parts, is_underline, strict=True) if not skipped]


def _continues(line: str, part: list[str], *, one_line_each: bool) -> bool:
    """Whether a line belongs to the paragraph or the list item above it."""
    if RULE.match(line) or RULE.match(part[-1]) or NUMBER.match(line) or BULLET.match(line):
        return False
    if NUMBER.match(part[0]) or BULLET.match(part[0]):
        return line[0].isspace() or tidy(line)[0].islower()
    return not one_line_each


def _block(part: list[str]) -> Block:
    if RULE.match(part[0]):
        return Block("rule", "", "")
    whole = tidy(" ".join(part))
    if number := NUMBER.match(part[0]):
        return _list(NUMBER.sub("", whole), number=int(number[1]))
    if BULLET.match(part[0]):
        return _list(BULLET.sub("", whole), number=0)
    return _paragraph(whole, may_be_heading=len(part) == 1)


def _paragraph(text: str, *, may_be_heading: bool) -> Block:
    return Block("paragraph", escape(text, quote=False), text, level=2 * may_be_heading)


def _list(item: str, *, number: int) -> Block:
    """A list of one item; until it is settled, its level is the number before the item, 0 for a bullet."""
    tag = "ol" if number else "ul"
    return Block("list", f"<{tag}><li>{escape(item, quote=False)}</li></{tag}>", item, level=number, points=1)


def _settled(block: Block, reading: Reading) -> Block:
    """A lone numbered line is no list but a paragraph or a heading with its number."""
    if block.kind != "list":
        return block
    if block.level and block.points == 1:
        return _paragraph(f"{block.level}. {block.text}", may_be_heading=True)
    if block.level > 1:
        reading.warnings.append(
            _("A numbered list begins at %d in the file; in the draft it begins at 1.") % block.level
        )
    return replace(block, level=0)


def _join_lists(blocks: list[Block]) -> list[Block]:
    """Items that follow each other are one list, with or without blank lines between them."""
    joined: list[Block] = []
    for start, run in groupby(blocks, key=lambda block: block.html[:4] if block.kind == "list" else ""):
        lists = list(run)
        if not start:
            joined += lists
            continue
        inside = "".join(block.html[4:-5] for block in lists)
        text = " ".join(block.text for block in lists)
        points = sum(block.points for block in lists)
        joined.append(replace(lists[0], html=f"{start}{inside}{lists[0].html[-5:]}", text=text, points=points))
    return joined
