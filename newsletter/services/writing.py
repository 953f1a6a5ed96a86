"""Writing a campaign: its address in the archive, the order of its blocks, and a copy to begin with."""

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from clinic.models import User
from newsletter.models import Block, Campaign

# Below /newsletter/archive/ this one is the feed.
TAKEN_BY_THE_SITE = frozenset({"feed"})
# Room for a hyphen and the code of the campaign, which no other has.
LONGEST = 120 - 13


def free_slug(campaign: Campaign) -> str:
    """An address in the archive from the subject; where another campaign has that, with the campaign's own code."""
    wanted = _wanted(campaign)
    others = Campaign.objects.exclude(pk=campaign.pk)
    if not wanted or wanted in TAKEN_BY_THE_SITE or others.filter(slug=wanted).exists():
        return _with_its_code(wanted, campaign)
    return wanted


def save(campaign: Campaign) -> None:
    """With another address, from its own code, where a campaign that was saved at the same moment has that one."""
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError:
        if not Campaign.objects.exclude(pk=campaign.pk).filter(slug=campaign.slug).exists():
            raise
        campaign.slug = _with_its_code(campaign.slug[:LONGEST].strip("-"), campaign)
        campaign.save()


def follows_its_subject(campaign: Campaign) -> bool:
    """Whether its address was made from its subject. One that staff have written themselves is kept."""
    return campaign.slug in {_wanted(campaign), campaign.code, f"{_wanted(campaign)}-{campaign.code}"}


def _wanted(campaign: Campaign) -> str:
    return slugify(campaign.subject)[:LONGEST].strip("-")


def _with_its_code(wanted: str, campaign: Campaign) -> str:
    return "-".join(part for part in (wanted, campaign.code) if part)


def number_blocks(campaign: Campaign) -> None:
    """Gives the blocks the positions 1, 2, 3 … in their order; of two with the same position the older is first."""
    blocks = list(campaign.blocks.only("position", "campaign_id"))
    moved = [block for place, block in enumerate(blocks, 1) if block.position != place]
    for place, block in enumerate(blocks, 1):
        block.position = place
    Block.objects.bulk_update(moved, ["position"])


def copied(campaign: Campaign, *, by: User) -> Campaign:
    """A new draft that says the same to the same people; nothing of what was sent goes with it.

    An offer that has ended meanwhile comes along: preview and checks name it.
    """
    with transaction.atomic():
        copy = Campaign(
            subject=campaign.subject,
            preheader=campaign.preheader,
            introduction=campaign.introduction,
            language=campaign.language,
            is_public=campaign.is_public,
            audience_language=campaign.audience_language,
            joined_from=campaign.joined_from,
            joined_until=campaign.joined_until,
            rate_per_minute=campaign.rate_per_minute,
            created_by=by,
        )
        copy.slug = free_slug(copy)
        save(copy)
        copy.topics.set(campaign.topics.all())
        blocks = list(campaign.blocks.all())
        for block in blocks:
            block.pk, block.campaign = None, copy
        Block.objects.bulk_create(blocks)
    return copy
