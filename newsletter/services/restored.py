"""A database that was brought back from a copy: no mailing goes on in it before a person has looked.

The ledger of a copy does not know whom a mailing has reached since. So the workers raise a number before the first
letter that they send of a campaign in one go and after the last: in the database, and then in a file beside it. To
every letter that a copy does not know belongs a number that it does not know either, and the file does. Where the
database went away before the last number, the worker itself knows its last letter.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from newsletter import mailing_mark
from newsletter.mailing_mark import Mark
from newsletter.models import MailingMark
from newsletter.services import campaigns, journal
from newsletter.services.journal import Replayed

BROUGHT_BACK = _("The database was brought back from a copy. Look what has been sent since, before this goes on.")
NOBODY_KNOWS = _("The database may be an older copy. Look what has been sent since, before this goes on.")

log = logging.getLogger("clinic.mailings")


def look_back(*, now: datetime) -> Replayed:
    """Before a worker begins, and after a restore: adds who has left and only the journal beside the database knows.

    Where there is anybody, or the mark is behind its file, the database is older than the world and the mailings stop,
    once: it agrees with both files afterwards. Raises OSError when they cannot be read or written.
    """
    with mailing_mark.held() as mark:
        # All or nothing, or the next look would find them agreeing and stop nothing.
        with transaction.atomic():
            replayed = journal.replay(now=now)
            words = _doubt(mark)
            if words or replayed.added:
                stop(words=words, now=now)
            number = MailingMark.raised(least=max(mark.number or 0, 1))
        mark.write(number)
    return replayed


def stop(*, now: datetime, words: str = "") -> None:
    """A mailing that is under way in the copy may have gone on without it: a person looks first."""
    campaigns.stop_all(words=words or str(BROUGHT_BACK), now=now)


def raise_mark(*, now: datetime) -> bool:
    """Before the first letter and after the last that are sent in one go. Returns whether letters may leave.

    They may not where a copy has taken the database's place under a running worker, which is then looked after as when
    one begins; nor when this raises OSError, because the mark cannot be written. Not inside a transaction.
    """
    with mailing_mark.held() as mark:
        if not _doubt(mark):
            # Never the file first: whoever dies in between must not leave it ahead of the database.
            mark.write(MailingMark.raised(by=1))
            return True
    look_back(now=now)
    return False


def _doubt(mark: Mark) -> str:
    """Why the database may be older than the world, for staff; empty if it is not."""
    known = MailingMark.current()
    if mark.number is None and known:
        # On a new machine, say: then the database is a copy, and nobody knows how old.
        log.warning("%s says nothing, so the database may be an older copy.", mailing_mark.path())
        return str(NOBODY_KNOWS)
    if (mark.number or 0) > known:
        log.warning("The database is an older copy: %s in it, %s in %s.", known, mark.number, mailing_mark.path())
        return str(BROUGHT_BACK)
    return ""
