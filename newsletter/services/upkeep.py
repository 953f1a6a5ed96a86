"""What the worker does for the mailing list every few seconds, beside the sending, which every worker shares."""

from collections.abc import Callable
from datetime import datetime

from newsletter.services import campaigns, events, importing, journal, ledger

GoesOn = Callable[[], bool]


def remember_who_left(*, now: datetime) -> None:
    """Once, when a worker begins: adds what only the journal beside the database knows."""
    journal.replay(now=now)


def sweep(*, now: datetime, goes_on: GoesOn) -> None:
    """Starts what is due, marks what was cut off, ends what is done. A long list may take most of a minute to start."""
    campaigns.begin_due(now=now)
    ledger.mark_cut_off(now=now)
    campaigns.end_finished(now=now)
    importing.take_up(now=now, goes_on=goes_on)


def tidy(*, now: datetime) -> None:
    """Removes what has served its purpose."""
    events.forget_old(now=now)
