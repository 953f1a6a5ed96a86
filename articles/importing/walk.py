"""Goes through the elements of an article and turns them into blocks of clean markup."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html import escape, unescape
from urllib.parse import urljoin, urlsplit

from bs4 import Tag
from bs4.element import NavigableString, PageElement, PreformattedString
from django.utils.translation import gettext as _

from articles.importing.page import BOLD_LINE, Block, Reading, tidy

HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
LISTS = frozenset({"ul", "ol"})
BLOCKS = frozenset(
    {
        *HEADINGS,
        *LISTS,
        *("html", "body", "main", "article", "section", "div", "center", "address", "fieldset", "figure"),
        *("details", "summary", "p", "pre", "blockquote", "hr", "li", "dl", "dt", "dd", "table"),
    }
)
EMPHASIS = {"strong": "strong", "b": "strong", "em": "em", "i": "em"}
SAFE_LINKS = frozenset({"http", "https", "mailto", "tel"})
BREAK = "<br>"


class Walk:
    """Goes through an element once and gives its blocks in reading order."""

    def __init__(self, reading: Reading, base: str) -> None:
        self.reading = reading
        self.base = base
        self.links: list[str] = []

    def blocks(self, root: Tag) -> Iterable[Block]:
        run: list[str] = []  # inline pieces that wait to become a paragraph
        for child in root.children:
            if isinstance(child, NavigableString):
                run.append(self.string(child))
            elif isinstance(child, Tag):
                if child.name in BLOCKS or _holds(child, BLOCKS):
                    yield from self.paragraphs(run)
                    run = []
                    yield from self.block(child)
                else:
                    run.append(self.inline(child))
        yield from self.paragraphs(run)

    def block(self, tag: Tag) -> Iterable[Block]:
        if tag.name in HEADINGS:
            return self.line(tag, Block("heading", "", "", level=int(tag.name[1])))
        if tag.name in {"summary", "dt"}:
            return self.line(tag, Block("paragraph", "", "", level=BOLD_LINE))
        if tag.name in LISTS:
            return self.points(tag)
        if tag.name == "table":
            return self.rows(tag)
        if tag.name == "blockquote":
            return self.quote(tag)
        if tag.name == "hr":
            return [Block("rule", "", "")]
        if tag.name == "a" and tag.get("href"):
            self.lost_link(tidy(tag.get_text(" ")), str(tag["href"]))
        return self.blocks(tag)

    def line(self, tag: Tag, block: Block) -> Iterator[Block]:
        html = _trimmed(self.inside(tag))
        if text := _words(html):
            yield replace(block, html=html, text=text, links=self.taken())

    def quote(self, tag: Tag) -> Iterator[Block]:
        quoted = [block for block in self.blocks(tag) if block.text]
        inside = "".join(block.html if block.kind in {"list", "quote"} else f"<p>{block.html}</p>" for block in quoted)
        if inside:
            text = " ".join(block.text for block in quoted)
            links = tuple(words for block in quoted for words in block.links)
            yield Block("quote", f"<blockquote>{inside}</blockquote>", text, links=links)

    def points(self, tag: Tag) -> Iterable[Block]:
        items: list[tuple[str, str]] = []
        self.items(tag, items)
        if not items:
            return
        inside = "".join(f"<li>{html}</li>" for html, text in items)
        text = " ".join(text for html, text in items)
        yield Block("list", f"<{tag.name}>{inside}</{tag.name}>", text, points=len(items), links=self.taken())

    def items(self, tag: Tag, items: list[tuple[str, str]]) -> None:
        """Collects the items of a list; those of a list inside it follow the item they belonged to."""
        run: list[str] = []
        for child in tag.children:
            if isinstance(child, Tag) and (child.name in LISTS or _holds(child, LISTS)):
                self.item(run, items)
                run = []
                if child.name in LISTS and tag.name not in LISTS:
                    self.warn_once(_("A list inside a list became part of the outer list."))
                self.items(child, items)
            elif isinstance(child, Tag) and child.name == "li":
                self.item(run, items)
                run = []
                self.item([self.inline(child)], items)
            else:
                run.append(self.piece(child))
        self.item(run, items)

    def item(self, run: list[str], items: list[tuple[str, str]]) -> None:
        html = _trimmed("".join(run))
        if text := _words(html):
            items.append((html, text))

    def rows(self, tag: Tag) -> Iterable[Block]:
        rows = []
        for row in tag("tr"):
            cells = [_trimmed(self.inside(cell)) for cell in row(["th", "td"])]
            rows.append(" – ".join(cell for cell in cells if _words(cell)))
        rows = [row for row in rows if row]
        if rows:
            self.warn_once(_("A table became a list, one point a row: check it."))
            inside = "".join(f"<li>{row}</li>" for row in rows)
            yield Block("list", f"<ul>{inside}</ul>", " ".join(map(_words, rows)), points=len(rows), links=self.taken())

    def paragraphs(self, run: list[str]) -> Iterable[Block]:
        """One paragraph, or several where two line breaks follow each other."""
        whole = "".join(run)
        for part in re.split(r"(?:\s*<br>){2,}", whole):
            html = _trimmed(part)
            text = _words(html)
            if not text:
                continue
            bold = re.fullmatch(r"<strong>((?:(?!</?strong>).)*)</strong>", html)
            links = tuple(words for words in self.links if words in text)
            yield Block("paragraph", bold[1] if bold else html, text, level=BOLD_LINE if bold else 0, links=links)
        self.links = []

    def inside(self, tag: Tag) -> str:
        return "".join(self.piece(child) for child in tag.children)

    def piece(self, child: PageElement) -> str:
        if isinstance(child, Tag):
            return self.inline(child)
        return self.string(child) if isinstance(child, NavigableString) else ""

    def string(self, string: NavigableString) -> str:
        """A comment, a doctype or the like is no text. The space at either end is kept for the next word."""
        if isinstance(string, PreformattedString):
            return ""
        raw = str(string)
        text = tidy(raw)
        if not text:
            return " " if raw else ""
        return f"{' ' * raw[0].isspace()}{escape(text, quote=False)}{' ' * raw[-1].isspace()}"

    def inline(self, tag: Tag) -> str:
        if tag.name == "br":
            return BREAK
        if tag.name == "img":
            words = tidy(str(tag.get("alt", "")))
            self.reading.furniture.append(_("Picture: %s") % f"{words} ({shortened(str(tag.get('src', '')))})".strip())
            return " "
        inside = self.inside(tag)
        if tag.name == "q":
            return f"“{inside}”"
        if not _words(inside):
            return inside
        if tag.name in EMPHASIS:
            return _wrapped(EMPHASIS[tag.name], inside)
        if tag.name == "a" and tag.has_attr("href"):
            return self.link(tag, inside)
        # Blocks that stand where only inline text fits keep a space between their words.
        return f" {inside} " if tag.name in BLOCKS else inside

    def link(self, tag: Tag, inside: str) -> str:
        address = "".join(tidy(str(tag["href"])).split())
        try:
            whole = urljoin(self.base, address) if address.strip("#") and not address.startswith("#") else ""
            scheme = urlsplit(whole).scheme
        except ValueError:
            whole = scheme = ""
        words = _words(inside)
        if scheme in SAFE_LINKS and (urlsplit(whole).netloc or scheme in {"mailto", "tel"}):
            self.links.append(words)
            return _wrapped(f'a href="{escape(whole)}"', inside)
        self.lost_link(words, address)
        return inside

    def lost_link(self, words: str, address: str) -> None:
        self.reading.missing_links.append(f"{words} (href=“{shortened(address)}”)")

    def taken(self) -> tuple[str, ...]:
        links, self.links = tuple(self.links), []
        return links

    def warn_once(self, warning: str) -> None:
        if warning not in self.reading.warnings:
            self.reading.warnings.append(warning)


def _holds(tag: Tag, names: frozenset[str]) -> bool:
    return any(isinstance(inside, Tag) and inside.name in names for inside in tag.descendants)


def shortened(address: str) -> str:
    """A picture inside a page is an address of many thousand characters."""
    address = tidy(address)
    return address if len(address) <= 100 else f"{address[:100]}…"


def _wrapped(tag: str, inside: str) -> str:
    """The element, with the spaces at either end outside of it."""
    before = " " * inside[0].isspace()
    after = " " * inside[-1].isspace()
    return f"{before}<{tag}>{inside.strip()}</{tag.split()[0]}>{after}"


def _trimmed(html: str) -> str:
    html = re.sub(r"\s+", " ", html)
    html = re.sub(r" ?<br> ?", BREAK, html)
    return re.sub(r"^(?:<br>|\s)+|(?:<br>|\s)+$", "", html)


def _words(html: str) -> str:
    """The plain text of inline markup that was written here, where every < begins a tag."""
    return tidy(unescape(re.sub(r"<[^>]*>", "", html.replace(BREAK, " "))))
