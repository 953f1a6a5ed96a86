"""What a mail server says or leaves out before and after the text, and what becomes of that letter and of the next."""

import threading
import time
from datetime import timedelta

import pytest

from clinic.views.health import STILL_ALIVE
from newsletter.models import Delivery, Pace, Suppression
from newsletter.services import ledger, reconciling
from newsletter.services.sending.breaker import MOST_IN_A_ROW
from newsletter.services.sending.mailer import BACK_OFF
from newsletter.services.sending.post import TEXT_PATIENCE
from tests import mail_sink
from tests.clinic.test_worker import PATIENCE
from tests.factories import NOON, User
from tests.newsletter.sending import begun, receivers, send_all, states

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TIMED_OUT = "Connection unexpectedly closed: timed out"
STAGES = ["MAIL", "RCPT"]
MOST_REFUSED = MOST_IN_A_ROW[Delivery.State.FAILED]
# What a server might say, and what is kept of it.
ODD = [
    ("354 Go on", "354 Go on"),
    ("650 What is this", "650 What is this"),
    ("OK, queued", "The mail server gave an answer without a number: queued"),
    ("354-Go\r\nwhere", "The mail server gave an answer without a number: Go\ne"),
]
pytestmark = pytest.mark.django_db


def in_turn(*answers):
    """Said to those who come first, one each."""
    left = iter(answers)
    return lambda _who: next(left, None)


# A refusal before the text


