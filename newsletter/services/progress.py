"""How far a mailing is, for the page on which staff watch it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Max

from newsletter.models import Campaign, Delivery
from newsletter.services import ledger

State = Delivery.State
WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Progress:
    """Counts are letters. `per_minute` is measured over the last minute; `trouble` says why it rests, if it does.

    `ends_at` is only known while letters wait. `settles_at`: nothing is left but letters whose sending was cut off, and
    then the last of them counts as uncertain.
    """

    recipients: int
    counts: dict[str, int]
    per_minute: int
    ends_at: datetime | None
    settles_at: datetime | None
    trouble: str
    rests_until: datetime | None

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(state, 0) for state in (*Delivery.WAITING, State.SENDING))

    @property
    def done(self) -> int:
        return sum(self.counts.values()) - self.waiting

    @property
    def percent(self) -> int:
        """Rounded down: a hundred means that all is done."""
        return self.done * 100 // self.recipients if self.recipients else 100


def progress(campaign: Campaign, *, now: datetime) -> Progress:
    """Of a campaign that was started; others have no letters yet. Reads all its deliveries once or twice."""
    counts = ledger.tally(campaign)
    is_going = campaign.state == Campaign.State.SENDING
    waiting = sum(counts.get(state, 0) for state in Delivery.WAITING)
    in_hand = counts.get(State.SENDING, 0)
    per_minute = _per_minute(campaign, now) if is_going and (waiting or in_hand) else 0
    pace = campaign.pace if is_going and hasattr(campaign, "pace") else None
    rests = pace if pace and pace.rests_until and pace.rests_until > now else None
    return Progress(
        recipients=campaign.recipients or 0,
        counts=counts,
        per_minute=per_minute,
        ends_at=now + timedelta(minutes=ceil((waiting + in_hand) / per_minute)) if waiting and per_minute else None,
        settles_at=_settles_at(campaign, now) if is_going and in_hand and not (waiting or per_minute) else None,
        trouble=rests.trouble if rests else "",
        rests_until=rests.rests_until if rests else None,
    )


def _settles_at(campaign: Campaign, now: datetime) -> datetime | None:
    """When the leases of letters that nobody is at any more are over. None while one was taken up a moment ago."""
    in_hand = campaign.deliveries.filter(state=State.SENDING)
    if in_hand.filter(attempted_at__gt=now - WINDOW).exists():
        return None
    return in_hand.aggregate(last=Max("lease_until"))["last"]


def _per_minute(campaign: Campaign, now: datetime) -> int:
    """Letters tried in the last minute; of one that began a moment ago, as many as that would be in a minute."""
    since = max(now - WINDOW, ledger.began_at(campaign) or now - WINDOW)
    seconds = max(1.0, (now - since).total_seconds())
    tried = ledger.tally(campaign, since=since)
    return round((sum(tried.values()) - tried.get(State.SENDING, 0)) * 60 / seconds)
