"""Sends what is due of all campaigns, a little of each in turn."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from newsletter.models import Campaign, Delivery
from newsletter.services import bounces, ledger, restored, tokens
from newsletter.services.ledger import Claim, Outcome, PassedOver
from newsletter.services.sending import breaker
from newsletter.services.sending.breaker import InARow
from newsletter.services.sending.mailing import Mailing
from newsletter.services.sending.post import Answer, NotReached, Post

State = Delivery.State
GoesOn = Callable[[], bool]

MOST_ATTEMPTS = 5
BACK_OFF = [timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6)]
# Of one campaign, before the next has its turn.
SLICE = timedelta(seconds=2)
MOST_TOKENS = 100
# How long to wait for the rate, and how often to look at the share of failures.
WAIT_FOR_TOKENS = timedelta(seconds=0.2)
LOOK_EVERY = timedelta(seconds=10)

log = logging.getLogger("clinic.mailings")


class Mailer:
    """One worker's part in the mailings. It keeps what it could not write down when the database went away.

    `sleep` takes seconds.
    """

    def __init__(self, *, clock: Callable[[], datetime], sleep: Callable[[float], None] = time.sleep) -> None:
        self.now, self._sleep = clock, sleep
        self._mailings: dict[int, Mailing] = {}
        self._rows: dict[int, InARow] = {}
        # By campaign, in seconds of the process's own clock.
        self._served_at: dict[int, float] = {}
        self._looked_at: dict[int, float] = {}
        self._unrecorded: tuple[int, Outcome] | None = None
        # The newest letter, while there is no mark behind it.
        self._unmarked: Claim | None = None

    def turn(self, *, goes_on: GoesOn) -> bool:
        """Goes round the campaigns until nothing is due or `goes_on` says no, which is asked before each letter.

        Returns whether it could go on at once. Raises the database's errors, and OSError when the mark cannot be
        written; what became of the letter in hand is recorded at the next turn.
        """
        self._mark_behind()
        with Post() as post:
            while goes_on():
                slices = [self._slice(campaign, post, goes_on) for campaign in self._under_way()]
                if not any(moved or waits for moved, waits in slices):
                    return False
                if not any(moved for moved, _waits in slices):
                    self._sleep(WAIT_FOR_TOKENS.total_seconds())
        return True

    def claim(self, campaign: int, last: Outcome | None, *, goes_on: bool) -> Claim | PassedOver | None:
        """As `ledger.claim`, after which the last outcome is no longer this worker's to keep."""
        claim = ledger.claim(campaign, last=last, now=self.now(), goes_on=goes_on)
        self._unrecorded = None
        if isinstance(claim, Claim):
            self._unmarked = claim
        return claim

    def mark_before(self) -> bool:
        """Whether letters may leave."""
        try:
            return restored.raise_mark(now=self.now())
        except OSError as error:
            log.error("No newsletter leaves while the mark of the mailings cannot be written: %s", error)
            self.rest(error)
            return False

    def rest(self, error: OSError) -> None:
        """Nothing may leave because a file cannot be written; staff see why."""
        words = _("The site cannot write down beside its database how far its mailings are: %(error)s")
        breaker.rest_all(words=words % {"error": error}, now=self.now())

    def keep(self, campaign: int, outcome: Outcome) -> None:
        """Until the database has it, whatever happens in between."""
        self._unrecorded = (campaign, outcome)

    def mailing(self, campaign: Campaign) -> Mailing:
        mailing = self._mailings.get(campaign.pk)
        if mailing is None or not mailing.holds_at(self.now()):
            mailing = self._mailings[campaign.pk] = Mailing.of(campaign, now=self.now())
        return mailing

    def in_a_row(self, campaign: Campaign) -> InARow:
        return self._rows.setdefault(campaign.pk, InARow())

    def _under_way(self) -> list[Campaign]:
        """Those that are being sent, the one that has waited longest for its turn first."""
        # All of them, however many: those that rest or wait for the next try of some letters must not be in the way.
        found = list(Campaign.objects.being_sent().select_related("pace").defer("content"))
        keys = {campaign.pk for campaign in found}
        self._mailings = {key: mailing for key, mailing in self._mailings.items() if key in keys}
        self._rows = {key: row for key, row in self._rows.items() if key in keys}
        return sorted(found, key=lambda campaign: self._served_at.get(campaign.pk, 0.0))

    def _slice(self, campaign: Campaign, post: Post, goes_on: GoesOn) -> tuple[int, bool]:
        if not goes_on():
            return 0, True
        self._served_at[campaign.pk] = time.monotonic()
        try:
            served = _Slice(self, campaign, post, goes_on).run()
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            # What is wrong with one campaign must not hold up the others, nor be tried again for ever.
            log.exception("Campaign %s cannot be sent.", campaign.pk)
            # Behind its first line the database quotes the row.
            words = f"{type(error).__name__}: {error}".partition("\n")[0]
            breaker.give_up(campaign, words=words, now=self.now())
            served = 0, False
        self._mark_behind()
        if time.monotonic() - self._looked_at.get(campaign.pk, float("-inf")) > LOOK_EVERY.total_seconds():
            self._looked_at[campaign.pk] = time.monotonic()
            breaker.look(campaign, now=self.now())
        return served

    def _mark_behind(self) -> None:
        """After the last letter of a slice, and before the next turn when something was away then.

        A copy that is made meanwhile does not know the later ones.
        """
        if self._unmarked is None:
            return
        if ledger.is_lost(self._unmarked):
            log.warning("The database has lost letters that had left.")
            restored.stop(now=self.now())
            self._unmarked = self._unrecorded = None
            restored.look_back(now=self.now())
            return
        if self._unrecorded is not None:
            self.claim(*self._unrecorded, goes_on=False)
        restored.raise_mark(now=self.now())
        self._unmarked = None


