"""Who is behind a token: of a letter that we wrote to one person, or of a newsletter."""

from dataclasses import dataclass
from datetime import datetime

from django.shortcuts import get_object_or_404

from clinic import mail_links
from newsletter.emails import letters
from newsletter.models import Delivery, Subscriber
from newsletter.services import tokens


@dataclass(frozen=True)
class Opened:
    """`delivery` is the newsletter in which the link stood; None for a letter.

    People pass newsletters on, and their links open for years. So whoever comes by one may choose topics and leave, as
    its reader does, but learns and changes no name, and sees only so much of the address as its owner needs.
    """

    subscriber: Subscriber
    delivery: Delivery | None

    @property
    def is_by_letter(self) -> bool:
        return self.delivery is None

    @property
    def shown_address(self) -> str:
        """In full, or like “j…@e….com”."""
        email = self.subscriber.email
        if self.is_by_letter:
            return email
        local, _at, domain = email.rpartition("@")
        # With a word joiner, or a narrow page would break it there.
        return f"{local[:1]}…\u2060@{domain[:1]}….{domain.rpartition('.')[2]}"


def opened(token: str, *, purpose: str, now: datetime) -> Opened:
    """`purpose` is letters.LEAVE or letters.PREFERENCES; the token of a newsletter serves both.

    Raises Http404 for a token that was never given out for this purpose, LinkExpired for one that is over. A
    newsletter's token opens for years, whatever has become of its delivery since.
    """
    if purpose not in {letters.LEAVE, letters.PREFERENCES}:
        raise ValueError(purpose)
    deliveries = Delivery.objects.select_related("subscriber").filter(token_hash=tokens.hashed(token))
    if delivery := deliveries.first():
        return Opened(delivery.subscriber, delivery)
    link = mail_links.find(purpose, token, now=now)
    return Opened(get_object_or_404(Subscriber, pk=link.object_id), None)
