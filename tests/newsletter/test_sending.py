"""A mailing reaches each person once, or says why not; against a real SMTP server."""

import threading
from datetime import timedelta
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest
from django.db import connection

from clinic.models import Offer, User
from newsletter.models import Campaign, CampaignStep, Delivery, MailingMark, Pace, Subscriber, Suppression
from newsletter.services import campaigns, editions, ledger, reconciling, tokens
from newsletter.services.reconciling import Repetition
from newsletter.services.sending import Mailer, mailer
from newsletter.services.sending.breaker import RESTS
from newsletter.services.sending.mailer import BACK_OFF, MOST_ATTEMPTS
from newsletter.services.sending.mailing import Mailing
from tests.factories import NOON, make_campaign, make_offer, make_subscriber
from tests.newsletter.sending import Clock, StillClock, begin, begun, receivers, send_all, states

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
State = Delivery.State
pytestmark = pytest.mark.django_db
# What the server or another thread asks on a connection of its own sees only what is committed.
seen_by_others = pytest.mark.django_db(transaction=True)


def test_everyone_gets_one_and_the_mailing_ends(sink):
    campaign, people = begun()

    send_all()
    campaigns.end_finished(now=NOON + MINUTE)

    assert receivers(sink) == [person.email for person in people]
    assert states(campaign) == ["accepted"] * 3
    campaign.refresh_from_db()
    assert (campaign.state, campaign.ended_at, campaign.recipients) == ("sent", NOON + MINUTE, 3)
    assert list(campaign.steps.values_list("kind", flat=True)) == ["released", "started", "finished"]


def test_each_letter_has_its_own_number_and_links(sink):
    campaign, people = begun(count=2)

    send_all()

    for message, person in zip(sink.accepted, people, strict=True):
        token = tokens.token_for(campaign.code, person.email)
        assert message["Message-ID"] == tokens.message_id(campaign.pk, person.pk)
        assert message["List-Unsubscribe"] == f"<https://elmstreet.example/newsletter/unsubscribe/{token}/>"
        assert tokens.of_message_id(message["Message-ID"]) == (campaign.pk, person.pk)
        delivery = campaign.deliveries.get(subscriber=person)
        assert bytes(delivery.token_hash) == tokens.hashed(token)
        assert (delivery.attempts, delivery.answer) == (1, "250 OK")


def test_however_many_are_under_way_one_question_finds_those_that_have_ended(sink, django_assert_num_queries):
    campaign, _people = begun()
    others = [begin(by=User.objects.get()) for _number in range(3)]

    with django_assert_num_queries(1) as asked:
        campaigns.end_finished(now=NOON)
    assert '"content"' not in asked[0]["sql"]
    for one, state in zip(others, [State.SENDING, State.RETRY, State.UNCERTAIN], strict=True):
        one.deliveries.update(state=State.ACCEPTED)
        one.deliveries.filter(pk=one.deliveries.first().pk).update(state=state, lease_until=NOON)
    campaigns.end_finished(now=NOON)

    assert list(Campaign.objects.being_sent()) == [campaign, *others[:2]]


def test_a_second_turn_sends_nothing(sink):
    begun()

    send_all()
    send_all()

    assert len(sink.accepted) == 3


@seen_by_others
def test_four_workers_share_the_letters(sink):
    campaign, people = begun(count=40)

    def work():
        try:
            send_all()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert receivers(sink) == sorted(person.email for person in people)
    assert ledger.tally(campaign) == {"accepted": 40}


# Who is off the list by now


