"""An offer that has ended, also early, or was deleted is gone: from letters not yet sent, from what is shown of them at
the desk, and from the archive."""

from datetime import datetime
from typing import cast

from clinic.models import Offer
from newsletter.emails.content import Content, content_of
from newsletter.models import Campaign


def offers_in(content: Content) -> set[int]:
    return {piece["id"] for piece in content["blocks"] if piece["kind"] == "offer"}


def still_current(offers: set[int], *, now: datetime) -> set[int]:
    """Those of these that the site shows. Without any it asks nothing."""
    return set(Offer.objects.current(now).filter(pk__in=offers).values_list("pk", flat=True)) if offers else set()


def with_offers(content: Content, offers: set[int]) -> Content:
    """The content with these offers and no others."""
    blocks = [piece for piece in content["blocks"] if piece["kind"] != "offer" or piece["id"] in offers]
    return {**content, "blocks": blocks}


def frozen(campaign: Campaign, *, now: datetime) -> Content:
    """What was frozen when it started, as it stands at `now`."""
    content = cast(Content, campaign.content)
    return with_offers(content, still_current(offers_in(content), now=now))


def content_for(campaign: Campaign, *, now: datetime) -> Content:
    """The letter for its writers: as it would be now, or of one that has started as it still goes out."""
    return frozen(campaign, now=now) if campaign.content else content_of(campaign, now=now)
