"""What every worker does for the mailing list every few seconds, beside the sending."""

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from newsletter.services import campaigns, events, importing, journal, ledger
from newsletter.services.journal import Replayed

GoesOn = Callable[[], bool]


def look_back(*, now: datetime) -> Replayed:
    """Before a worker begins, and after a restore: adds who has left and only the journal beside the database knows.

    Where there is anybody, the database is older than the world.
    """
    replayed = journal.replay(now=now)
    if replayed.added:
        stop_after_a_restore(now=now)
    return replayed


def stop_after_a_restore(*, now: datetime) -> None:
    """A mailing that is under way in the copy may have gone on without it: a person looks first."""
    words = _("The database was brought back from a copy. Look what has been sent since, before this goes on.")
    campaigns.stop_all(words=words, now=now)


def sweep(*, now: datetime, goes_on: GoesOn) -> None:
    """Starts what is due, marks what was cut off, ends what is done. A long list may take most of a minute to start."""
    campaigns.begin_due(now=now)
    ledger.mark_cut_off(now=now)
    campaigns.end_finished(now=now)
    importing.take_up(now=now, goes_on=goes_on)


def tidy(*, now: datetime) -> None:
    """Removes what has served its purpose."""
    events.forget_old(now=now)