def test_who_leaves_after_the_freeze_gets_nothing(sink):
    campaign, (_first, second, _third) = begun()
    second.take_off(Subscriber.State.UNSUBSCRIBED, now=NOON)

    send_all()

    assert states(campaign) == ["accepted", "skipped", "accepted"]
    assert second.email not in receivers(sink)


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "complained"])
def test_a_suppressed_address_gets_nothing_whatever_its_row_says(sink, reason):
    campaign, (person,) = begun(count=1)
    Suppression.objects.add([person.email.upper()], Suppression.Reason(reason), now=NOON)

    send_all()

    assert (sink.accepted, states(campaign)) == ([], ["skipped"])


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "complained"])
def test_freeze_and_claim_agree_on_who_may_be_written_to(sink, reason):
    """The rule stands twice, as a queryset and in the claim's SQL."""
    campaign, (person,) = begun(count=1)
    Suppression.objects.add([person.email], Suppression.Reason(reason), now=NOON)
    Suppression.objects.add([person.email], Suppression.Reason.LIFTED, now=NOON)

    may_be_frozen = Subscriber.objects.mailable().filter(pk=person.pk).exists()
    send_all()

    assert may_be_frozen is (reason == "unsubscribed")
    assert states(campaign) == ["accepted" if may_be_frozen else "skipped"]


def test_who_has_left_is_a_step_of_its_own_so_that_the_next_has_a_whole_lease(sink):
    campaign, people = begun(count=3)
    leave(people[:2])

    found = [ledger.claim(campaign.pk, last=None, now=NOON + minutes * MINUTE) for minutes in range(3)]

    assert found[:2] == [ledger.PassedOver()] * 2
    assert found[2].email == people[2].email
    claimed = campaign.deliveries.get(state=State.SENDING)
    assert claimed.lease_until - claimed.attempted_at == ledger.LEASE
    assert claimed.attempted_at == found[2].at == NOON + 2 * MINUTE


def test_a_worker_that_is_to_stop_stops_in_such_a_crowd(sink):
    campaign, people = begun(count=9)
    leave(people)
    asked = iter([True] * 5)

    assert Mailer(clock=Clock(NOON)).turn(goes_on=lambda: next(asked, False))

    assert ledger.tally(campaign) == {"skipped": 3, "queued": 6}
    send_all()
    assert ledger.tally(campaign) == {"skipped": 9}


def test_a_slice_of_nobody_but_them_is_not_the_end(sink, monkeypatch):
    _campaign, people = begun(count=9)
    leave(people[:8])
    # Each look at the process's clock is half a second later: a slice holds a few of them.
    monkeypatch.setattr(mailer, "time", SimpleNamespace(monotonic=partial(next, count(step=0.5))))

    send_all()

    assert receivers(sink) == [people[8].email]


def test_who_is_suppressed_is_not_frozen(sink):
    person = make_subscriber()
    Suppression.objects.add([person.email], Suppression.Reason.COMPLAINED, now=NOON)

    campaign, people = begun(count=2)

    assert list(campaign.deliveries.order_by("pk").values_list("subscriber", flat=True)) == [one.pk for one in people]


# What the mail server says


def test_a_temporary_refusal_is_tried_again_later_and_later_and_then_failed(sink):
    campaign, _people = begun(count=1)
    sink.answers.extend(["451 4.7.1 Come back later"] * MOST_ATTEMPTS)
    now = NOON

    for pause in [*BACK_OFF, None]:
        send_all(now)
        delivery = campaign.deliveries.get()
        if pause:
            assert (delivery.state, delivery.answer) == ("retry", "451 4.7.1 Come back later")
            assert pause <= delivery.next_attempt_at - now <= pause + MINUTE
            send_all(now + pause - MINUTE)
            assert campaign.deliveries.get().attempts == delivery.attempts
            now = delivery.next_attempt_at

    assert (delivery.state, delivery.attempts, sink.accepted) == ("failed", MOST_ATTEMPTS, [])


def test_a_temporary_refusal_holds_up_nobody_else_and_then_arrives(sink):
    campaign, people = begun()
    sink.answers.append("451 4.7.1 Come back later")

    send_all()
    assert states(campaign) == ["retry", "accepted", "accepted"]
    send_all(NOON + HOUR)

    assert receivers(sink) == [person.email for person in people]
    assert states(campaign) == ["accepted"] * 3


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
def test_while_letters_wait_for_their_next_try_the_mail_server_is_left_alone(sink, monkeypatch, guarded):
    if not guarded:
        monkeypatch.setattr(ledger, "is_any_due", lambda _campaign, **_now: True)
    begun(count=1)
    sink.answers.append("451 4.7.1 Come back later")
    worker = Mailer(clock=Clock())
    send_all(mailer=worker)
    mark, calls = MailingMark.current(), sink.calls

    for _turn in range(3):
        send_all(mailer=worker)

    assert (MailingMark.current() == mark, sink.calls - calls) == ((True, 0) if guarded else (False, 3))


