"""What every worker does for the mailing list when it begins and every few seconds, beside the sending."""

from collections.abc import Callable
from datetime import datetime

from newsletter.services import campaigns, events, importing, ledger
from newsletter.services.restored import look_back

__all__ = ["look_back", "sweep", "tidy"]

GoesOn = Callable[[], bool]


def sweep(*, now: datetime, goes_on: GoesOn) -> None:
    """Starts what is due, marks what was cut off, ends what is done. A long list may take most of a minute to start."""
    campaigns.begin_due(now=now)
    ledger.mark_cut_off(now=now)
    campaigns.end_finished(now=now)
    importing.take_up(now=now, goes_on=goes_on)


def tidy(*, now: datetime) -> None:
    """Removes what has served its purpose."""
    events.forget_old(now=now)
    importing.forget_old(now=now)
