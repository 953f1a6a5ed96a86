"""A campaign's content as the two forms of a letter, HTML and plain text.

What differs from person to person stands in both as a mark between two private characters, which no text can hold:
the name, and the addresses of the pages to leave and to choose topics.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import css_inline
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import override

from clinic.templatetags.clinic import last_moment, minutes, money
from newsletter.emails.content import Content, PictureShown, Piece, shown_blocks
from newsletter.emails.person import Person, leave_address, preferences_address
from newsletter.emails.plain_text import heading, text_of, wrapped

# Gmail cuts a letter off above 102 KB and hides the link to leave with the rest. Names and tokens take their part.
LARGEST = 100_000
# Keeps the words of the letter out of the line that mailboxes show beside the subject.
FILLER = 80
COLUMN = 536  # pixels: the container of 600 without its margins

OPEN, CLOSE = "\ue000", "\ue001"
LEAVE, PREFERENCES = f"{OPEN}leave{CLOSE}", f"{OPEN}preferences{CLOSE}"
# " name|" stands for the space before a name without a fallback: it goes away with the name.
MARK = re.compile(f"{OPEN}(leave|preferences| ?name\\|)([^{OPEN}{CLOSE}]*){CLOSE}")
SPACE = r"(?:\s|&nbsp;)*"
FIELD = re.compile(rf"([ \u00a0]|&nbsp;)?\{{\{{{SPACE}name{SPACE}(?:\|([^{{}}<>]*))?\}}\}}")
TAG = re.compile(r'(<[^<>"]*(?:"[^"]*"[^<>"]*)*>)')

_inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_link_tags=False)


class TooLarge(Exception):
    """The letter is so large that mailboxes would cut it off; the message is a sentence for staff."""


@dataclass(frozen=True)
class Rendered:
    """Both forms of a letter, with marks for what is each person's own. No line of the subject is broken."""

    subject: str
    html: str
    text: str
    language: str = "en"


def render(content: Content, *, now: datetime) -> Rendered:
    """The letter as it stands at `now`, for everyone: offers that have ended are gone.

    Raises TooLarge when the HTML has more than 100 KB.
    """
    with override(content["language"]):
        content = _without_marks(content)
        context = _context(content, now)
        # Without the templates' indentation, which would only make every letter larger.
        page = re.sub(r"\n[ \n]+", "\n", render_to_string("newsletter/mailing/mailing.html", context))
        html = _inliner.inline(page)
        text = render_to_string("newsletter/mailing/mailing.txt", context)
    size = len(html.encode())
    if size > LARGEST:
        raise TooLarge(
            _(
                "This mailing has %(size)d KB. Mailboxes cut a letter off above 100 KB, and its link to leave with it: "
                "take something out, or send it as two."
            )
            % {"size": math.ceil(size / 1000)}
        )
    subject = " ".join(content["subject"].split())
    return Rendered(subject=subject, html=html, text=_tidy(text), language=content["language"])


def filled(rendered: Rendered, person: Person) -> Rendered:
    """The letter as this person gets it, for previews and letters that are kept."""
    return replace(
        rendered,
        html=MARK.sub(_filling(person, escape), rendered.html),
        text=MARK.sub(_filling(person, str), rendered.text),
    )


def _filling(person: Person, written: Callable[[str], str]) -> Callable[[re.Match[str]], str]:
    """What replaces a mark; `written` makes a name into what the form can hold."""

    def fill(mark: re.Match[str]) -> str:
        if mark[1] == "leave":
            return written(leave_address(person.token))
        if mark[1] == "preferences":
            return written(preferences_address(person.token))
        if not person.shown_name:
            return mark[2]
        return mark[1].removesuffix("name|") + written(person.shown_name)

    return fill


def with_name_marks(html: str) -> str:
    """Rich text with a mark for each `{{ name }}` in its words; one inside of a tag stays as it was typed."""
    return "".join(part if part.startswith("<") else FIELD.sub(_name_mark, part) for part in TAG.split(html))


def _name_mark(field: re.Match[str]) -> str:
    before, fallback = field[1] or "", " ".join((field[2] or "").replace("&nbsp;", " ").split())
    return f"{before}{OPEN}name|{fallback}{CLOSE}" if fallback else f"{OPEN}{' ' if before else ''}name|{CLOSE}"


def _without_marks(value: Any) -> Any:
    """The same JSON; nothing in it can be taken for a mark."""
    if isinstance(value, str):
        return value.replace(OPEN, "").replace(CLOSE, "")
    if isinstance(value, dict):
        return {key: _without_marks(item) for key, item in value.items()}
    return [_without_marks(item) for item in value] if isinstance(value, list) else value


def _context(content: Content, now: datetime) -> dict[str, Any]:
    introduction = with_name_marks(content["introduction"])
    zone = ZoneInfo(content["practice"]["time_zone"])
    reason = _("You get this letter because you asked us to send our e-newsletter to this address.")
    pieces = [_laid_out(piece, zone) for piece in shown_blocks(content, now=now)]
    return {
        "content": content,
        "subject_text": wrapped(content["subject"]),
        "filler": range(FILLER),
        "practice": content["practice"],
        "introduction": mark_safe(introduction),  # noqa: S308 -- sanitised when it was frozen
        "introduction_text": text_of(introduction),
        "pieces": pieces,
        "is_empty": not pieces and not text_of(introduction),
        "reason": reason,
        "reason_text": wrapped(reason),
        "leave": LEAVE,
        "preferences": PREFERENCES,
    }


def _laid_out(piece: Piece, zone: ZoneInfo) -> dict[str, Any]:
    """The piece with what both templates show of it."""
    shown: dict[str, Any] = {**piece}
    if piece["kind"] == "text":
        words = with_name_marks(piece["html"])
        shown |= {"html": mark_safe(words), "text": text_of(words), "heading_text": heading(piece["heading"])}  # noqa: S308
    elif piece["kind"] == "article":
        shown |= {"title_text": heading(piece["title"]), "standfirst_text": wrapped(piece["standfirst"])}
        shown["time"] = minutes(piece["minutes"])
    elif piece["kind"] == "offer":
        until = last_moment(datetime.fromisoformat(piece["ends_at"]), zone)
        shown |= {"title_text": heading(piece["title"]), "until": until}
        shown |= {"summary_text": wrapped(piece["summary"]), "terms_text": wrapped(piece["terms"])}
        shown["cost"] = money(Decimal(piece["price"]), piece["currency"]) if piece["price"] is not None else ""
    if picture := shown.get("picture"):
        shown["picture"] = _fitted(picture)
        shown["alt_text"] = wrapped(f"[{picture['alt']}]") if picture["alt"] else ""
    return shown


def _fitted(picture: PictureShown) -> dict[str, Any]:
    """With the size it is shown in. Outlook obeys the attributes alone, so they say that size and not the file's."""
    width = min(picture["width"], COLUMN)
    return {**picture, "width": width, "height": max(1, round(picture["height"] * width / picture["width"]))}


def _tidy(text: str) -> str:
    """At most one empty line in a row, none at either end."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"
