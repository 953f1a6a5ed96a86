"""Reads .html pages, and .md by way of HTML: finds the article in the page and turns it into blocks."""

import re
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.element import PreformattedString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markdown_it import MarkdownIt

from articles.importing.page import FileRefused, Reading, tidy
from articles.importing.soup import parse
from articles.importing.walk import HEADINGS, Walk, shortened

NEVER_TEXT = ("script", "style", "template")
FURNITURE_TAGS = frozenset(
    {
        *("nav", "header", "footer", "form", "aside", "menu", "dialog", "noscript"),
        *("button", "select", "textarea", "label"),
        *("iframe", "video", "audio", "object", "embed", "svg", "canvas", "figcaption", "caption"),
    }
)
FURNITURE_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "complementary", "search", "form", "dialog", "button"}
)
# Whole class names or ids that themes give to what stands around an article.
FURNITURE_NAMES = frozenset(
    {
        *("breadcrumb", "breadcrumbs", "menu", "pagination", "sidebar", "skip-link", "screen-reader-text"),
        *("btn", "button", "wp-block-button", "wp-block-buttons", "cta", "cookie-banner"),
        *("share", "sharing", "social", "social-share", "newsletter", "newsletter-signup", "comments"),
        *("related", "related-posts", "post-meta", "entry-meta", "byline", "wp-caption-text"),
    }
)
FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
SITE_NAME = re.compile(r"\s+[|–—»·-]\s+[^|–—»·]+$")


def read_markdown(text: str) -> Reading:
    """Reads a .md file: its first level-one heading is the title, or `title:` in front matter.

    Raises FileRefused when there is neither.
    """
    front = FRONT_MATTER.match(text)
    settings = [line for line in map(tidy, (front[1] or "").splitlines()) if line] if front else []
    title = next((line.partition(":")[2].strip(" \"'") for line in settings if line.lower().startswith("title:")), "")
    rendered = MarkdownIt("commonmark").enable("table").render(text[front.end() :] if front else text)
    soup = parse(rendered)
    if not title and not _title_heading(soup):
        raise FileRefused(_("It has no title. Begin the file with a line such as “# Title”."))
    reading = _read(soup, title)
    reading.furniture = [line for line in settings if not line.lower().startswith("title:")] + reading.furniture
    return reading


def read_html(text: str) -> Reading:
    """Reads a .html file: the article is found in the page, all else is reported.

    Raises FileRefused when the page has no heading of level one and no title of its own.
    """
    soup = parse(text)
    if _title_heading(soup):
        return _read(soup, "")
    title = tidy(soup.title.get_text()) if soup.title else ""
    if not title:
        raise FileRefused(_("It has no title. The page needs an <h1> or a <title>."))
    reading = _read(soup, SITE_NAME.sub("", title))
    reading.warnings.append(_("There is no <h1>; the title is the page's <title>: check it."))
    return reading


def _read(soup: BeautifulSoup, title: str) -> Reading:
    reading = Reading(title=title, blocks=[], source=[])
    _remove_scripts(soup, reading)
    page = soup.body or soup
    for head in soup("head"):
        base = _own_address(soup)
        head.extract()
        break
    else:
        base = ""
    reading.source = _texts(page)
    root = _article(page)
    heading = None if title else _title_heading(root) or _title_heading(page)
    if heading is not None:
        reading.title = tidy(heading.get_text(" "))
        heading.extract()
    _set_furniture_aside(root, reading)
    reading.blocks = list(Walk(reading, base).blocks(root))
    if title and reading.blocks and reading.blocks[0].kind == "heading" and reading.blocks[0].text == title:
        del reading.blocks[0]
    if root is not page:
        root.extract()
        _set_furniture_aside(page, reading)
        reading.furniture += _texts(page)
    return reading


def _title_heading(root: Tag) -> Tag | None:
    """The first level-one heading with words in it; one in a page's own header or menu comes last."""
    found = [heading for heading in root("h1") if tidy(heading.get_text())]
    found.sort(key=lambda heading: heading.find_parent(["nav", "footer", "aside", "header"]) is not None)
    return found[0] if found else None


def _own_address(soup: BeautifulSoup) -> str:
    """Where the page says it lives, so that its relative links can be completed; else an empty string."""
    for selector, attribute in (
        ("base[href]", "href"),
        ('link[rel="canonical"]', "href"),
        ('meta[property="og:url"]', "content"),
    ):
        for found in soup.select(selector):
            address = str(found.get(attribute, ""))
            if urlsplit(address).scheme in {"http", "https"}:
                return address
    return ""


def _article(page: Tag) -> Tag:
    """The element that holds the article: main or article, whichever fits more tightly around the text."""
    main = page.select_one("main, [role=main]") or page
    articles = [found for found in main("article") if not found.find_parent("article")]
    if articles:
        longest = max(articles, key=lambda article: len(article.get_text()))
        if len(longest.get_text()) * 2 > len(main.get_text()) or len(articles) == 1:
            return longest
    return main


def _remove_scripts(soup: BeautifulSoup, reading: Reading) -> None:
    counts = dict.fromkeys(NEVER_TEXT, 0)
    for found in soup(list(NEVER_TEXT)):
        if not found.decomposed:
            counts[found.name] += 1
            found.decompose()
    if scripts := counts["script"]:
        reading.warnings.append(ngettext("%d script was removed.", "%d scripts were removed.", scripts) % scripts)
    armed = [found for found in soup(True) if any(name.lower().startswith("on") for name in found.attrs)]
    if armed:
        reading.warnings.append(
            ngettext(
                "%d element carried script attributes; they were removed.",
                "%d elements carried script attributes; they were removed.",
                len(armed),
            )
            % len(armed)
        )


def _set_furniture_aside(root: Tag, reading: Reading) -> None:
    for found in root(_is_furniture):
        if found.decomposed:
            continue
        words = " · ".join(_texts(found))
        if address := str(found.get("src", "")) or _first_source(found):
            words = f"{words} ({shortened(address)})".strip()
        if words:
            reading.furniture.append(words)
        found.decompose()


def _first_source(tag: Tag) -> str:
    inside = tag.find(["source", "iframe"], src=True)
    return str(inside["src"]) if inside else ""


def _is_furniture(tag: Tag) -> bool:
    if tag.name == "footer" and tag.find_parent("blockquote"):
        return False  # who said it
    if tag.name == "header" and tag.find(HEADINGS) and tag.find_parent(["main", "article", "section"]):
        return False  # a section's heading in its wrapping
    if tag.name in FURNITURE_TAGS or tag.has_attr("hidden"):
        return True
    if str(tag.get("role", "")).lower() in FURNITURE_ROLES:
        return True
    if re.search(r"display\s*:\s*none", str(tag.get("style", "")), re.IGNORECASE):
        return True
    names = {str(name).lower() for name in (*(tag.get_attribute_list("class")), tag.get("id")) if name}
    return tag.name not in {"body", "main", "article"} and bool(names & FURNITURE_NAMES)


def _texts(root: Tag) -> list[str]:
    found = (tidy(str(string)) for string in root.find_all(string=True) if not isinstance(string, PreformattedString))
    return [text for text in found if text]
