"""From a file to an ImportedPage: the one way in for callers."""

import re
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path

from django.utils.translation import gettext as _

from articles.importing import furniture
from articles.importing.files import read_file
from articles.importing.links import missing_links
from articles.importing.markup import read_html, read_markdown
from articles.importing.page import BOLD_LINE, LONGEST_TITLE, Block, Counts, FileRefused, ImportedPage, Reading, tidy
from articles.importing.text import read_text
from clinic.rich_text import sanitise

READERS = {".txt": read_text, ".md": read_markdown, ".html": read_html}

LONGEST_HEADING = 12  # words
LONGEST_PLAIN_HEADING = 8  # words, when it is written like a sentence
SMALL_WORDS = re.compile(
    r"an?|and|as|at|but|by|for|from|how|if|in|into|is|are|it|of|off|on|or|our|over|so|than|that|the|their|to|up|use"
    r"|vs\.?|via|was|when|with|without|you|your|can|does?"
)
QUESTION = re.compile(
    r"^(?:what|who|when|where|why|how|which|is|are|can|does|do|will|should|am|may)\b.*\?$", re.IGNORECASE
)
TAG = re.compile(r"</?([a-z0-9]+)[^>]*>")


def read_page(path: Path) -> ImportedPage:
    """Reads one .txt, .md or .html file. Nothing is stored.

    Raises FileRefused, with a message for the person who imports, when the file cannot become an article.
    """
    text, warning = read_file(path, known=READERS)
    reading = READERS[path.suffix.lower()](text)
    if warning:
        reading.warnings.insert(0, warning)
    return page_of(reading)


def page_of(reading: Reading) -> ImportedPage:
    """Sets furniture aside, tells headings from paragraphs and cleans the body.

    Raises FileRefused when nothing is left for the body, the title is too long, or a sentence would be lost.
    """
    if len(reading.title) > LONGEST_TITLE:
        raise FileRefused(
            _("Its title has %(has)d characters; %(most)d are the most.")
            % {"has": len(reading.title), "most": LONGEST_TITLE}
        )
    kept, left_out, doubts = furniture.divide(reading.blocks)
    blocks = _levelled(_with_headings(_without_loose_rules(kept), reading.warnings))
    if not any(block.text and block.kind != "heading" for block in blocks):
        raise FileRefused(_("It has a title but no text."))
    contact = blocks[-1].text if furniture.is_contact_line(blocks[-1]) else ""
    doubts += [
        _("Text follows the contact line “%s”: check whether it belongs to the article.") % block.text
        for block in blocks[:-1]
        if furniture.is_contact_line(block) and furniture.PHONE_OR_MAIL.search(block.text)
    ]
    page = ImportedPage(
        title=reading.title,
        html=sanitise("\n".join(_markup(block) for block in blocks)),
        contact_line=contact,
        counts=_counts(blocks, contact),
        furniture=tuple(reading.furniture) + tuple(left_out),
        missing_links=tuple(reading.missing_links + [s for b in blocks for s in missing_links(b.text, b.links)]),
        warnings=tuple(reading.warnings + doubts),
    )
    if lost := lost_texts(reading.source, page):
        raise FileRefused(_("It was not imported because these words would be lost: %s") % " … ".join(lost[:3]))
    return page


def lost_texts(source: list[str], page: ImportedPage) -> list[str]:
    """The texts of the source that stand neither in the title, nor in the body, nor in the reported furniture.

    Counting words is quick and finds a sentence that stood twice and was kept once; a text with a missing word is
    then looked for as a whole, because markup can part a word that reads as one.
    """
    whole = " ".join((page.title, _plain(page.html), *page.furniture))
    missing = Counter(_words(" ".join(source))) - Counter(_words(whole))
    return [text for text in source if any(word in missing for word in _words(text)) and text not in whole]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _plain(html: str) -> str:
    inline = re.compile(r"</?(?:a|strong|em)\b[^>]*>")
    return tidy(unescape(TAG.sub(" ", inline.sub("", html))))


def _without_loose_rules(blocks: list[Block]) -> list[Block]:
    """A rule stands between two other blocks, or it separates nothing."""
    kept: list[Block] = []
    for block in blocks:
        if block.kind != "rule" or (kept and kept[-1].kind != "rule"):
            kept.append(block)
    return kept[:-1] if kept and kept[-1].kind == "rule" else kept


def _with_headings(blocks: list[Block], warnings: list[str]) -> list[Block]:
    """Lines that read like a heading become headings where something follows below; else none does."""
    told: list[Block] = []
    for block in reversed(blocks):
        heads = bool(told) and told[-1].kind != "rule"
        likely = block.kind == "heading" or (block.kind == "paragraph" and block.level and reads_like_heading(block))
        if likely and heads:
            block = replace(block, kind="heading")
        elif likely:
            warnings.append(_("A short line with nothing below it was kept as a paragraph: “%s”") % block.text)
        if not heads or not likely:
            block = _as_paragraph(block)
        told.append(block)
    return told[::-1]


def _as_paragraph(block: Block) -> Block:
    if block.kind not in {"paragraph", "heading"}:
        return block
    html = f"<strong>{block.html}</strong>" if block.level == BOLD_LINE else block.html
    return replace(block, kind="paragraph", html=html, level=0)


def reads_like_heading(block: Block) -> bool:
    """A short line without the end of a sentence and mostly in capitals, or very short, or a short question."""
    words = re.findall(r"[\w'’&-]+", block.text)
    if not words or len(words) > LONGEST_HEADING or furniture.is_contact_line(block):
        return False
    if re.search(r"[.!…,;:]$", block.text) or not (words[0][0].isupper() or words[0][0].isdigit()):
        return False
    titled = _share_of_capitals(words) >= 0.6
    if block.text.endswith("?"):
        return titled or bool(QUESTION.match(block.text))
    return titled or len(words) <= LONGEST_PLAIN_HEADING


def _share_of_capitals(words: list[str]) -> float:
    weighty = [word for word in words if not SMALL_WORDS.fullmatch(word.lower())]
    return sum(not word[0].islower() for word in weighty) / len(weighty) if weighty else 0.0


def _levelled(blocks: list[Block]) -> list[Block]:
    """The highest level of heading in the page becomes h2, the next h3, all below h4: no level is skipped."""
    levels = sorted({block.level for block in blocks if block.kind == "heading"})
    return [
        replace(block, level=min(2 + levels.index(block.level), 4)) if block.kind == "heading" else block
        for block in blocks
    ]


def _markup(block: Block) -> str:
    if block.kind == "rule":
        return "<hr>"
    tag = {"heading": f"h{block.level}", "paragraph": "p"}.get(block.kind)
    return f"<{tag}>{block.html}</{tag}>" if tag else block.html


def _counts(blocks: list[Block], contact: str) -> Counts:
    kinds = [block.kind for block in blocks]
    return Counts(
        headings=kinds.count("heading"),
        paragraphs=kinds.count("paragraph") - bool(contact),
        points=sum(block.points for block in blocks),
    )
