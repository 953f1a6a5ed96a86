"""An offer that has ended, also early, or was deleted is gone: from letters not yet sent and from the archive."""

from datetime import datetime

from clinic.models import Offer
from newsletter.emails.content import Content


def offers_in(content: Content) -> set[int]:
    return {piece["id"] for piece in content["blocks"] if piece["kind"] == "offer"}


def still_current(offers: set[int], *, now: datetime) -> set[int]:
    """Those of these that the site shows. Without any it asks nothing."""
    return set(Offer.objects.current(now).filter(pk__in=offers).values_list("pk", flat=True)) if offers else set()


def with_offers(content: Content, offers: set[int]) -> Content:
    """The content with these offers and no others."""
    blocks = [piece for piece in content["blocks"] if piece["kind"] != "offer" or piece["id"] in offers]
    return {**content, "blocks": blocks}
