from datetime import datetime, timedelta
from typing import cast

from newsletter.emails.content import Content, next_end
from newsletter.emails.message import Envelope, Person, Prepared, ascii_address
from newsletter.emails.rendering import render
from newsletter.models import Campaign
from newsletter.services import tokens
from newsletter.services.ledger import Claim
from newsletter.services.offers_shown import offers_in, still_current, with_offers

# How long an offer that somebody takes away may still be in letters.
LOOK_EVERY = timedelta(minutes=1)


class Mailing:
    """A campaign's letter as it stands until one of its offers is gone, built once for many people."""

    def __init__(self, campaign: int, content: Content, *, now: datetime) -> None:
        self._campaign = campaign
        self._offers = offers_in(content)
        self._current, self._looked_at = still_current(self._offers, now=now), now
        self._ends_at = next_end(content, now=now)
        envelope = Envelope.current()
        self.sender = envelope.address
        rendered = render(with_offers(content, self._current), now=now)
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
        return still_current(self._offers, now=now) == self._current

    def letter(self, claim: Claim, *, token: str, now: datetime) -> tuple[str, bytes]:
        """The address as the mail server takes it, and the whole message. Raises ValueError for one that it cannot."""
        message = self._prepared.for_person(
            Person(email=claim.email, name=claim.name, token=token),
            message_id=tokens.message_id(self._campaign, claim.subscriber),
            now=now,
        )
        return ascii_address(claim.email), message
