"""What stops a mailing by itself: a mail server that is away, or too many letters that fail or come back."""

import logging
import re
from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import F
from django.utils.translation import gettext as _

from newsletter.models import Campaign, CampaignStep, Delivery, MailingRules, Pace
from newsletter.services import campaigns, ledger
from newsletter.services.campaigns import NotNow

State = Delivery.State
# Together about three hours of a server that does not answer; then a person is told.
RESTS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60, 60)]
ADDRESS = re.compile(r"\S+@\S+")
BEGINNINGS = (CampaignStep.Kind.STARTED, CampaignStep.Kind.RESUMED)

log = logging.getLogger("clinic.mailings")


def rest(campaign: Campaign, *, words: str, now: datetime) -> None:
    """The campaign is left alone for a while, by all workers; after the last rest it is paused."""
    # Of several workers that hear the same at once, one writes it down.
    awake = Pace.objects.exclude(rests_until__gt=now).filter(campaign=campaign)
    rests = awake.values_list("rests", flat=True).first()
    if rests is None:
        return
    if rests >= len(RESTS):
        _pause(campaign, _("The mail server has not taken letters for hours: %(words)s") % {"words": words}, now)
        return
    awake.update(rests=F("rests") + 1, rests_until=now + RESTS[rests], trouble=words[:2000])
    log.warning("Campaign %s rests until %s: the mail server takes no letters.", campaign.pk, now + RESTS[rests])


def wake(campaign: Campaign) -> None:
    """The mail server takes letters again."""
    Pace.objects.filter(campaign=campaign, rests__gt=0).update(rests=0, rests_until=None, trouble="")


def look(campaign: Campaign, *, now: datetime) -> None:
    """Pauses the campaign when too large a share failed or came back since it was started or last resumed."""
    rules = MailingRules.current()
    since = campaign.steps.filter(kind__in=BEGINNINGS).order_by("-at").values_list("at", flat=True).first()
    counts = ledger.tally(campaign, since=since)
    came_back = campaign.deliveries.filter(bounced_at__gte=since).exclude(state=State.FAILED).count() if since else 0
    failed = counts.get(State.FAILED, 0) + came_back
    tried = sum(counts.get(state, 0) for state in (State.ACCEPTED, State.FAILED, State.RETRY, State.UNCERTAIN))
    if tried >= rules.breaker_least and failed * 100 >= rules.breaker_percent * tried:
        words = _("%(failed)d of %(tried)d letters failed or came back. Look at the server's words before you go on.")
        _pause(campaign, words % {"failed": failed, "tried": tried}, now)


def stop(campaign: Campaign, *, count: int, words: str, now: datetime) -> None:
    """One letter after another was refused for good, so something is wrong that another letter will not cure."""
    said = _("%(count)d letters in a row were refused, the last with: %(words)s")
    _pause(campaign, said % {"count": count, "words": words}, now)


def give_up(campaign: Campaign, *, words: str, now: datetime) -> None:
    """Its letter cannot be made at all."""
    _pause(campaign, _("The letter cannot be made: %(words)s") % {"words": words}, now)


def _pause(campaign: Campaign, words: str, now: datetime) -> None:
    # Servers like to quote whom they refuse, and these words are kept and shown long after.
    words = ADDRESS.sub(_("(address)"), words)
    # Somebody has paused or cancelled it already.
    with suppress(NotNow):
        campaigns.pause(campaign, by=None, now=now, words=words)
        log.warning("Campaign %s has been paused.", campaign.pk)
