"""What each guard of the ledger is for: the same crash with it and without, when somebody has two letters or none."""

from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from clinic.models import Practice
from newsletter import mailing_mark
from newsletter.models import Delivery, Subscriber, Suppression
from newsletter.models.subscriber import SubscriberQuerySet
from newsletter.services import campaigns, freezing, ledger
from newsletter.services.ledger import Claim, Outcome
from newsletter.services.sending import Mailer, mailer
from tests.appointments.test_faults import CUT, ask, at_each_row_of, cut_off, somebody_holds
from tests.clinic.test_worker import until
from tests.factories import NOON, make_subscriber
from tests.newsletter.killed import stuck
from tests.newsletter.post_office import Killed, Office
from tests.newsletter.sending import Clock, begun, send_all, states

HOUR = timedelta(hours=1)
SUPPRESSED = "NOT EXISTS (\n            SELECT FROM newsletter_suppression line"
State = Delivery.State
pytestmark = pytest.mark.django_db
seen_by_others = pytest.mark.django_db(transaction=True)
with_and_without = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])


@pytest.fixture
def office(settings, monkeypatch):
    office = Office()
    settings.SENDS_MAIL = True
    monkeypatch.setattr(mailer, "Post", office.line)
    return office


@contextmanager
def claiming_without(*words, instead="", monkeypatch):
    """The claim's SQL with this left out, or something else there."""
    with monkeypatch.context() as patch:
        for word in words:
            assert word in ledger.PREPARE
            patch.setattr(ledger, "PREPARE", ledger.PREPARE.replace(word, instead))
        yield
    ledger.plan_claims(anew=True)


def letters(office, people):
    """How many each has got."""
    got = Counter(office.accepted)
    return [got[person.email] for person in people]


def die(*answers, office):
    """A worker that is killed at the last of these letters."""
    office.answers.extend(answers)
    with pytest.raises(Killed):
        send_all()


@with_and_without
def test_the_claim_is_committed_before_the_network(office, guarded):
    campaign, people = begun()

    with nullcontext() if guarded else that_dies_with_the_worker():
        die("killed after", office=office)
    if not guarded:
        # Else that would tell that the database has lost something.
        mailing_mark.path().unlink()
    send_all()

    assert letters(office, people) == ([1, 1, 1] if guarded else [2, 1, 1])
    assert states(campaign) == ["sending" if guarded else "accepted", "accepted", "accepted"]


@seen_by_others
@with_and_without
def test_of_two_who_claim_at_once_each_takes_another_letter(office, monkeypatch, guarded):
    _campaign, people = begun(count=2)
    monkeypatch.setattr(mailer, "MOST_TOKENS", 1)
    lock = "FOR UPDATE OF delivery SKIP LOCKED"
    gate = "IF NEW.state = 'sending' THEN PERFORM pg_advisory_xact_lock_shared(4242); END IF;"

    with (
        nullcontext() if guarded else claiming_without(lock, monkeypatch=monkeypatch),
        at_each_row_of("newsletter_delivery", gate, when="AFTER UPDATE"),
        ThreadPoolExecutor(2) as crowd,
    ):
        with somebody_holds("SELECT pg_advisory_xact_lock(4242)"):
            workers = [crowd.submit(alone) for _number in range(2)]
            # Both have chosen theirs and neither has committed.
            until(lambda: stuck("%newsletter_claim%") == 2)
        for worker in workers:
            worker.result()

    assert letters(office, people) == [1, 1] if guarded else 2 in letters(office, people)


@seen_by_others
@with_and_without
def test_nobody_is_in_a_campaign_twice(office, guarded):
    campaign, people = begun()
    again = {"practice": Practice.objects.get(), "now": NOON}

    with nullcontext() if guarded else without_delivery_once():
        with pytest.raises(IntegrityError) if guarded else nullcontext(), transaction.atomic():
            freezing.freeze(campaign, **again)
        send_all()

    assert letters(office, people) == ([1, 1, 1] if guarded else [2, 2, 2])


