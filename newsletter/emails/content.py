"""What a campaign says, as plain JSON: frozen when it starts, so that what has gone to one person is not changed for
the next, whatever becomes of its articles, offers and pictures."""

import html as entities
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypedDict
from urllib.parse import urljoin, urlsplit, urlunsplit

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from clinic.models import Image, Offer, Practice, Rendition
from clinic.rich_text import sanitise
from newsletter.models import Block, Campaign

# Twice the width of the column at most is what a sharp display can show; more only makes the letter slow to open.
WIDEST_PICTURE = 1200
# A tag as the sanitiser writes it: attributes in double quotes, which may hold an angle bracket.
HREF = re.compile(r'(<a\b[^<>"]*(?:"[^"]*"[^<>"]*)*?\bhref=")([^"]*)(")')


class PictureShown(TypedDict):
    """A JPEG by its whole address, with its own size in pixels; `alt` is empty for a decorative one."""

    url: str
    width: int
    height: int
    alt: str


class TextPiece(TypedDict):
    kind: Literal["text"]
    heading: str
    html: str


class PicturePiece(TypedDict):
    kind: Literal["picture"]
    picture: PictureShown
    link: str


class ArticlePiece(TypedDict):
    kind: Literal["article"]
    title: str
    standfirst: str
    url: str
    picture: PictureShown | None
    minutes: int


class OfferPiece(TypedDict):
    """`price` like "120.00", `ends_at` in ISO 8601 with its offset."""

    kind: Literal["offer"]
    id: int
    title: str
    summary: str
    terms: str
    price: str | None
    currency: str
    url: str
    request_url: str
    picture: PictureShown | None
    ends_at: str


class ButtonPiece(TypedDict):
    kind: Literal["button"]
    label: str
    url: str


Piece = TextPiece | PicturePiece | ArticlePiece | OfferPiece | ButtonPiece


class Sender(TypedDict):
    """The practice as it was: `address` is its postal address in one line, `url` the home page."""

    name: str
    address: str
    phone: str
    url: str
    time_zone: str


class Content(TypedDict):
    """Every link is a whole address, and those to the site's own pages carry `?from=` and the campaign's code.

    `archive_url` is empty for a campaign that is not shown in the archive.
    """

    subject: str
    preheader: str
    language: str
    code: str
    introduction: str
    blocks: list[Piece]
    practice: Sender
    archive_url: str
    offers_url: str


def content_of(campaign: Campaign, *, now: datetime) -> Content:
    """What the campaign would say if it started at `now`: a saved one, in six queries however many blocks it has.

    A picture whose renditions are not made yet is left out, and with it a block that is only the picture:
    `pictures_awaited` names them. Offers that have ended are in it; `shown_blocks` leaves them out.
    """
    code = campaign.code
    practice = Practice.objects.first() or Practice()
    pieces = [_piece(block, code) for block in _blocks(campaign)]
    archive = reverse("newsletter:edition", args=[campaign.slug]) if campaign.is_public else ""
    return {
        "subject": " ".join(campaign.subject.split()),
        "preheader": " ".join(campaign.preheader.split()),
        "language": campaign.language,
        "code": code,
        "introduction": _words(campaign.introduction, code),
        "blocks": [piece for piece in pieces if piece is not None],
        "practice": {
            "name": practice.name,
            "address": practice.address_line,
            "phone": practice.phone,
            "url": own_address("/", code),
            "time_zone": practice.time_zone,
        },
        "archive_url": own_address(archive, code) if archive else "",
        "offers_url": own_address(reverse("clinic:offers"), code),
    }


def pictures_awaited(campaign: Campaign) -> list[Image]:
    """Pictures of the campaign that a letter cannot show yet, because their renditions are not made."""
    pictures = [picture for block in _blocks(campaign) if (picture := block.shown_picture)]
    return [picture for picture in pictures if _jpeg(picture) is None]


def shown_blocks(content: Content, *, now: datetime) -> list[Piece]:
    """The blocks without offers that have ended at `now`."""
    return [piece for piece in content["blocks"] if piece["kind"] != "offer" or _end(piece) > now]


def next_end(content: Content, *, now: datetime) -> datetime | None:
    """When an offer in it ends next, in UTC or its own offset: what was rendered at `now` holds until then."""
    ends = [_end(piece) for piece in content["blocks"] if piece["kind"] == "offer"]
    return min((end for end in ends if end > now), default=None)


