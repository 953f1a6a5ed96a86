"""Parses HTML as it is found on the web, where <p>, <li> and <td> are often left open."""

from typing import Any

from bs4 import BeautifulSoup, Tag
from django.utils.translation import gettext as _

from articles.importing.page import FileRefused
from articles.importing.walk import BLOCKS

DEEPEST = 150  # elements inside each other; a real page has about 30

# What a start tag closes when it is still open, and the elements beyond which it closes nothing
# (HTML Standard, section 13.1.2.4 "Optional tags").
CELL = (frozenset({"td", "th"}), frozenset({"tr", "table"}))
TERM = (frozenset({"dt", "dd"}), frozenset({"dl"}))
PARAGRAPH = (frozenset({"p"}), frozenset({"td", "th", "table", "caption", "button", "object", "template"}))
CLOSES = {
    **dict.fromkeys(BLOCKS, PARAGRAPH),
    **dict.fromkeys(("header", "footer", "nav", "aside", "form", "menu", "dialog", "figcaption"), PARAGRAPH),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu"})),
    "dt": TERM,
    "dd": TERM,
    "td": CELL,
    "th": CELL,
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "option": (frozenset({"option"}), frozenset({"select"})),
}


class Soup(BeautifulSoup):
    """html.parser alone would put each element that was left open around all that follows it."""

    def handle_starttag(self, name: str, *args: Any, **kwargs: Any) -> Tag | None:
        if name in CLOSES:
            closed, walls = CLOSES[name]
            self._close(closed, walls)
        return super().handle_starttag(name, *args, **kwargs)

    def _close(self, closed: frozenset[str], walls: frozenset[str]) -> None:
        tag = self.currentTag
        for _depth in range(DEEPEST):
            if tag is None or tag.name in walls:
                return
            if tag.name in closed:
                self.handle_endtag(tag.name)
                return
            tag = tag.parent


def parse(text: str) -> BeautifulSoup:
    """Raises FileRefused for a page nested so deeply that walking through it would fail."""
    soup = Soup(_without_open_ends(text), "html.parser")
    level: list[Tag] = [soup]
    for _depth in range(DEEPEST):
        level = [child for tag in level for child in tag.children if isinstance(child, Tag)]
    if level:
        raise FileRefused(_("Its elements are nested too deeply to be read."))
    return soup


def _without_open_ends(text: str) -> str:
    """Makes plain text of marks that nothing closes: html.parser searches the whole file for the end of each."""
    for opening, closing in (("<!--", "-->"), ("<![", "]"), ("<", ">")):
        end = text.rfind(closing) + 1
        text = text[:end] + text[end:].replace(opening, f"&lt;{opening[1:]}")
    return text