def test_a_final_refusal_is_written_down_with_the_servers_words(sink):
    campaign, people = begun(count=2)
    sink.answers.append("554 5.7.1 We do not like your words")

    send_all()

    failed = campaign.deliveries.get(state="failed")
    assert (failed.answer, failed.bounced_at) == ("554 5.7.1 We do not like your words", None)
    assert receivers(sink) == [people[1].email]
    people[0].refresh_from_db()
    assert people[0].state == "confirmed"


@pytest.mark.parametrize("words", ["550 5.1.1 No such user", "550 5.1.10 The domain takes no mail"])
def test_a_dead_address_is_off_the_list_for_ever(sink, words):
    campaign, (person,) = begun(count=1)
    sink.answers.append(words)

    send_all()

    person.refresh_from_db()
    assert (person.state, states(campaign)) == ("bounced", ["failed"])
    assert list(Suppression.objects.in_force().values_list("email", "reason", "words")) == [
        (person.email, "bounced", words)
    ]
    assert campaign.deliveries.get().bounced_at is not None


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.8 Your own domain does not exist",
        "554 5.7.1 Client host [65.1.1.3] blocked",
        "550 5.1.100 Something else",
    ],
)
def test_a_refusal_of_the_sender_is_nobodys_dead_address(sink, words):
    _campaign, (person,) = begun(count=1)
    sink.answers.append(words)

    send_all()

    person.refresh_from_db()
    assert (person.state, Suppression.objects.count()) == ("confirmed", 0)


def test_a_line_that_breaks_after_the_text_leaves_that_letter_uncertain_and_no_other(sink):
    campaign, people = begun()
    sink.answers.append(None)

    send_all()
    send_all(NOON + HOUR)

    assert states(campaign) == ["uncertain", "accepted", "accepted"]
    assert receivers(sink) == [person.email for person in people[1:]]


def test_a_server_that_hangs_up_between_letters_is_called_again(sink):
    campaign, people = begun()
    sink.hangs_up_after = 1

    send_all()

    assert receivers(sink) == [person.email for person in people]
    assert [delivery.attempts for delivery in campaign.deliveries.all()] == [1, 1, 1]


# A person decides


def test_an_uncertain_letter_that_has_arrived_is_not_sent_again(sink):
    campaign, _people = begun(count=1)
    sink.answers.append(None)
    send_all()
    by = manager_called("sue")

    assert reconciling.arrived(campaign.deliveries.all(), by=by) == 1
    assert reconciling.arrived(campaign.deliveries.all(), by=by) == 0
    send_all(NOON + HOUR)

    delivery = campaign.deliveries.get()
    assert (delivery.state, delivery.settled_by, sink.accepted) == ("accepted", by, [])


def test_an_uncertain_letter_that_is_sent_again_has_the_same_message_id_also_after_the_end(sink):
    campaign, _people = begun(count=1)
    seen = []
    sink.answers.append(lambda message: seen.append(message["Message-ID"]))
    send_all()
    campaigns.end_finished(now=NOON + MINUTE)
    campaign.refresh_from_db()
    assert campaign.state == "sent"

    assert reconciling.send_again(campaign.deliveries.all(), by=manager_called("sue"), now=NOON).sent == 1
    send_all(NOON + HOUR)

    assert (sink.message_ids, states(campaign)) == (seen, ["accepted"])


