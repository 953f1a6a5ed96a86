"""In a database that was brought back from a copy no mailing goes on by itself, although nobody has left since."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command
from django.utils import timezone

from clinic.models import User
from newsletter import mailing_mark, suppression_journal
from newsletter.models import Campaign, Delivery, MailingMark, Pace, Subscriber
from newsletter.services import campaigns, restored, upkeep
from newsletter.services.sending import Mailer
from newsletter.suppression_journal import Line
from tests.appointments.test_faults import CUT, at_each_row_of, cut_off
from tests.factories import NOON, make_campaign, make_practice, make_subscriber, manager
from tests.newsletter.sending import TEXT, Clock, begun, receivers, send_all
from tests.newsletter.test_mailing_mark import in_own_session, numbers

pytestmark = pytest.mark.django_db(transaction=True)
KNOWN, NOBODY_KNOWS = "The database was brought back from a copy. ", "The database may be an older copy. "
WORDS = "Look what has been sent since, before this goes on."
IN_A_COPY = (Campaign, Delivery, Pace, MailingMark)


@pytest.fixture
def sink(sink):
    """Beside a worker that has begun."""
    upkeep.look_back(now=NOON)
    return sink


def copy():
    """Of what a dump would hold about mailings."""
    return [(model, list(model.objects.order_by("pk"))) for model in IN_A_COPY]


def bring_back(copied):
    for model in reversed(IN_A_COPY):
        model.objects.all().delete()
    for model, rows in copied:
        model.objects.bulk_create(rows)


def send(letters):
    """So many and no more, as a worker that is stopped then."""
    asked = iter([True] * (letters + 2))
    Mailer(clock=Clock()).turn(goes_on=lambda: next(asked, False))


def half_sent(sink):
    """A mailing of which half had gone when the database was copied, and the rest has gone since."""
    campaign, people = begun(count=4)
    send(2)
    assert 0 < len(sink.accepted) < 4
    copied = copy()
    send_all()
    assert receivers(sink) == [person.email for person in people]
    return campaign, copied


def state(campaign):
    campaign.refresh_from_db()
    return campaign.state, campaign.pause_reason


def last_step(campaign):
    return campaign.steps.order_by("pk").values_list("kind", "words", "by").last()


# Restored, and a worker begins


def test_a_mailing_that_went_on_after_the_copy_waits_for_a_person_once(sink):
    campaign, copied = half_sent(sink)

    bring_back(copied)
    upkeep.look_back(now=NOON)

    assert state(campaign) == ("paused", KNOWN + WORDS)
    assert last_step(campaign) == ("paused", KNOWN + WORDS, None)
    send_all()
    assert len(sink.accepted) == 4

    # Somebody has looked; the next worker that begins has nothing against it.
    campaigns.resume(campaign, by=User.objects.get(), now=NOON)
    upkeep.look_back(now=NOON)
    assert state(campaign) == ("sending", "")


def test_without_the_file_of_today_they_would_have_it_twice(sink):
    """The negative control: it is the file that knows."""
    campaign, people = begun(count=4)
    send(2)
    copied, file = copy(), mailing_mark.path().read_bytes()
    send_all()

    bring_back(copied)
    mailing_mark.path().write_bytes(file)
    upkeep.look_back(now=NOON)
    send_all()

    assert state(campaign) == ("sending", "")
    assert len(people) < len(receivers(sink))


def test_one_that_was_scheduled_in_the_copy_and_has_gone_out_is_a_draft_again(sink):
    make_practice()
    make_subscriber()
    campaign = make_campaign(blocks=[TEXT])
    campaigns.start(campaign, by=manager(), now=NOON)
    copied = copy()
    campaigns.begin_due(now=NOON)
    send_all()

    bring_back(copied)
    upkeep.look_back(now=NOON)

    assert state(campaign) == ("draft", KNOWN + WORDS)
    assert (last_step(campaign)[0], len(sink.accepted)) == ("unscheduled", 1)


def test_letters_after_the_last_number_before_the_copy_have_one_behind_them(sink):
    """The copy is made while a worker is in the middle of its letters, which are the last of the mailing."""
    campaign, people = begun(count=3)
    copied = []

    def first_letter(_message):
        if not copied:
            copied.extend(in_own_session(copy))

    sink.at["DATA"] = first_letter
    # The worker is stopped when all have gone, so no further look for more is taken.
    Mailer(clock=Clock()).turn(goes_on=lambda: len(sink.accepted) < len(people))

    bring_back(copied)
    upkeep.look_back(now=NOON)

    assert receivers(sink) == [person.email for person in people]
    assert state(campaign) == ("paused", KNOWN + WORDS)


def test_of_a_copy_older_than_the_mark_itself_nothing_goes_on(sink):
    """A dump that was made before there was such a number."""
    campaign, _people = begun()
    copied = [(model, rows) for model, rows in copy() if model is not MailingMark]
    send_all()

    bring_back(copied)
    upkeep.look_back(now=NOON)

    assert state(campaign)[0] == "paused"


# Restored under a running worker


def test_a_copy_in_the_place_of_the_database_stops_workers_that_run(sink):
    """They lose the database and take up with it again; none begins anew."""
    campaign, copied = half_sent(sink)
    gone = Subscriber.objects.latest("pk")
    suppression_journal.append([Line(gone.email, "unsubscribed", timezone.now())])
    running = Mailer(clock=Clock())

    bring_back(copied)
    send_all(mailer=running)

    assert (state(campaign), len(sink.accepted)) == (("paused", KNOWN + WORDS), 4)
    # Resumed by a person it would go to nobody who has left.
    gone.refresh_from_db()
    assert gone.state == "unsubscribed"


# Nothing was restored


def test_workers_that_begin_and_end_stop_no_mailing(sink):
    campaign, people = begun(count=4)

    for _worker in people:
        upkeep.look_back(now=NOON)
        send(1)

    assert state(campaign) == ("sending", "")
    assert len(set(receivers(sink))) == len(receivers(sink)) > 0


# The file is gone, or cannot be written


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "spoilt"])
def test_with_no_file_nobody_knows_how_old_the_database_is(is_lost):
    """On a new machine, where the database came from a copy."""
    campaign, _people = begun(count=1)
    restored.raise_mark(now=NOON)
    mailing_mark.path().unlink() if is_lost else mailing_mark.path().write_text("no number")

    upkeep.look_back(now=NOON)
    assert (state(campaign), numbers()) == (("paused", NOBODY_KNOWS + WORDS), (1, 1))

    campaigns.resume(campaign, by=User.objects.get(), now=NOON)
    upkeep.look_back(now=NOON)
    assert (state(campaign), restored.raise_mark(now=NOON)) == (("sending", ""), True)


@pytest.mark.parametrize("cause", ["no folder", "full"])
def test_while_the_file_cannot_be_written_nothing_is_sent_and_then_it_goes_on(sink, settings, tmp_path, caplog, cause):
    campaign, people = begun(count=2)
    settings.VAR = tmp_path / "not this one"
    if cause == "full":
        settings.VAR.mkdir()
        mailing_mark.path().symlink_to("/dev/full")
        MailingMark.objects.all().delete()

    for _turn in range(3):
        send_all()
    assert (sink.accepted, sink.calls, state(campaign)) == ([], 1, ("sending", ""))
    assert caplog.text.count("No newsletter leaves while the mark of the mailings cannot be written: [Errno ") == 1
    # Staff see it as well.
    assert Pace.objects.get().trouble.startswith("The site cannot write down beside its database how far its mailings")

    settings.VAR = tmp_path
    send_all(NOON + timedelta(minutes=2))
    assert receivers(sink) == [person.email for person in people]


def test_a_look_back_that_is_cut_off_is_made_again():
    """Else the next one would find the numbers equal."""
    campaign, (person,) = begun(count=1)
    restored.raise_mark(now=NOON)
    MailingMark.objects.update(number=0)
    suppression_journal.append([Line(person.email, "unsubscribed", timezone.now())])

    with at_each_row_of("newsletter_campaign", f"IF NEW.state = 'paused' THEN {CUT} END IF;", when="AFTER UPDATE"):
        cut_off(partial(upkeep.look_back, now=NOON))
    assert (state(campaign), MailingMark.current(), Subscriber.objects.mailable().count()) == (("sending", ""), 0, 1)

    upkeep.look_back(now=NOON)
    assert (state(campaign)[0], numbers(), Subscriber.objects.mailable().count()) == ("paused", (1, 1), 0)


def test_after_the_command_no_worker_stops_what_a_person_has_let_go_on():
    campaign, _people = begun(count=1)
    restored.raise_mark(now=NOON)
    MailingMark.objects.update(number=0)

    call_command("replay_suppressions")
    assert state(campaign) == ("paused", KNOWN + WORDS)
    campaigns.resume(campaign, by=User.objects.get(), now=NOON)
    upkeep.look_back(now=NOON)

    assert state(campaign) == ("sending", "")
