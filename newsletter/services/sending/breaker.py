"""What stops a mailing by itself: a mail server that is away, or too many letters that fail, come back or get lost."""

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import F
from django.utils.translation import gettext as _

from clinic import addresses
from newsletter.models import Campaign, Delivery, MailingRules, Pace
from newsletter.services import campaigns, ledger
from newsletter.services.campaigns import NotNow

State = Delivery.State
# Together about three hours of a server that does not answer; then a person is told.
RESTS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 40, 60, 60)]
# So many letters that end alike are something that one more letter will not cure.
MOST_IN_A_ROW = {State.FAILED: 10, State.UNCERTAIN: 5, State.RETRY: 20}

log = logging.getLogger("clinic.mailings")


class InARow:
    """Letters of one campaign that ended alike, one after another, in the hands of one worker.

    When a person lets the campaign go on, the count begins anew.
    """

    def __init__(self) -> None:
        self._count, self._state = 0, State.ACCEPTED
        self._since: datetime | None = None

    def stops(self, campaign: Campaign, state: Delivery.State, *, words: str, now: datetime) -> bool:
        """Counts one more letter, with the server's words, and says whether the campaign rests or is paused for it."""
        if state not in MOST_IN_A_ROW:
            self._count = 0
            return False
        since = ledger.began_at(campaign)
        self._count = self._count + 1 if (state, since) == (self._state, self._since) else 1
        self._state, self._since = state, since
        if self._count < MOST_IN_A_ROW[state]:
            return False
        _end_row(campaign, state, self._count, words, now)
        self._count = 0
        return True


def rest(campaign: Campaign, *, words: str, now: datetime) -> None:
    """The campaign is left alone for a while, by all workers; after the last rest it is paused."""
    # Of several workers that hear the same at once, one writes it down.
    awake = Pace.objects.exclude(rests_until__gt=now).filter(campaign=campaign)
    rests = awake.values_list("rests", flat=True).first()
    if rests is None:
        return
    if rests >= len(RESTS):
        _pause(campaign, _("No letter could be sent for hours: %(words)s") % {"words": words}, now)
        return
    awake.update(rests=F("rests") + 1, rests_until=now + RESTS[rests], trouble=addresses.left_out(words))
    log.warning("Campaign %s rests until %s: no letter can be sent.", campaign.pk, now + RESTS[rests])


def rest_all(*, words: str, now: datetime) -> None:
    """What is in the way is in the way of every campaign."""
    for campaign in Campaign.objects.being_sent().only("pk"):
        rest(campaign, words=words, now=now)


def wake(campaign: Campaign) -> None:
    """Letters leave again."""
    Pace.objects.filter(campaign=campaign, rests__gt=0).update(rests=0, rests_until=None, trouble="")


def look(campaign: Campaign, *, now: datetime) -> None:
    """Pauses the campaign when too large a share of what was tried since it was started or last resumed went wrong.

    Letters that will be tried again have gone neither well nor wrong yet.
    """
    rules = MailingRules.current()
    since = ledger.began_at(campaign)
    counts, came_back = ledger.tally(campaign, since=since), ledger.came_back(campaign, since=since)
    wrong = came_back + sum(counts.get(state, 0) for state in ledger.WENT_WRONG)
    ended = sum(counts.get(state, 0) for state in (State.ACCEPTED, *ledger.WENT_WRONG))
    if ended >= rules.breaker_least and wrong * 100 >= rules.breaker_percent * ended:
        words = _(
            "%(wrong)d of %(ended)d letters failed, came back or are uncertain. "
            "Look at the server's words before you go on."
        )
        _pause(campaign, words % {"wrong": wrong, "ended": ended}, now)


def give_up(campaign: Campaign, *, words: str, now: datetime) -> None:
    """Its letter cannot be made at all."""
    _pause(campaign, _("The letter cannot be made: %(words)s") % {"words": words}, now)


def _end_row(campaign: Campaign, state: Delivery.State, count: int, words: str, now: datetime) -> None:
    if state == State.RETRY:
        rest(campaign, words=words, now=now)
        return
    if state == State.UNCERTAIN:
        said = _("Of %(count)d letters in a row nobody knows whether they arrived, the last ended with: %(words)s")
    else:
        said = _("%(count)d letters in a row were refused, the last with: %(words)s")
    _pause(campaign, said % {"count": count, "words": words}, now)


def _pause(campaign: Campaign, words: str, now: datetime) -> None:
    # Somebody has paused or cancelled it already.
    with suppress(NotNow):
        campaigns.pause(campaign, by=None, now=now, words=addresses.left_out(words))
        log.warning("Campaign %s has been paused.", campaign.pk)
