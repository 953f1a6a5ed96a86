"""A mailing as the site shows it to everyone, from what was frozen when it was sent."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString, mark_safe

from newsletter.emails.content import Content, Piece, shown_blocks
from newsletter.emails.rendering import MARK, with_name_marks
from newsletter.models import Campaign
from newsletter.services.offers_shown import frozen


@dataclass(frozen=True)
class Edition:
    """`pieces` are those of emails.content, with HTML that is safe, and pictures by their path on this site."""

    introduction: SafeString
    pieces: list[dict[str, Any]]


class TakenOffTheSite(Exception):
    """The letters that people have name its address; staff have taken it off the site since."""


def on_the_site(slug: str) -> Campaign:
    """The mailing at this address of the archive. Raises TakenOffTheSite, and Http404 for what no letter names.

    Whoever guesses at addresses does not learn that a mailing went to a few; so what went out without an address is
    unknown again, too, when it was shown for a while later.
    """
    campaign = get_object_or_404(Campaign.objects.exclude(started_at=None).exclude(content=None), slug=slug)
    if campaign.is_public:
        return campaign
    if cast(Content, campaign.content)["archive_url"]:
        raise TakenOffTheSite
    raise Http404


def edition(campaign: Campaign, *, now: datetime) -> Edition:
    """The mailing to nobody in particular: a name gives way to its fallback."""
    content = frozen(campaign, now=now)
    return Edition(_words(content["introduction"]), [_shown(piece) for piece in shown_blocks(content, now=now)])


def _shown(piece: Piece) -> dict[str, Any]:
    shown: dict[str, Any] = {**piece}
    if piece["kind"] == "text":
        shown["html"] = _words(piece["html"])
    elif piece["kind"] == "offer":
        shown["ends_at"] = datetime.fromisoformat(piece["ends_at"])
        shown["price"] = None if piece["price"] is None else Decimal(piece["price"])
    if picture := shown.get("picture"):
        # Browsers may load pictures from the host of the page alone, under whichever of its names it was asked for.
        shown["picture"] = {**picture, "url": picture["url"].removeprefix(settings.BASE_URL)}
    return shown


def _words(html: str) -> SafeString:
    return mark_safe(MARK.sub(lambda mark: mark[2], with_name_marks(html)))  # noqa: S308 -- sanitised when it was frozen