def own_address(href: str, code: str) -> str:
    """The whole address of what a link names, with `from=code` if it is one of the site's own pages.

    Other sites, mailto: and tel: come back untouched, and so does what no browser could follow.
    """
    try:
        whole = urlsplit(urljoin(f"{settings.BASE_URL}/", href))
    except ValueError:
        return href
    is_ours = whole.scheme in {"http", "https"} and whole.netloc.lower() == urlsplit(settings.BASE_URL).netloc.lower()
    if not is_ours:
        return urlunsplit(whole) if href.startswith("//") else href
    if whole.path.startswith((settings.MEDIA_URL, settings.STATIC_URL)):
        return urlunsplit(whole)
    # Left as they were typed; only a code of another mailing, from a link that was copied there, gives way.
    others = [part for part in whole.query.split("&") if part and part.partition("=")[0] != "from"]
    return urlunsplit(whole._replace(path=whole.path or "/", query="&".join([*others, f"from={code}"])))


def _blocks(campaign: Campaign) -> "QuerySet[Block]":
    pictures = ["picture", "article__picture", "offer__picture"]
    long = ["article__body", "article__key_points", "article__search_vector"]
    blocks = campaign.blocks.select_related("article", "offer", *pictures).defer(*long)
    return blocks.prefetch_related(*(f"{picture}__renditions" for picture in pictures))


def _piece(block: Block, code: str) -> Piece | None:
    picture = _shown(block.shown_picture)
    if block.kind == Block.Kind.TEXT:
        return {"kind": "text", "heading": block.heading, "html": _words(block.text, code)}
    if block.kind == Block.Kind.BUTTON:
        return {"kind": "button", "label": block.heading, "url": own_address(block.link, code)}
    if block.kind == Block.Kind.PICTURE and picture:
        link = own_address(block.link, code) if block.link else ""
        return {"kind": "picture", "picture": picture, "link": link}
    if block.kind == Block.Kind.ARTICLE and block.article:
        return {
            "kind": "article",
            "title": block.article.title,
            "standfirst": block.article.standfirst,
            "url": own_address(block.article.get_absolute_url(), code),
            "picture": picture,
            "minutes": block.article.reading_minutes,
        }
    return _offer(block.offer, picture, code) if block.kind == Block.Kind.OFFER and block.offer else None


def _offer(offer: Offer, picture: PictureShown | None, code: str) -> OfferPiece:
    return {
        "kind": "offer",
        "id": offer.pk,
        "title": offer.title,
        "summary": offer.summary,
        "terms": offer.terms,
        "price": None if offer.price is None else f"{offer.price:.2f}",
        "currency": offer.currency,
        "url": own_address(f"{reverse('clinic:offers')}#{offer.slug}", code),
        "request_url": own_address(f"{reverse('appointments:request')}?offer={offer.slug}", code),
        "picture": picture,
        "ends_at": offer.ends_at.isoformat(),
    }


def _end(offer: OfferPiece) -> datetime:
    return datetime.fromisoformat(offer["ends_at"])


def _words(html: str, code: str) -> str:
    """Rich text whose links are whole addresses."""

    def whole(found: re.Match[str]) -> str:
        return found[1] + entities.escape(own_address(entities.unescape(found[2]), code)) + found[3]

    return HREF.sub(whole, sanitise(html))


def _shown(image: Image | None) -> PictureShown | None:
    jpeg = _jpeg(image) if image else None
    if image is None or jpeg is None:
        return None
    url = urljoin(f"{settings.BASE_URL}/", jpeg.file.url)
    return {"url": url, "width": jpeg.width, "height": jpeg.height, "alt": "" if image.is_decorative else image.alt}


def _jpeg(image: Image) -> Rendition | None:
    """The widest JPEG that a letter can use; mail programs know no WebP."""
    jpegs: Sequence[Rendition] = sorted(
        (rendition for rendition in image.renditions.all() if rendition.format == Rendition.Format.JPEG),
        key=lambda rendition: rendition.width,
    )
    fitting = [rendition for rendition in jpegs if rendition.width <= WIDEST_PICTURE]
    return fitting[-1] if fitting else next(iter(jpegs), None)
