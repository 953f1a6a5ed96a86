from datetime import datetime, timedelta
from typing import cast

from clinic.models import Offer
from newsletter.emails.content import Content, next_end
from newsletter.emails.message import Envelope, Person, Prepared, ascii_address
from newsletter.emails.rendering import render
from newsletter.models import Campaign
from newsletter.services import tokens
from newsletter.services.ledger import Claim

# How long an offer that somebody takes away may still be in letters.
LOOK_EVERY = timedelta(minutes=1)


class Mailing:
    """A campaign's letter as it stands until one of its offers is gone, built once for many people."""

    def __init__(self, campaign: int, content: Content, *, now: datetime) -> None:
        self._campaign = campaign
        self._offers = {piece["id"] for piece in content["blocks"] if piece["kind"] == "offer"}
        self._current, self._looked_at = self._current_offers(now), now
        self._ends_at = next_end(content, now=now)
        envelope = Envelope.current()
        self.sender = envelope.address
        rendered = render(_with_offers(content, self._current), now=now)
        self._prepared = Prepared(rendered, envelope=envelope, code=content["code"])

    @classmethod
    def of(cls, campaign: Campaign, *, now: datetime) -> "Mailing":
        content = Campaign.objects.values_list("content", flat=True).get(pk=campaign.pk)
        return cls(campaign.pk, cast(Content, content), now=now)

    def holds_at(self, now: datetime) -> bool:
        """Whether it still says what it should. Asks the database once in a while, and only of a letter with offers."""
        if self._ends_at is not None and now >= self._ends_at:
            return False
        if now - self._looked_at < LOOK_EVERY:
            return True
        self._looked_at = now
        return self._current_offers(now) == self._current

    def letter(self, claim: Claim, *, token: str, now: datetime) -> tuple[str, bytes]:
        """The address as the mail server takes it, and the whole message. Raises ValueError for one that it cannot."""
        message = self._prepared.for_person(
            Person(email=claim.email, name=claim.name, token=token),
            message_id=tokens.message_id(self._campaign, claim.subscriber),
            now=now,
        )
        return ascii_address(claim.email), message

    def _current_offers(self, now: datetime) -> set[int]:
        """As the archive asks: gone is also what was ended early or deleted after the mailing had begun."""
        if not self._offers:
            return set()
        return set(Offer.objects.current(now).filter(pk__in=self._offers).values_list("pk", flat=True))


def _with_offers(content: Content, offers: set[int]) -> Content:
    blocks = [piece for piece in content["blocks"] if piece["kind"] != "offer" or piece["id"] in offers]
    return {**content, "blocks": blocks}