def test_a_failed_letter_that_is_sent_again_has_all_its_tries_again(sink):
    campaign, (person,) = begun(count=1)
    campaign.deliveries.update(state=State.FAILED, attempts=MOST_ATTEMPTS, attempted_at=NOON)
    reconciling.send_again(campaign.deliveries.all(), by=manager_called("sue"), now=NOON)
    sink.answers.extend(["451 4.7.1 Come back later"] * (MOST_ATTEMPTS - 1))
    now = NOON

    for pause in BACK_OFF:
        send_all(now)
        delivery = campaign.deliveries.get()
        assert delivery.state == "retry"
        assert pause <= delivery.next_attempt_at - now <= pause + MINUTE
        now = delivery.next_attempt_at
    send_all(now)

    assert (states(campaign), receivers(sink)) == (["accepted"], [person.email])
    assert campaign.deliveries.get().attempts == MOST_ATTEMPTS


def test_the_first_try_of_an_earlier_set_changes_nothing_in_the_next(sink):
    """Both have the same number; when it was tried tells them apart."""
    campaign, _people = begun(count=1)
    first = ledger.claim(campaign.pk, last=None, now=NOON)
    ledger.mark_cut_off(now=NOON + HOUR)
    reconciling.send_again(campaign.deliveries.all(), by=manager_called("sue"), now=NOON)
    second = ledger.claim(campaign.pk, last=None, now=NOON + HOUR)
    assert (first.attempt, second.attempt) == (1, 1)

    ledger.claim(campaign.pk, last=ledger.Outcome(first, State.FAILED, "550 No"), now=NOON + HOUR, goes_on=False)

    assert states(campaign) == ["sending"]


@pytest.mark.parametrize("most", [2, 5000])
def test_more_than_are_settled_in_one_go_are_settled_all_the_same(monkeypatch, most):
    monkeypatch.setattr(reconciling, "MOST_AT_ONCE", most)
    campaign, people = begun(count=9)
    by, letters = manager_called("sue"), campaign.deliveries
    letters.update(state=State.UNCERTAIN, next_attempt_at=None)
    letters.filter(subscriber__in=people[:3]).update(state=State.FAILED)
    for person in people[2:4]:
        person.take_off("unsubscribed", now=NOON)

    assert reconciling.send_again(letters.filter(subscriber__in=people[:5]), by=by, now=NOON) == Repetition(3, 2)
    assert reconciling.arrived(letters.all(), by=by) == 4

    assert states(campaign) == ["queued", "queued", "failed", "skipped", "queued", *["accepted"] * 4]


def test_who_may_not_be_written_to_any_more_is_left_out_of_a_repetition(sink):
    campaign, (_ada, _bob, cleo) = begun(count=3)
    sink.answers.extend(["550 5.1.1 No such user", "550 5.7.1 No", None])
    send_all()
    cleo.take_off("unsubscribed", now=NOON)
    assert states(campaign) == ["failed", "failed", "uncertain"]

    done = reconciling.send_again(campaign.deliveries.all(), by=manager_called("sue"), now=NOON)

    assert (done.sent, done.left_out) == (1, 2)
    found = campaign.deliveries.order_by("pk").values_list("state", "answer", "settled_by__username")
    assert list(found) == [
        ("failed", "550 5.1.1 No such user", None),
        ("queued", "", "sue"),
        ("skipped", "Connection unexpectedly closed", "sue"),
    ]


def test_nothing_of_a_cancelled_campaign_is_sent_again(sink):
    campaign, _people = begun(count=1)
    sink.answers.append(None)
    send_all()
    campaigns.cancel(campaign, by=manager_called("sue"), now=NOON)

    with pytest.raises(campaigns.NotNow, match="cancelled"):
        reconciling.send_again(campaign.deliveries.all(), by=manager_called("tim"), now=NOON)

    assert states(campaign) == ["uncertain"]


@seen_by_others
def test_what_a_slow_worker_learns_after_its_lease_is_still_written_down(sink):
    campaign, _people = begun(count=1)

    def wait(message):
        ledger.mark_cut_off(now=NOON + HOUR)
        connection.close()
        return "250 OK"

    sink.answers.append(wait)
    send_all()

    assert states(campaign) == ["accepted"]