class _Slice:
    """Some letters of one campaign."""

    def __init__(self, mailer: Mailer, campaign: Campaign, post: Post, goes_on: GoesOn) -> None:
        self._mailer, self._campaign, self._post, self._goes_on = mailer, campaign, post, goes_on
        self._until = time.monotonic() + SLICE.total_seconds()
        self._tokens = self._moved = self._accepted = 0
        self._is_stopped = self._is_marked = False

    def run(self) -> tuple[int, bool]:
        """How many letters no longer wait, and whether it stopped only because the rate allows no more just now."""
        pace = self._campaign.pace
        if pace.rests_until and pace.rests_until > self._mailer.now():
            return 0, False
        if not ledger.is_any_due(self._campaign, now=self._mailer.now()):
            # Those that are tried again in hours must not cost a log-in at the mail server every few seconds.
            return 0, False
        if settings.SENDS_MAIL:
            try:
                self._post.open()
            except NotReached as error:
                breaker.rest(self._campaign, words=str(error), now=self._mailer.now())
                return 0, False
        ledger.plan_claims(anew=True)
        waits = self._send_on()
        if pace.rests and self._accepted and not self._is_stopped:
            breaker.wake(self._campaign)
        return self._moved, waits

    def _send_on(self) -> bool:
        last: Outcome | None = None
        while True:
            wants_more = not self._is_stopped and self._goes_on() and time.monotonic() < self._until
            may_go_on = wants_more and self._has_token()
            if last is None and not may_go_on:
                return wants_more
            if not self._is_marked and not self._mailer.mark_before():
                return False
            self._is_marked = True
            # Made before a letter is claimed: one that cannot be made must leave nobody behind as being sent.
            mailing = self._mailer.mailing(self._campaign)
            claim = self._mailer.claim(self._campaign.pk, last, goes_on=may_go_on)
            if claim is None:
                return wants_more and not may_go_on
            self._moved += 1
            last = None
            if isinstance(claim, Claim):
                self._tokens -= 1
                last = self._send(claim, mailing)
                self._mailer.keep(self._campaign.pk, last)

    def _has_token(self) -> bool:
        if self._tokens <= 0:
            rate = self._campaign.rate_per_minute or 1
            now = self._mailer.now()
            self._tokens = ledger.take_tokens(self._campaign.pk, wanted=MOST_TOKENS, per_minute=rate, now=now)
        return self._tokens > 0

    def _send(self, claim: Claim, mailing: Mailing) -> Outcome:
        now = self._mailer.now()
        token = tokens.token_for(self._campaign.code, claim.email)
        if tokens.hashed(token) != claim.token_hash:
            # SECRET_KEY has changed since the campaign started; without this the letter's links would lead nowhere.
            Delivery.objects.filter(pk=claim.delivery).update(token_hash=tokens.hashed(token))
        try:
            address, message = mailing.letter(claim, token=token, now=now)
        except ValueError as error:
            return Outcome(claim, State.FAILED, answer=str(error))
        if not settings.SENDS_MAIL:
            return Outcome(claim, State.KEPT)
        try:
            answer = self._post.send(sender=mailing.sender, to=address, message=message)
        except NotReached as error:
            outcome = Outcome(claim, State.QUEUED, next_attempt_at=now, is_put_back=True)
            self._mailer.keep(self._campaign.pk, outcome)
            breaker.rest(self._campaign, words=str(error), now=now)
            self._is_stopped = True
            return outcome
        outcome = _outcome(claim, answer, now)
        # Before anything else is asked of the database, which may be away.
        self._mailer.keep(self._campaign.pk, outcome)
        self._draw_conclusions(outcome, answer, now)
        return outcome

    def _draw_conclusions(self, outcome: Outcome, answer: Answer, now: datetime) -> None:
        self._accepted += outcome.state == State.ACCEPTED
        in_a_row = self._mailer.in_a_row(self._campaign)
        # By how it ended: one that was put off for the last time has failed like any other.
        if in_a_row.stops(self._campaign, outcome.state, words=answer.words, now=now):
            self._is_stopped = True
        if answer.is_dead_address:
            claim = outcome.claim
            bounces.bounced(subscriber=claim.subscriber, words=answer.words, now=now, delivery=claim.delivery)


def _outcome(claim: Claim, answer: Answer, now: datetime) -> Outcome:
    if answer.state == State.RETRY and claim.attempt < MOST_ATTEMPTS:
        return Outcome(claim, State.RETRY, answer.words, next_attempt_at=now + BACK_OFF[claim.attempt - 1])
    state = State.FAILED if answer.state == State.RETRY else answer.state
    return Outcome(claim, state, answer.words, provider_id=answer.provider_id)