@with_and_without
def test_a_letter_whose_worker_died_waits_for_a_person(office, monkeypatch, guarded):
    campaign, people = begun()
    die("killed after", office=office)

    if guarded:
        assert ledger.mark_cut_off(now=NOON + HOUR) == 1
    else:
        waiting = {"state": State.QUEUED, "lease_until": None, "next_attempt_at": NOON}
        assert Delivery.objects.cut_off(NOON + HOUR).update(**waiting) == 1
    send_all(NOON + HOUR)

    assert letters(office, people) == ([1, 1, 1] if guarded else [2, 1, 1])
    assert states(campaign)[0] == ("uncertain" if guarded else "accepted")


@with_and_without
@pytest.mark.parametrize("guard", ["subscriber.state = 'confirmed'", SUPPRESSED])
def test_the_claim_asks_whether_the_person_may_be_written_to(office, monkeypatch, guarded, guard):
    campaign, (person, other) = begun(count=2)
    if "suppression" in guard:
        Suppression.objects.add([person.email], Suppression.Reason.UNSUBSCRIBED, now=NOON)
    else:
        person.take_off(Subscriber.State.UNSUBSCRIBED, now=NOON)
    open_door = guard.replace("NOT EXISTS (", "EXISTS (").replace("subscriber.state = 'confirmed'", "true")

    with nullcontext() if guarded else claiming_without(guard, instead=open_door, monkeypatch=monkeypatch):
        send_all()

    assert letters(office, [person])[0] == (0 if guarded else 1)
    assert states(campaign)[0] == ("skipped" if guarded else "accepted")
    if guarded:
        assert letters(office, [other]) == [1]


@with_and_without
def test_each_letter_is_claimed_alone_and_not_passed_by_when_it_is_fetched(office, monkeypatch, guarded):
    """Fetching many and remembering how far one has got, as other programs do, loses what the dead had in memory."""
    campaign, people = begun(count=5)

    with nullcontext() if guarded else claiming(Cursor, monkeypatch):
        die("250 OK", "killed before", office=office)
    with nullcontext() if guarded else claiming(Cursor, monkeypatch):
        send_all()
    ledger.mark_cut_off(now=NOON + HOUR)

    assert letters(office, people) == ([1, 0, 1, 1, 1] if guarded else [1, 0, 0, 1, 1])
    # With the guard it is known who has none, and a person decides.
    assert states(campaign) == ["accepted", "uncertain" if guarded else "accepted", *["accepted"] * 3]


@with_and_without
def test_a_result_said_twice_does_not_touch_the_next_ones_claim(office, monkeypatch, guarded):
    """The first commit of it was not heard of; meanwhile another worker has claimed the letter that was put back."""
    campaign, people = begun(count=1)
    by_number_alone = "AND attempted_at = $12"

    with nullcontext() if guarded else claiming_without(by_number_alone, monkeypatch=monkeypatch):
        ledger.plan_claims(anew=True)
        claim = ledger.claim(campaign.pk, last=None, now=NOON)
        put_back = Outcome(claim, State.QUEUED, next_attempt_at=NOON, is_put_back=True)
        ledger.claim(campaign.pk, last=put_back, now=NOON, goes_on=False)
        # While the letter is on the line.
        said_again = partial(ledger.claim, campaign.pk, last=put_back, now=NOON, goes_on=False)
        die(lambda: said_again() or "killed after", office=office)
        send_all()

    assert letters(office, people) == ([1] if guarded else [2])