def test_what_a_slow_worker_learns_does_not_undo_what_a_person_has_decided(sink):
    campaign, (person,) = begun(count=1)
    claim = ledger.claim(campaign.pk, last=None, now=NOON)
    ledger.mark_cut_off(now=NOON + HOUR)
    reconciling.send_again(campaign.deliveries.all(), by=manager_called("sue"), now=NOON)

    ledger.claim(campaign.pk, last=ledger.Outcome(claim, State.FAILED, "550 No"), now=NOON, goes_on=False)

    assert states(campaign) == ["queued"]
    send_all(NOON + HOUR)
    assert receivers(sink) == [person.email]


# Pausing, cancelling, resuming


def test_a_paused_campaign_sends_nothing_and_a_resumed_one_the_rest(sink):
    campaign, people = begun()
    campaigns.pause(campaign, by=manager_called("sue"), now=NOON)
    send_all()
    assert (sink.accepted, states(campaign)) == ([], ["queued"] * 3)

    campaigns.resume(campaign, by=manager_called("tim"), now=NOON)
    send_all()

    assert receivers(sink) == [person.email for person in people]


@seen_by_others
def test_a_pause_holds_from_the_next_letter_on(sink):
    campaign, people = begun()
    by = manager_called("sue")

    def pause(message):
        campaigns.pause(campaign, by=by, now=NOON)
        connection.close()
        return "250 OK"

    sink.answers.append(pause)
    send_all()

    assert receivers(sink) == [people[0].email]
    assert states(campaign) == ["accepted", "queued", "queued"]


def test_a_cancelled_campaign_sends_nothing_more(sink):
    campaign, _people = begun()
    campaigns.cancel(campaign, by=manager_called("sue"), now=NOON)

    send_all()

    assert sink.accepted == []
    with pytest.raises(campaigns.NotNow):
        campaigns.resume(campaign, by=manager_called("tim"), now=NOON)


# The rate


def test_the_rate_holds_over_all_workers(sink):
    campaign, _people = begun(count=30, rate_per_minute=60)
    mailers = [Mailer(clock=lambda: NOON + timedelta(seconds=10)) for _number in range(2)]

    for worker in mailers:
        asked = iter([True] * 8)
        worker.turn(goes_on=lambda asked=asked: next(asked, False))

    # The bucket holds two seconds' worth, however long nobody has sent.
    granted = ledger.take_tokens(campaign.pk, wanted=100, per_minute=60, now=NOON + timedelta(seconds=10))
    assert (len(sink.accepted), granted) == (2, 0)
    later = NOON + timedelta(seconds=11)
    assert ledger.take_tokens(campaign.pk, wanted=100, per_minute=60, now=later) == 1
    assert ledger.take_tokens(campaign.pk, wanted=100, per_minute=60, now=later) == 0


def test_a_slow_campaign_does_not_hold_up_another(sink):
    slow, _people = begun(count=5, rate_per_minute=1)
    quick = begin(by=manager_called("sue"))

    until = iter([True] * 60)
    Mailer(clock=Clock(NOON)).turn(goes_on=lambda: next(until, False))

    assert ledger.tally(quick) == {"accepted": 5}
    assert ledger.tally(slow).get("accepted", 0) <= 1


def test_however_many_rest_or_wait_the_next_has_its_turn(sink):
    first, _people = begun(count=1)
    by = manager_called("sue")
    *_others, last = [begin(by=by) for _number in range(21)]
    Delivery.objects.exclude(campaign=last).update(next_attempt_at=NOON + HOUR)
    Pace.objects.filter(campaign=first).update(rests=1, rests_until=NOON + HOUR)

    send_all()

    assert (states(last), len(sink.accepted)) == (["accepted"], 1)


# The mail server is away, or something is wrong


def test_a_server_that_is_away_costs_nobody_an_attempt(sink):
    campaign, people = begun()
    sink.stop()

    send_all()

    pace = Pace.objects.get(campaign=campaign)
    assert (pace.rests, states(campaign)) == (1, ["queued"] * 3)
    assert "refused" in pace.trouble
    sink.start()
    send_all()
    assert sink.accepted == []
    send_all(NOON + 2 * MINUTE)
    assert receivers(sink) == [person.email for person in people]
    assert Pace.objects.get(campaign=campaign).rests == 0


