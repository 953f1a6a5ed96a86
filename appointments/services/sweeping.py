"""How the worker goes through what is due: each by itself, so that one that cannot be done holds up no other."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.db import InterfaceError, OperationalError

GoesOn = Callable[[], bool]
# So much at a sweep; the next one, seconds later, takes up the rest.
MOST_AT_ONCE = 100

log = logging.getLogger("appointments.sweeping")


def always() -> bool:
    return True


def one_by_one(work: Callable[..., object], jobs: Iterable[tuple[Any, ...]], *, goes_on: GoesOn) -> int:
    """Calls `work` with each job's arguments until `goes_on` says no; returns how many times that did something.

    What one job did wrong is logged, and it is due again at the next sweep. Raises OperationalError and
    InterfaceError: the database is away, and so are the others.
    """
    done = 0
    for job in jobs:
        if not goes_on():
            break
        try:
            done += bool(work(*job))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("%s failed for %s; the others go on.", work.__name__, job[0])
    return done
