"""What is looked at before a mailing goes: `quick` asks the database alone, `slow` the network as well."""

from datetime import datetime

from django.utils import timezone

from clinic.models import Practice
from newsletter.models import Campaign
from newsletter.services.checklist import audience, cards, links, outside, pictures, sender, size, words
from newsletter.services.checklist.network import Network
from newsletter.services.checklist.verdicts import Check, Verdict

__all__ = ["Check", "Network", "Verdict", "quick", "slow"]


def quick(campaign: Campaign, *, now: datetime) -> list[Check]:
    """What can be said without the network: at `now`, or at its time when it is scheduled for later.

    What is STOP forbids a start. A few statements, however long the list or the campaign is.
    """
    at = max(now, campaign.scheduled_at) if campaign.scheduled_at else now
    practice = Practice.objects.first()
    shown = campaign.blocks.select_related("picture", "article__picture", "offer__picture")
    blocks = list(shown.defer("article__body", "article__key_points", "article__search_vector"))
    # The days of an audience are the practice's, whoever asks.
    with timezone.override(practice.zone if practice else None):
        return [
            *words.checks(campaign, blocks),
            *pictures.checks(blocks),
            *cards.checks(blocks, now=now, at=at),
            *links.checks(campaign, blocks),
            *audience.checks(campaign),
            *sender.checks(practice),
            *size.checks(campaign, practice, at=at),
        ]


def slow(campaign: Campaign, *, now: datetime, network: Network | None = None) -> list[Check]:
    """Whether its links answer, and what the DNS says of the sender. Ends within 15 seconds, whatever is out there.

    `network` is how the outside is reached; without it as any reader would.
    """
    return outside.checks(campaign, now=now, network=network or Network())
