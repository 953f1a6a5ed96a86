"""A standby that was a little behind takes the place of the database: no letter of that time leaves twice unseen."""

from functools import partial

import pytest
from django.utils import timezone

from clinic.models import User
from newsletter import suppression_journal
from newsletter.models import Delivery, MailingMark, Subscriber
from newsletter.services import campaigns, ledger, reconciling, upkeep
from newsletter.services.sending import Mailer
from newsletter.suppression_journal import Line
from tests.appointments.test_faults import CUT, at_each_row_of, cut_off
from tests.factories import NOON
from tests.newsletter.post_office import Office
from tests.newsletter.sending import Clock, begin, begun, receivers, send_all
from tests.newsletter.test_mailing_mark import in_own_session, numbers
from tests.newsletter.test_restored import KNOWN, WORDS, bring_back, copy, state

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State
# The database goes away while the result of the third letter is written down, or behind the last letter of all.
BETWEEN = ("newsletter_delivery", "IF NEW.state = 'accepted' AND NEW.subscriber_id = %(third)s THEN {} END IF;")
BEHIND = ("newsletter_mailingmark", "IF NEW.number > %(before)s + 1 THEN {} END IF;")


@pytest.fixture
def sink(sink):
    """Beside a worker that has begun."""
    upkeep.look_back(now=NOON)
    return sink


def cut_short(sink, people, cut, copied=None):
    """A worker that has lost its database in the middle of its letters; the standby has heard of the first at most."""

    def first_letter(_message):
        if copied is not None and not copied:
            copied.extend(in_own_session(copy))

    sink.at["DATA"] = first_letter
    worker, (table, fault) = Mailer(clock=Clock()), cut
    where = {"third": people[2].pk, "before": MailingMark.current()}
    with at_each_row_of(table, fault.format(CUT) % where, when="AFTER UPDATE"):
        cut_off(partial(send_all, mailer=worker))
    return worker


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("cut", [BETWEEN, BEHIND], ids=["between letters", "behind the last"])
def test_what_the_standby_does_not_know_stops_the_mailings(sink, monkeypatch, cut, guarded):
    campaign, people = begun(count=4)
    gone, copied = people[3], []
    worker = cut_short(sink, people, cut, copied)
    suppression_journal.append([Line(gone.email, "unsubscribed", timezone.now())])
    sent = receivers(sink)
    if not guarded:
        monkeypatch.setattr(ledger, "is_lost", lambda _claim: False)

    bring_back(copied)
    # The mark alone cannot tell.
    assert numbers()[0] == numbers()[1]
    send_all(mailer=worker)

    if guarded:
        assert (state(campaign), receivers(sink)) == (("paused", KNOWN + WORDS), sent)
        # Nor does anybody come back who has left in that half second.
        assert Subscriber.objects.get(pk=gone.pk).state == "unsubscribed"
        campaigns.resume(campaign, by=User.objects.get(), now=NOON)
        worker.turn(goes_on=lambda: False)
        assert state(campaign) == ("sending", "")
    else:
        assert len(receivers(sink)) > len(set(receivers(sink)))


def settled(letter, by):
    ledger.mark_cut_off(now=timezone.now())
    reconciling.arrived(letter, by=by)


def sent_again(letter, by):
    ledger.mark_cut_off(now=timezone.now())
    reconciling.send_again(letter, by=by, now=NOON)


def cancelled(letter, by):
    campaigns.cancel(letter.get().campaign, by=by, now=NOON)


def deleted(letter, by):
    letter.get().subscriber.delete()


def nothing(letter, by):
    pass


@pytest.mark.parametrize("meanwhile", [nothing, settled, sent_again, cancelled, deleted])
def test_what_people_do_meanwhile_is_no_loss(sink, meanwhile):
    campaign, people = begun(count=4)
    other = begin(by=User.objects.create_superuser("sue"))
    Delivery.objects.filter(campaign=other).update(next_attempt_at=NOON.replace(year=2099))
    worker = cut_short(sink, people, BETWEEN)

    meanwhile(campaign.deliveries.filter(subscriber=people[2]), User.objects.first())
    send_all(mailer=worker)

    assert state(other) == ("sending", "")
    # Behind the letter that was in hand is a mark after all.
    assert worker._unmarked is None
    assert len(sink.accepted) == {cancelled: 3, sent_again: 5}.get(meanwhile, 4)


def test_a_campaign_that_breaks_in_the_middle_has_a_mark_behind_its_letters(settings, monkeypatch):
    def broken():
        raise RuntimeError("Nobody thought of that.")

    office, settings.SENDS_MAIL = Office(), True
    monkeypatch.setattr("newsletter.services.sending.mailer.Post", office.line)
    campaign, people = begun(count=3)
    office.answers.extend(["250 OK", broken])

    send_all()

    assert (office.accepted, state(campaign)[0]) == ([people[0].email], "paused")
    # One before and one behind.
    assert numbers() == (2, 2)
