"""What each brake of a mailing is for: the same trouble with it and without, when a mail server or a list suffers."""

from datetime import timedelta

import pytest

from newsletter.models import Delivery, MailingRules
from newsletter.services import ledger
from newsletter.services.sending import Mailer, breaker, mailer
from newsletter.services.sending.breaker import MOST_IN_A_ROW
from tests.factories import NOON
from tests.newsletter.post_office import Office
from tests.newsletter.sending import Clock, begun

State = Delivery.State
pytestmark = pytest.mark.django_db
with_and_without = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
REFUSED, PUT_OFF = "554 5.7.1 We do not like your words", "451 4.7.1 Too many from you"


@pytest.fixture
def office(settings, monkeypatch):
    office = Office()
    settings.SENDS_MAIL = True
    monkeypatch.setattr(mailer, "Post", office.line)
    return office


def nothing(*_said, **_named):
    pass


def turn(*, times, clock=None):
    """A worker's turn in which it is asked so often whether it goes on: before each slice and before each letter."""
    asked = iter([True] * times)
    Mailer(clock=clock or Clock(), sleep=nothing).turn(goes_on=lambda: next(asked, False))


@with_and_without
def test_the_bucket_of_tokens_holds_the_rate_over_all_workers(office, monkeypatch, guarded):
    begun(count=30, rate_per_minute=60)
    if not guarded:
        monkeypatch.setattr(ledger, "take_tokens", lambda campaign, *, wanted, per_minute, now: wanted)

    for _worker in range(2):
        turn(times=12, clock=lambda: NOON + timedelta(seconds=10))

    # Two seconds' worth, for both together.
    assert len(office.accepted) == (2 if guarded else 20)


@with_and_without
def test_a_server_that_is_away_is_left_alone_for_a_while(office, monkeypatch, guarded):
    campaign, _people = begun()
    office.answers.extend(["away"] * 100)
    if not guarded:
        monkeypatch.setattr(breaker, "rest", nothing)

    # Each asks whether it goes on before its round, before the campaign and before the letter.
    clock = Clock()
    for _worker in range(10):
        turn(times=3, clock=clock)

    assert 100 - len(office.answers) == (1 if guarded else 10)
    assert ledger.tally(campaign) == {"queued": 3}


@with_and_without
def test_a_server_that_says_later_to_one_after_another_is_left_alone_for_a_while(office, monkeypatch, guarded):
    campaign, _people = begun(count=30)
    office.answers.extend([PUT_OFF] * 30)
    if not guarded:
        monkeypatch.setattr(breaker, "rest", nothing)

    turn(times=200)

    most = MOST_IN_A_ROW[State.RETRY]
    # The others lose none of their five attempts meanwhile.
    assert ledger.tally(campaign) == ({"retry": most, "queued": 30 - most} if guarded else {"retry": 30})


@with_and_without
def test_refusals_in_a_row_stop_the_mailing_before_it_has_lost_everybody(office, monkeypatch, guarded):
    campaign, _people = begun(count=30)
    office.answers.extend([REFUSED] * 30)
    if not guarded:
        monkeypatch.setattr(breaker, "MOST_IN_A_ROW", {})

    turn(times=200)

    most = MOST_IN_A_ROW[State.FAILED]
    assert ledger.tally(campaign) == ({"failed": most, "queued": 30 - most} if guarded else {"failed": 30})


@with_and_without
def test_too_large_a_share_of_failures_stops_the_mailing_before_it_has_reached_everybody(office, monkeypatch, guarded):
    """Never ten in a row, as with a list that is old."""
    MailingRules.objects.create(breaker_percent=20, breaker_least=5)
    campaign, _people = begun(count=30)
    office.answers.extend(["250 OK", REFUSED] * 15)
    if not guarded:
        monkeypatch.setattr(breaker, "look", nothing)

    turn(times=10)
    turn(times=200)

    tally, campaign_state = ledger.tally(campaign), type(campaign).objects.get().state
    assert (tally.get("queued", 0) > 15, campaign_state) == ((True, "paused") if guarded else (False, "sending"))
    assert (tally["failed"] < 8) is guarded