def test_a_dead_address_that_is_refused_at_once_is_off_the_list_and_the_next_is_served_on_the_same_line(sink):
    campaign, (dead, *others) = begun()
    words = "550 5.1.1 <reader-0@example.com>: Recipient address rejected: User unknown"
    sink.at["RCPT"] = {dead.email: words}.get

    send_all()

    assert (states(campaign), sink.calls) == (["failed", "accepted", "accepted"], 1)
    assert receivers(sink) == [person.email for person in others]
    dead.refresh_from_db()
    delivery = campaign.deliveries.get(subscriber=dead)
    assert (dead.state, delivery.answer, delivery.attempts) == ("bounced", words, 1)
    assert delivery.bounced_at is not None
    assert list(Suppression.objects.values_list("email", "reason", "words")) == [(dead.email, "bounced", words)]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("MAIL", "550 5.1.8 Your own domain does not exist"),
        ("MAIL", "501 5.1.7 Bad sender address syntax"),
        ("RCPT", "550 5.7.1 Relaying denied"),
        ("RCPT", "550 No enhanced code, so nobody knows what is meant"),
        ("RCPT", "552 5.2.2 Mailbox full"),
    ],
)
def test_another_refusal_fails_that_letter_and_takes_nobody_off_the_list(sink, stage, words):
    campaign, (first, second) = begun(count=2)
    sink.at[stage] = in_turn(words)

    send_all()
    send_all(NOON + HOUR)

    assert (states(campaign), sink.calls) == (["failed", "accepted"], 1)
    assert receivers(sink) == [second.email]
    first.refresh_from_db()
    assert (first.state, campaign.deliveries.get(subscriber=first).answer, Suppression.objects.count()) == (
        "confirmed",
        words,
        0,
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_server_that_refuses_everybody_before_the_text_pauses_the_mailing(sink, stage):
    campaign, _people = begun(count=MOST_REFUSED + 5)
    sink.at[stage] = lambda _who: "550 5.7.1 Sender blocked"

    send_all()

    campaign.refresh_from_db()
    assert (campaign.state, ledger.tally(campaign)) == ("paused", {"failed": MOST_REFUSED, "queued": 5})


@pytest.mark.parametrize("stage", STAGES)
def test_who_is_put_off_before_the_text_gets_it_later_and_the_next_at_once_on_the_same_line(sink, stage):
    campaign, people = begun()
    sink.at[stage] = in_turn("451 4.7.1 Greylisted, come back later")

    send_all()
    assert (states(campaign), sink.calls) == (["retry", "accepted", "accepted"], 1)
    put_off = campaign.deliveries.get(state="retry")
    assert (put_off.answer, put_off.attempts) == ("451 4.7.1 Greylisted, come back later", 1)
    assert BACK_OFF[0] <= put_off.next_attempt_at - NOON <= BACK_OFF[0] + MINUTE
    send_all(NOON + HOUR)

    assert states(campaign) == ["accepted"] * 3
    assert receivers(sink) == [person.email for person in people]


# An answer that is none of those that RFC 5321 names


@pytest.mark.parametrize("stage", [*STAGES, "text"])
def test_any_answer_that_begins_with_a_two_is_a_yes(sink, stage):
    campaign, people = begun()
    words = "252 Cannot check, will try"
    if stage == "text":
        sink.answers.append(words)
    else:
        sink.at[stage] = in_turn(words)

    send_all()
    send_all(NOON + HOUR)

    assert (states(campaign), sink.calls) == (["accepted"] * 3, 1)
    assert receivers(sink) == [person.email for person in people]
    if stage == "text":
        assert campaign.deliveries.get(subscriber=people[0]).answer == words


@pytest.mark.parametrize(("words", "kept"), ODD)
def test_another_answer_after_the_text_leaves_that_letter_uncertain_and_nobody_has_two(sink, words, kept):
    """Whether the server has taken the letter cannot be read from it."""
    campaign, (first, *others) = begun()

    def takes_it(message):
        sink.accepted.append(message)
        return words

    sink.answers.append(takes_it)

    send_all()
    send_all(NOON + 7 * HOUR)

    assert (states(campaign), sink.calls) == (["uncertain", "accepted", "accepted"], 2)
    assert campaign.deliveries.get(subscriber=first).answer == kept
    assert receivers(sink) == [person.email for person in [first, *others]]


@pytest.mark.parametrize(("words", "kept"), ODD[1:3])
@pytest.mark.parametrize("stage", STAGES)
def test_another_answer_before_the_text_puts_that_letter_off_and_the_next_goes_over_a_new_line(
    sink, stage, words, kept
):
    campaign, people = begun()
    sink.at[stage] = in_turn(words)

    send_all()
    assert (states(campaign), sink.calls) == (["retry", "accepted", "accepted"], 2)
    assert campaign.deliveries.get(state="retry").answer == kept
    send_all(NOON + HOUR)

    assert states(campaign) == ["accepted"] * 3
    assert receivers(sink) == [person.email for person in people]


# The server hangs up before the text


@pytest.mark.parametrize("stage", [*STAGES, "DATA"])
def test_a_421_puts_that_letter_off_and_the_next_goes_over_a_new_line(sink, stage):
    campaign, people = begun()
    sink.at[stage] = in_turn("421 4.3.2 Service shutting down")

    send_all()
    assert (states(campaign), sink.calls) == (["retry", "accepted", "accepted"], 2)
    assert campaign.deliveries.get(state="retry").answer == "421 4.3.2 Service shutting down"
    # The mailing itself has no rest: the server is there.
    assert Pace.objects.get(campaign=campaign).rests == 0
    send_all(NOON + HOUR)

    assert states(campaign) == ["accepted"] * 3
    assert receivers(sink) == [person.email for person in people]


@pytest.mark.parametrize("stage", STAGES)
def test_a_server_that_hangs_up_before_the_text_is_called_again_at_once_for_the_same_letter(sink, stage):
    campaign, people = begun()
    sink.at[stage] = in_turn(mail_sink.HANGS_UP)

    send_all()

    assert (states(campaign), sink.calls) == (["accepted"] * 3, 2)
    assert receivers(sink) == [person.email for person in people]
    assert set(campaign.deliveries.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("stage", STAGES)
def test_one_that_hangs_up_again_puts_that_letter_off_and_the_next_has_its_turn(sink, stage):
    campaign, people = begun()
    sink.at[stage] = in_turn(mail_sink.HANGS_UP, mail_sink.HANGS_UP)

    send_all()
    assert (states(campaign), sink.calls) == (["retry", "accepted", "accepted"], 3)
    words = "The mail server hung up before the text of the letter."
    assert campaign.deliveries.get(state="retry").answer == words
    send_all(NOON + HOUR)

    assert receivers(sink) == [person.email for person in people]


# Silence


@pytest.fixture
def impatient(settings):
    """In seconds, how long an answer is waited for, and that to the text."""
    settings.EMAIL_TIMEOUT = 0.4
    return settings.EMAIL_TIMEOUT, TEXT_PATIENCE * settings.EMAIL_TIMEOUT


@pytest.mark.parametrize("has_taken_it", [True, False])
def test_silence_after_the_text_leaves_that_letter_uncertain_soon_and_nobody_has_two(sink, impatient, has_taken_it):
    campaign, (first, *others) = begun()
    nobody_waits_any_more = threading.Event()

    def says_nothing(message):
        if has_taken_it:
            sink.accepted.append(message)
        nobody_waits_any_more.wait(PATIENCE)
        return "451 said to nobody"

    sink.answers.append(says_nothing)
    began = time.monotonic()
    send_all()
    took = time.monotonic() - began
    nobody_waits_any_more.set()

    assert impatient[1] <= took < 10
    assert states(campaign) == ["uncertain", "accepted", "accepted"]
    assert (campaign.deliveries.get(subscriber=first).answer, sink.calls) == (TIMED_OUT, 2)
    send_all(NOON + HOUR)
    assert receivers(sink) == [person.email for person in ([first] if has_taken_it else []) + others]


def test_silence_after_the_text_and_no_letter_in_the_servers_log_is_sent_again_by_a_person(sink, impatient):
    campaign, people = begun()
    nobody_waits_any_more = threading.Event()
    sink.answers.append(lambda message: nobody_waits_any_more.wait(PATIENCE) and "451 Later")
    send_all()
    nobody_waits_any_more.set()

    reconciling.send_again(campaign.deliveries.filter(state="uncertain"), by=User.objects.get(), now=NOON)
    send_all(NOON + HOUR)

    assert (states(campaign), receivers(sink)) == (["accepted"] * 3, [person.email for person in people])


def test_a_server_may_look_through_the_text_for_longer_than_it_may_be_silent_otherwise(sink, impatient):
    campaign, people = begun()
    silent, looks_through = impatient
    sink.answers.append(lambda message: time.sleep((silent + looks_through) / 2) or "250 OK")
    asked = []

    def slow_once(who):
        if who == people[1].email and not asked:
            asked.append(who)
            time.sleep(looks_through)

    sink.at["RCPT"] = slow_once

    send_all()

    # That letter was not waited for so long: it went over a new line.
    assert (states(campaign), sink.calls) == (["accepted"] * 3, 2)
    assert receivers(sink) == [person.email for person in people]


def test_a_lease_is_longer_than_all_that_is_waited_for(settings):
    answers = 3 + 9 + 3 + 1 + TEXT_PATIENCE

    assert timedelta(seconds=answers * settings.EMAIL_TIMEOUT) < ledger.LEASE
    # And a worker that waits for the one answer is still alive.
    assert timedelta(seconds=TEXT_PATIENCE * settings.EMAIL_TIMEOUT) < STILL_ALIVE
