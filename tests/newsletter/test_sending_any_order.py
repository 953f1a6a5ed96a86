"""Whatever happens to a mailing in whatever order: what the ledger says is what is meant, and nobody has two letters.

Workers take their turns, die, lose the database and learn late; readers leave; staff pause, resume and decide; the
mail server answers as it likes. The same story is played by the real mailer and by the naive one.
"""

from collections import deque
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clinic.models import User
from newsletter import mailing_mark
from newsletter.models import Campaign, MailingRules, Pace, Subscriber
from newsletter.services import campaigns, ledger, reconciling
from newsletter.services.campaigns import NotNow
from newsletter.services.ledger import Claim
from newsletter.services.sending import Mailer, breaker, mailer
from tests.appointments.race import ROUNDS
from tests.factories import NOON
from tests.newsletter.naive_ledger import TICK, Cut, Letter, NaiveMailing, Reader, Turn, fail
from tests.newsletter.post_office import Killed, Office
from tests.newsletter.sending import begun

pytestmark = pytest.mark.django_db
READERS, WORKERS = 4, 3
# Above any rate that could hold these up: the naive mailing has none.
AT_ONCE = 2_000_000_000

readers, workers = st.integers(0, READERS - 1), st.integers(0, WORKERS - 1)
faults = st.sampled_from([""] * 6 + ["cut before", "cut after", "killed before", "killed after"])
answers = st.sampled_from(
    ["250 OK"] * 4 + ["451 Later"] * 2
    + ["554 No", "550 5.1.1 Nobody", "lost", "lost after", "away", "killed before", "killed after"]
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.sampled_from(["leave", "arrived", "send_again"]), readers),
    st.tuples(st.sampled_from(["pause", "resume"])),
    st.tuples(st.just("sweep_after"), st.sampled_from([0, 8, 8, 45, 600])),
)


def turns(meanwhile):
    letters = st.builds(Letter, answers, st.lists(meanwhile, max_size=2).map(tuple), faults)
    return st.tuples(st.just("turn"), workers, faults, st.lists(letters, max_size=5).map(tuple))


# While a letter is on the line another worker may have a whole turn, and the same things happen in that.
stories = st.lists(turns(steps | turns(steps)) | steps, max_size=8)
# At the end everybody is settled, whatever came before; workers that have been away for long say what they knew.
NIGHT = [
    ("resume",),
    ("sweep_after", 1440),
    *(("arrived", who) for who in range(READERS)),
    *(("turn", worker, "", ()) for worker in range(WORKERS)),
    ("turn", 0, "", (Letter("250 OK", (), ""),) * READERS),
]
ENDING = [*NIGHT * 2, ("sweep_after", 0)]