def test_a_server_that_stays_away_pauses_the_campaign_and_says_so(sink):
    campaign, _people = begun(count=1)
    sink.stop()
    now = NOON

    for rest in [*RESTS, timedelta(0)]:
        send_all(now)
        now += rest + MINUTE

    campaign.refresh_from_db()
    assert (campaign.state, states(campaign)) == ("paused", ["queued"])
    assert "No letter could be sent for hours" in campaign.pause_reason
    assert campaign.steps.get(kind=CampaignStep.Kind.PAUSED).by is None


def test_letters_refused_one_after_another_pause_the_campaign(sink):
    campaign, _people = begun(count=30)
    sink.answers.extend(["550 5.7.1 Relaying denied"] * 30)

    send_all()

    campaign.refresh_from_db()
    assert campaign.state == "paused"
    assert campaign.pause_reason == "10 letters in a row were refused, the last with: 550 5.7.1 Relaying denied"
    assert ledger.tally(campaign) == {"failed": 10, "queued": 20}


def test_lines_that_break_one_after_another_pause_the_campaign(sink):
    campaign, _people = begun(count=30)
    sink.answers.extend([None] * 30)

    send_all()

    campaign.refresh_from_db()
    assert (campaign.state, ledger.tally(campaign)) == ("paused", {"uncertain": 5, "queued": 25})


def test_a_letter_that_cannot_be_made_pauses_its_campaign_and_no_other(sink):
    broken, _people = begun(count=2)
    sound = begin(by=manager_called("sue"))
    Campaign.objects.filter(pk=broken.pk).update(content={"subject": "Nothing else"})

    send_all()

    broken.refresh_from_db()
    assert (broken.state, states(broken), states(sound)) == ("paused", ["queued"] * 2, ["accepted"] * 2)
    assert broken.pause_reason.startswith("The letter cannot be made: KeyError")


# What the letter says while it is under way


def test_an_offer_that_ends_on_the_way_is_not_in_the_letters_after(sink):
    offer = make_offer(title="Spring peel", starts_at=NOON - HOUR, ends_at=NOON + HOUR)
    campaign, _people = begun(
        count=1, blocks=[{"kind": "text", "text": "<p>Hello.</p>"}, {"kind": "offer", "offer": offer}]
    )
    mailer = Mailer(clock=lambda: NOON + timedelta(seconds=5))
    bodies = []
    sink.answers.append(lambda message: bodies.append(message.as_string()) or "451 Later")
    send_all(mailer=mailer)
    assert "Spring peel" in bodies[0]

    send_all(NOON + 2 * HOUR)

    (message,) = sink.accepted
    assert "Spring peel" not in message.get_body(("plain",)).get_content()
    assert campaign.deliveries.get().state == "accepted"


@pytest.mark.parametrize("ending", ["ended early", "deleted", "not begun"])
def test_an_offer_that_staff_take_away_is_in_no_letter_a_minute_later_as_in_the_archive(sink, ending):
    offers = [make_offer(title=title, starts_at=NOON - HOUR, ends_at=NOON + 9 * HOUR) for title in ("Peel", "Filler")]
    campaign, _people = begun(blocks=[{"kind": "offer", "offer": offer} for offer in offers])
    clock, asked = StillClock(NOON + MINUTE), iter([True] * 3)
    worker = Mailer(clock=clock)
    worker.turn(goes_on=lambda: next(asked, False))
    assert shown(sink.accepted) == [(True, True)]

    if ending == "deleted":
        campaign.blocks.filter(offer=offers[0]).delete()
        offers[0].delete()
    elif ending == "ended early":
        Offer.objects.filter(pk=offers[0].pk).update(ends_at=NOON + MINUTE)
    else:
        Offer.objects.filter(pk=offers[0].pk).update(starts_at=NOON + 8 * HOUR)
    clock.jump(60)
    send_all(mailer=worker)

    assert shown(sink.accepted) == [(True, True), (False, True), (False, True)]
    assert [piece["title"] for piece in editions.edition(campaign, now=clock()).pieces] == ["Filler"]


