from datetime import datetime
from email.utils import parseaddr
from functools import cached_property
from typing import cast

from django.conf import settings

from newsletter.emails.content import Content, next_end
from newsletter.emails.message import Envelope, Person, Prepared, ascii_address
from newsletter.emails.rendering import render
from newsletter.models import Campaign
from newsletter.services import tokens
from newsletter.services.ledger import Claim


class Mailing:
    """A campaign's letter as it stands until one of its offers ends, built once for many people."""

    def __init__(self, campaign: int, content: Content, *, now: datetime) -> None:
        self._campaign = campaign
        self._ends_at = next_end(content, now=now)
        self._prepared = Prepared(render(content, now=now), envelope=Envelope.current(), code=content["code"])

    @classmethod
    def of(cls, campaign: Campaign, *, now: datetime) -> "Mailing":
        content = Campaign.objects.values_list("content", flat=True).get(pk=campaign.pk)
        return cls(campaign.pk, cast(Content, content), now=now)

    @cached_property
    def sender(self) -> str:
        """As the SMTP dialogue names it."""
        return ascii_address(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])

    def holds_at(self, now: datetime) -> bool:
        return self._ends_at is None or now < self._ends_at

    def letter(self, claim: Claim, *, token: str, now: datetime) -> tuple[str, bytes]:
        """The address as the mail server takes it, and the whole message. Raises ValueError for one that it cannot."""
        message = self._prepared.for_person(
            Person(email=claim.email, name=claim.name, token=token),
            message_id=tokens.message_id(self._campaign, claim.subscriber),
            now=now,
        )
        return ascii_address(claim.email), message