class RealMailing:
    """The mailer and the ledger on PostgreSQL, with a line to the mail server that is told what happens."""

    def __init__(self, office, monkeypatch):
        self._office, self._moment = office, NOON
        self._mailers, self._turns, self._left = {}, [], set()
        self.campaign, self.people = Campaign.objects.get(), list(Subscriber.objects.order_by("pk"))
        self._by = User.objects.get()
        self._claim = ledger.claim
        monkeypatch.setattr(ledger, "claim", self._claim_or_fail)
        monkeypatch.setattr(office, "answer", self._answer)

    def now(self):
        self._moment += TICK
        return self._moment

    def seen(self):
        self.campaign.refresh_from_db()
        lines = self.campaign.deliveries.order_by("pk").values_list("state", "attempts", "subscriber__email")
        readers = [(state, attempts, self._office.accepted.count(email)) for state, attempts, email in lines]
        return self.campaign.state, Pace.objects.get().rests, readers

    def leave(self, who):
        self._left.add(self.people[who].pk)
        Subscriber.objects.get(pk=self.people[who].pk).take_off(Subscriber.State.UNSUBSCRIBED, now=self.now())

    def pause(self):
        with suppress(NotNow):
            campaigns.pause(self.campaign, by=self._by, now=self.now())

    def resume(self):
        with suppress(NotNow):
            campaigns.resume(self.campaign, by=self._by, now=self.now())

    def sweep_after(self, minutes):
        self._moment += timedelta(minutes=minutes)
        now = self.now()
        ledger.mark_cut_off(now=now)
        campaigns.end_finished(now=now)

    def arrived(self, who):
        reconciling.arrived(self._line(who), by=self._by)

    def send_again(self, who):
        reconciling.send_again(self._line(who), by=self._by, now=self.now())

    def turn(self, turn, meanwhile):
        self._turns.append((turn, meanwhile))
        try:
            worker = self._mailers.setdefault(turn.worker, QuickMailer(clock=self.now))
            worker.turn(goes_on=lambda: bool(turn.letters))
        finally:
            self._turns.pop()

    def forget(self, worker):
        del self._mailers[worker]

    def _line(self, who):
        return self.campaign.deliveries.filter(subscriber=self.people[who])

    def _claim_or_fail(self, campaign, **asked):
        turn, _meanwhile = self._turns[-1]
        fault, turn.fault = turn.fault, ""
        fail(fault, "before")
        claim = self._claim(campaign, **asked)
        assert not isinstance(claim, Claim) or claim.subscriber not in self._left
        fail(fault, "after")
        return claim

    def _answer(self, to):
        turn, meanwhile = self._turns[-1]
        letter = turn.letters.popleft()
        meanwhile(letter.meanwhile)
        turn.fault = letter.fault
        return letter.answer


class QuickMailer(Mailer):
    """Renders nothing: how a letter looks changes nothing in who gets it."""

    sender = "news@elmstreet.example"

    def mailing(self, campaign):
        return self

    def letter(self, claim, *, token, now):
        return claim.email, b""


@pytest.fixture
def mail(settings, monkeypatch):
    settings.SENDS_MAIL = True
    # Nothing is stopped because too many letters fail.
    monkeypatch.setattr(breaker, "MOST_IN_A_ROW", {})
    MailingRules.objects.create(breaker_least=10_000)
    begun(count=READERS, rate_per_minute=AT_ONCE)
    Pace.objects.update(tokens=AT_ONCE)


def play(mailing, story, busy=()):
    for name, *what in story:
        if name == "turn":
            play_turn(mailing, *what, busy)
        else:
            getattr(mailing, name)(*what)


def play_turn(mailing, number, fault, letters, busy):
    # Whoever has a turn while another has one is another worker.
    free = [worker for worker in range(WORKERS) if worker not in busy]
    turn = Turn(free[number % len(free)], deque(letters), fault)
    try:
        mailing.turn(turn, lambda story: play(mailing, story, (*busy, turn.worker)))
    except Cut:
        pass
    except Killed:
        mailing.forget(turn.worker)


@given(story=stories)
@example(story=[("turn", 0, "", (Letter("lost", (("leave", 0),), ""),)), ("send_again", 0)])
@example(story=[("turn", 0, "", (Letter("lost", (), ""),)), ("send_again", 0)])
@settings(
    max_examples=25 * ROUNDS,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_happens_the_ledger_says_what_is_meant_and_nobody_has_two(mail, story):
    with transaction.atomic(), pytest.MonkeyPatch.context() as monkeypatch:
        office = Office()
        monkeypatch.setattr(mailer, "Post", office.line)
        # As the database is rolled back, which no worker may take for a restore.
        mailing_mark.path().unlink(missing_ok=True)
        real = RealMailing(office, monkeypatch)
        naive = NaiveMailing([Reader(next_at=NOON) for _number in range(READERS)], NOON)

        for step in [*story, *ENDING]:
            play(real, [step])
            play(naive, [step])
            assert real.seen() == naive.seen()
            for reader, person in zip(naive.readers, real.people, strict=True):
                assert office.accepted.count(person.email) <= 1 + reader.again

        state, _rests, readers = real.seen()
        assert state == "sent"
        assert sum(ledger.tally(real.campaign).values()) == real.campaign.recipients == READERS
        assert {state for state, _attempts, _letters in readers} <= {"accepted", "failed", "skipped"}
        transaction.set_rollback(True)