@pytest.mark.parametrize(("has_offer", "looks"), [(True, 2), (False, 0)])
def test_whether_its_offers_hold_is_asked_once_a_minute(sink, django_assert_num_queries, has_offer, looks):
    offer = {"kind": "offer", "offer": make_offer(starts_at=NOON - HOUR, ends_at=NOON + HOUR)}
    campaign, _people = begun(count=1, blocks=[offer] if has_offer else [{"kind": "text", "text": "<p>Hi.</p>"}])
    mailing = Mailing.of(campaign, now=NOON)

    with django_assert_num_queries(looks):
        assert all(mailing.holds_at(NOON + seconds * timedelta(seconds=1)) for seconds in range(150))
    assert mailing.holds_at(NOON + HOUR) is not has_offer


def test_links_lead_somewhere_also_when_the_secret_key_changes_on_the_way(sink, settings):
    campaign, _people = begun(count=1)
    settings.SECRET_KEY = "another-key-" + "1" * 50

    send_all()

    token = sink.accepted[0]["List-Unsubscribe"].split("/")[-2]
    assert bytes(campaign.deliveries.get().token_hash) == tokens.hashed(token)


def test_without_a_mail_server_letters_are_kept(db, settings):
    campaign, _people = begun(count=2)
    assert settings.SENDS_MAIL is False

    send_all()

    assert states(campaign) == ["kept", "kept"]


def test_an_address_that_no_server_takes_fails_alone(sink):
    campaign, people = begun(count=2)
    # Written before there was a rule for it.
    Subscriber.objects.filter(pk=people[0].pk).update(email="ada@bad\r\nBcc: eve@example.com")

    send_all()

    assert states(campaign) == ["failed", "accepted"]
    assert receivers(sink) == [people[1].email]


# Starting


def test_who_joins_after_the_start_gets_nothing_of_it(sink):
    campaign, _people = begun(count=1)
    make_subscriber()

    send_all()

    assert (len(sink.accepted), campaign.deliveries.count()) == (1, 1)


def test_what_was_to_start_hours_ago_goes_back_to_its_writers(sink):
    campaign, _people = begun(count=1)
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled")

    campaigns.begin_due(now=NOON + 7 * HOUR)

    campaign.refresh_from_db()
    assert (campaign.state, campaign.deliveries.count()) == ("draft", 1)
    assert campaign.pause_reason.startswith("It was to start 7 hours ago")


def test_what_cannot_start_goes_back_to_its_writers_with_the_reason(sink):
    _campaign, (person,) = begun(count=1)
    late = campaign_scheduled(NOON + HOUR)
    person.take_off(Subscriber.State.UNSUBSCRIBED, now=NOON)

    campaigns.begin_due(now=NOON + HOUR)

    late.refresh_from_db()
    assert (late.state, late.scheduled_at, late.deliveries.count()) == ("draft", None, 0)
    assert late.pause_reason != ""


def test_a_time_that_is_past_is_refused(sink):
    campaign, _people = begun(count=1)

    with pytest.raises(campaigns.NotNow, match="past"):
        campaigns.schedule(campaign, at=NOON - MINUTE, by=manager_called("sue"), now=NOON)


def leave(people):
    for person in people:
        person.take_off(Subscriber.State.UNSUBSCRIBED, now=NOON)


def shown(letters):
    """Of each letter, whether the two offers are in it."""
    texts = [message.get_body(("plain",)).get_content() for message in letters]
    return [("Peel" in text, "Filler" in text) for text in texts]


def campaign_scheduled(at):
    campaign = make_campaign(blocks=[{"kind": "text", "text": "<p>Later.</p>"}])
    campaigns.schedule(campaign, at=at, by=manager_called("tim"), now=NOON)
    return campaign


def manager_called(name):
    return User.objects.create_superuser(name)
