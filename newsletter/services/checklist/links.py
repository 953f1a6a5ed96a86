"""Where its links lead, and what they are called."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from django.conf import settings
from django.utils.translation import gettext as _

from newsletter.emails.content import Content, Piece
from newsletter.models import Block, Campaign
from newsletter.services.checklist.verdicts import Check, Verdict

# Words that say nothing to somebody who goes from link to link (WCAG 2.2 2.4.4). In the languages of the site.
SAY_NOTHING = frozenset(
    [
        *("click", "click here", "click this", "here", "this", "this link", "link", "go", "details", "more"),
        *("read more", "learn more", "see more", "find out more"),
        *("aquí", "haga clic", "haga clic aquí", "más", "leer más", "ver más", "saber más"),
    ]
)
# Pages of one person or of staff. Copied into a mailing, the first kind would show all readers that person's own.
NOT_FOR_READERS = (
    "/admin/",
    "/appointments/held/",
    "/appointments/manage/",
    "/appointments/requested/",
    "/newsletter/confirm/",
    "/newsletter/preferences/",
    "/newsletter/unsubscribe/",
)


@dataclass(frozen=True)
class Link:
    url: str
    text: str


def checks(campaign: Campaign, blocks: Sequence[Block]) -> Iterator[Check]:
    name, found = _("Links"), list(_written(campaign, blocks))
    troubles = [check for link in dict.fromkeys(found) for check in _troubles(link)]
    yield from troubles
    if found and not troubles:
        yield Check(name, Verdict.OK, _("Each says where it leads."))


def in_html(html: str) -> Iterator[Link]:
    for anchor in BeautifulSoup(html, "html.parser").find_all("a", href=True):
        yield Link(str(anchor["href"]).strip(), anchor.get_text(" ", strip=True))


def addresses(content: Content) -> list[str]:
    """What a reader can follow in the finished letter, each once, in order: http and https alone."""
    found = [link.url for link in in_html(content["introduction"])]
    for piece in content["blocks"]:
        found += _of_piece(piece)
    return [url for url in dict.fromkeys(found) if url.lower().startswith(("http://", "https://"))]


def _of_piece(piece: Piece) -> list[str]:
    if piece["kind"] == "text":
        return [link.url for link in in_html(piece["html"])]
    if piece["kind"] == "picture":
        return [piece["link"]]
    if piece["kind"] == "offer":
        return [piece["url"], piece["request_url"]]
    return [piece["url"]]


def _written(campaign: Campaign, blocks: Sequence[Block]) -> Iterator[Link]:
    yield from in_html(campaign.introduction)
    for block in blocks:
        if block.kind == Block.Kind.TEXT:
            yield from in_html(block.text)
        elif block.kind == Block.Kind.BUTTON:
            yield Link(block.link, block.heading)
        elif block.kind == Block.Kind.PICTURE and block.link:
            # What it is called is the picture's text alternative, which is looked at there.
            yield Link(block.link, block.picture.alt if block.picture else "")


def _troubles(link: Link) -> Iterator[Check]:
    name, said = _("Links"), {"text": link.text, "url": link.url}
    if link.text.strip(" .…:»>→").casefold() in SAY_NOTHING:
        yield Check(
            name, Verdict.WARNING, _("“%(text)s” does not say where it leads (%(url)s). Name what is there.") % said
        )
    own = urlsplit(settings.BASE_URL)
    try:
        url = urlsplit(urljoin(settings.BASE_URL, link.url))
    except ValueError:
        yield Check(name, Verdict.STOP, _("%(url)s is not an address of the web.") % said)
        return
    if url.netloc == own.netloc and url.path.startswith(NOT_FOR_READERS):
        yield Check(
            name, Verdict.STOP, _("%(url)s is a page of staff, or of one person alone. Take the link out.") % said
        )
