"""Whether a mailing that has started stands in the archive on the site. What was sent stays as it is."""

from django.utils.translation import gettext as _

from newsletter.models import Campaign
from newsletter.services.campaigns import NotNow


def take_off(*, campaign: Campaign) -> None:
    """From the archive, its feed and the sitemap; what people got stays with them. Raises NotNow before the start."""
    _set(campaign, is_public=False)


def show(*, campaign: Campaign) -> None:
    """Raises NotNow before the start."""
    _set(campaign, is_public=True)


def _set(campaign: Campaign, *, is_public: bool) -> None:
    # This column alone: the sending may write others at the same time.
    started = Campaign.objects.filter(pk=campaign.pk, started_at__isnull=False)
    if not started.update(is_public=is_public):
        raise NotNow(_("It has not started, so nothing of it is on the site. Its own page says whether it will be."))
