"""A mailing as it is meant, in plain Python for one process: what the real ledger is compared with."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from django.db import OperationalError

from newsletter.services.ledger import LEASE
from newsletter.services.sending.breaker import RESTS
from newsletter.services.sending.mailer import BACK_OFF, MOST_ATTEMPTS
from tests.newsletter.post_office import Killed

TICK = timedelta(microseconds=1)
PASSED_OVER = "passed over"


class Cut(OperationalError):
    """The database went away."""


@dataclass(frozen=True)
class Letter:
    """What the mail server answers (see `Office`), what is done while the letter is on the line, and what goes wrong
    when its result is written down."""

    answer: str
    meanwhile: tuple
    fault: str


@dataclass
class Turn:
    """A worker sends so many letters; something may go wrong when it first asks the database."""

    worker: object
    letters: deque
    fault: str


@dataclass
class Reader:
    next_at: datetime
    state: str = "queued"
    attempts: int = 0
    lease_until: datetime | None = None
    # The number of the claim that is open, or was the last.
    claim: int = 0
    has_left: bool = False
    letters: int = 0
    # How often a person has decided to send it again.
    again: int = 0


@dataclass
class NaiveMailing:
    readers: list
    moment: datetime
    state: str = "sending"
    rests: int = 0
    rests_until: datetime | None = None
    claims: count = field(default_factory=lambda: count(1))
    # By worker, what it could not write down.
    kept: dict = field(default_factory=dict)

    def now(self):
        self.moment += TICK
        return self.moment

    def seen(self):
        return self.state, self.rests, [(one.state, one.attempts, one.letters) for one in self.readers]

    # What people do, and time

    def leave(self, who):
        self.readers[who].has_left = True

    def pause(self):
        if self.state == "sending":
            self.state = "paused"

    def resume(self):
        if self.state == "paused":
            self.state, self.rests, self.rests_until = "sending", 0, None

    def sweep_after(self, minutes):
        self.moment += timedelta(minutes=minutes)
        now = self.now()
        for reader in self.readers:
            if reader.state == "sending" and reader.lease_until < now:
                reader.state = "uncertain"
        is_under_way = any(reader.state in {"queued", "retry", "sending"} for reader in self.readers)
        if self.state == "sending" and not is_under_way:
            self.state = "sent"

    def arrived(self, who):
        if self.readers[who].state == "uncertain":
            self.readers[who].state = "accepted"

    def send_again(self, who):
        reader = self.readers[who]
        if reader.has_left:
            reader.state = "skipped" if reader.state == "uncertain" else reader.state
        elif reader.state in {"uncertain", "failed"}:
            reader.state, reader.next_at, reader.again = "queued", self.now(), reader.again + 1
            reader.attempts = 0
            self.state = "sending" if self.state == "sent" else self.state

    # What workers do

    def turn(self, turn, meanwhile):
        """Raises Killed or Cut."""
        if turn.worker in self.kept:
            self._claim(turn, self.kept[turn.worker], goes_on=False)
        while turn.letters and self._slice(turn, meanwhile):
            pass

    def forget(self, worker):
        """It is dead."""
        self.kept.pop(worker, None)

    def _slice(self, turn, meanwhile):
        if self.state != "sending" or self._is_resting(self.now()) or not self._due(self.now()):
            return False
        has_rested, last, results = self.rests > 0, None, []
        while claimed := self._claim(turn, last, goes_on=bool(turn.letters) and "queued" not in results):
            letter = turn.letters.popleft()
            last = self.kept[turn.worker] = self._send(*claimed, letter, meanwhile)
            results.append(last[2])
            turn.fault = letter.fault
        if has_rested and "accepted" in results and "queued" not in results:
            self.rests, self.rests_until = 0, None
        return bool(results)

    def _claim(self, turn, last, *, goes_on):
        fault, turn.fault = turn.fault, ""
        fail(fault, "before")
        if last:
            self._record(*last)
        claimed = self._next() if goes_on else None
        fail(fault, "after")
        self.kept.pop(turn.worker, None)
        # Each who has left meanwhile is a step of its own.
        while claimed == PASSED_OVER:
            claimed = self._next()
        return claimed

    def _record(self, reader, claim, state, next_at):
        # Too late, nothing is put back among those that wait: perhaps nobody is sending any more.
        is_waiting = state in {"queued", "retry"}
        if reader.claim == claim and (reader.state == "sending" or (reader.state == "uncertain" and not is_waiting)):
            reader.state, reader.next_at = state, next_at
            reader.attempts -= state == "queued"

    def _next(self):
        now = self.now()
        waiting = self._due(now)
        if self.state != "sending" or not waiting:
            return None
        reader = min(waiting, key=lambda one: one.next_at)
        if reader.has_left:
            reader.state = "skipped"
            return PASSED_OVER
        reader.state, reader.attempts, reader.lease_until = "sending", reader.attempts + 1, now + LEASE
        reader.claim = next(self.claims)
        return reader, reader.claim

    def _due(self, now):
        return [one for one in self.readers if one.state in {"queued", "retry"} and one.next_at <= now]

    def _send(self, reader, claim, letter, meanwhile):
        now, attempt = self.now(), reader.attempts
        meanwhile(letter.meanwhile)
        if letter.answer == "killed before":
            raise Killed
        if letter.answer == "away":
            self._rest(now)
            return reader, claim, "queued", now
        reader.letters += letter.answer in {"250 OK", "lost after", "killed after"}
        if letter.answer == "killed after":
            raise Killed
        if "5.1.1" in letter.answer:
            reader.has_left = True
        if letter.answer[0] == "4" and attempt < MOST_ATTEMPTS:
            return reader, claim, "retry", now + BACK_OFF[attempt - 1]
        return reader, claim, {"2": "accepted", "4": "failed", "5": "failed"}.get(letter.answer[0], "uncertain"), None

    def _rest(self, now):
        if self._is_resting(now):
            return
        if self.rests == len(RESTS):
            self.pause()
        else:
            self.rests, self.rests_until = self.rests + 1, now + RESTS[self.rests]

    def _is_resting(self, now):
        return self.rests_until is not None and self.rests_until > now


def fail(fault, when):
    if fault == f"killed {when}":
        raise Killed
    if fault == f"cut {when}":
        raise Cut
