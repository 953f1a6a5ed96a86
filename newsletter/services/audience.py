"""How many people a campaign would reach, for its writers."""

from collections.abc import Sequence
from dataclasses import dataclass

from newsletter.models import Campaign, Subscriber, Topic


@dataclass(frozen=True)
class Reach:
    """`people` would get it now; `of` are all who may be sent anything.

    `left_out` are those whom a campaign without topics passes over, because they chose some.
    """

    people: int
    of: int
    left_out: int


def reach(campaign: Campaign, topics: Sequence[Topic] | None = None) -> Reach:
    """`topics` are those of an unsaved form, or else its own. The days of joining are those of the active zone."""
    return Reach(
        people=campaign.audience(topics).count(),
        of=Subscriber.objects.mailable().count(),
        left_out=campaign.left_out(topics).count(),
    )