@with_and_without
def test_the_freeze_asks_whether_the_person_may_be_written_to(office, monkeypatch, guarded):
    """The claim asks again, so here it does not."""
    gone = make_subscriber(email="gone@example.com")
    Suppression.objects.add([gone.email], Suppression.Reason.COMPLAINED, now=NOON)

    with nullcontext() if guarded else freezing_everybody(monkeypatch):
        campaign, people = begun(count=2)
    with claiming_without(SUPPRESSED, instead=f"true OR {SUPPRESSED}", monkeypatch=monkeypatch):
        send_all()

    assert letters(office, [gone, *people]) == [0 if guarded else 1, 1, 1]
    assert campaign.recipients == (2 if guarded else 3)


@with_and_without
def test_a_result_that_comes_too_late_puts_nothing_back_among_those_that_wait(office, monkeypatch, guarded):
    """The campaign has ended meanwhile: nobody would send the letter any more, and nobody be asked about it."""
    campaign, _people = begun(count=1)
    late = " AND $3 NOT IN ('queued', 'retry')"

    with nullcontext() if guarded else claiming_without(late, monkeypatch=monkeypatch):
        ledger.plan_claims(anew=True)
        claim = ledger.claim(campaign.pk, last=None, now=NOON)
        ledger.mark_cut_off(now=NOON + HOUR)
        campaigns.end_finished(now=NOON + HOUR)
        put_off = Outcome(claim, State.RETRY, "451 Later", next_attempt_at=NOON + HOUR)
        ledger.claim(campaign.pk, last=put_off, now=NOON + HOUR, goes_on=False)
        send_all(NOON + 2 * HOUR)

    campaign.refresh_from_db()
    assert (campaign.state, office.accepted) == ("sent", [])
    assert states(campaign) == ["uncertain" if guarded else "retry"]


@seen_by_others
@with_and_without
def test_what_could_not_be_written_down_is_kept_in_memory(office, monkeypatch, guarded):
    campaign, people = begun()
    if not guarded:
        monkeypatch.setattr(Mailer, "keep", lambda *_said: None)
    sender = Mailer(clock=Clock())

    with at_each_row_of("newsletter_delivery", f"IF NEW.state = 'accepted' THEN {CUT} END IF;", when="AFTER UPDATE"):
        cut_off(partial(send_all, mailer=sender))
    send_all(mailer=sender)
    ledger.mark_cut_off(now=NOON + HOUR)

    assert letters(office, people) == [1, 1, 1]
    # Without it a person has to look into the mail server's log for what this worker has heard.
    assert states(campaign) == ["accepted" if guarded else "uncertain", "accepted", "accepted"]


def alone():
    """In a thread with a connection of its own."""
    try:
        send_all()
    finally:
        connection.close()


@contextmanager
def that_dies_with_the_worker():
    """A transaction that is still open over the network."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def freezing_everybody(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(SubscriberQuerySet, "mailable", SubscriberQuerySet.on_the_list)
        yield


@contextmanager
def without_delivery_once():
    ask("ALTER TABLE newsletter_delivery DROP CONSTRAINT delivery_once")
    try:
        yield
    finally:
        Delivery.objects.all().delete()
        ask("ALTER TABLE newsletter_delivery ADD CONSTRAINT delivery_once UNIQUE (campaign_id, subscriber_id)")


@contextmanager
def claiming(other, monkeypatch):
    """A worker that claims in another way."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "claim", other().claim)
        yield


class Cursor:
    """Fetches three, and they count as done from then on."""

    def __init__(self):
        self._fetched = deque()

    def claim(self, campaign, *, last, now, goes_on=True):
        if goes_on and not self._fetched:
            waiting = Delivery.objects.filter(campaign=campaign, state=State.QUEUED).order_by("pk")
            self._fetched.extend(waiting.select_related("subscriber")[:3])
            done = {"state": State.ACCEPTED, "attempted_at": now, "next_attempt_at": None}
            Delivery.objects.filter(pk__in=[one.pk for one in self._fetched]).update(**done)
        if not (goes_on and self._fetched):
            return None
        one, person = self._fetched[0], self._fetched.popleft().subscriber
        return Claim(one.pk, 1, now, person.pk, person.email, person.name, bytes(one.token_hash))
