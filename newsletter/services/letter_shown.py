"""A campaign's letter for its writers: as it stands now, or for one that has started as it was frozen."""

from datetime import datetime
from typing import cast

from newsletter.emails.content import Content, content_of
from newsletter.models import Campaign


def content_for(campaign: Campaign, *, now: datetime) -> Content:
    return cast(Content, campaign.content) if campaign.content else content_of(campaign, now=now)
