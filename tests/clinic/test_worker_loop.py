"""How long the worker waits between two rounds, and what it says of one that failed."""

import pytest
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from clinic import worker
from newsletter.models import Campaign, ListImport, MailingMark, Pace
from newsletter.services import ledger
from tests.newsletter.lists import upload
from tests.newsletter.sending import begun


class Pauses:
    """In place of the event that ends the worker: writes down each wait instead of waiting, and ends it after some."""

    def __init__(self, most):
        self.taken, self._most = [], most

    def is_set(self):
        return len(self.taken) >= self._most

    def wait(self, seconds):
        self.taken.append(seconds)


def pauses(rounds, monkeypatch):
    """Between rounds that come out like these: a bool, or an exception."""
    outcomes = iter(rounds)

    def turn(self):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(worker.Worker, "turn", turn)
    monkeypatch.setattr(worker.signal, "signal", lambda *arguments: None)
    one = worker.Worker()
    one._stopping = Pauses(len(rounds))
    one.run()
    return one._stopping.taken


def test_while_a_mailing_is_under_way_it_does_not_wait(db, monkeypatch):
    assert pauses([False, True, True, False], monkeypatch) == [2, 0, 0, 2]


def test_what_fails_in_the_middle_of_a_mailing_is_not_tried_again_at_once(db, monkeypatch, caplog):
    assert pauses([True, ProgrammingError("no such column"), True], monkeypatch) == [0, 2, 0]
    assert "no such column" in caplog.text, "A fault of ours is told in full, and not as a database that is away."
    assert "The database is away" not in caplog.text


def test_for_a_database_that_is_away_it_waits_longer_each_time(db, monkeypatch, caplog):
    away = OperationalError("gone")
    assert pauses([True, *[away] * 5, ValueError("a job"), True], monkeypatch) == [0, 4, 8, 16, 30, 30, 2, 0]
    assert caplog.text.count("The database is away (OperationalError)") == 5


# A folder in which nothing can be written: the file in it belongs to somebody else, say


@pytest.fixture
def folder(settings, tmp_path):
    settings.VAR = tmp_path
    return tmp_path


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_begins_without_its_folder_sends_nothing_says_so_once_and_looks_again(settings, folder, caplog):
    campaign, _people = begun(count=2, at=timezone.now())
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", scheduled_at=timezone.now())
    campaign.deliveries.all().delete()
    Pace.objects.all().delete()
    lists = upload(b"email,consented at\nada@example.com,2025-01-01\n")
    settings.VAR = folder / "not this one"
    one = worker.Worker()

    assert [one.turn() for _time in range(3)] == [False] * 3
    # It has begun all the same, as everything that is due.
    assert ledger.tally(campaign) == {"queued": 2}
    # But no list brings back who has left, of which perhaps the journal alone knows.
    assert ListImport.objects.get().state == lists.state == "waiting"
    assert caplog.text.count("The mailing list's turn failed; no newsletter leaves: [Errno 2]") == 1
    assert "Traceback" not in caplog.text
    assert Pace.objects.get().trouble.startswith("The site cannot write down beside its database")

    settings.VAR = folder
    Pace.objects.update(rests_until=None)
    one.turn()
    assert ListImport.objects.get().state != "waiting"
    assert (ledger.tally(campaign), MailingMark.current() > 0) == ({"kept": 2}, True)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_loses_its_folder_behind_a_letter_goes_on_when_it_is_back(settings, folder, caplog, monkeypatch):
    campaign, _people = begun(count=2, at=timezone.now())
    one, raised = worker.Worker(), MailingMark.raised

    def lost(**by):
        # Behind the letters: the first worker's look and the opening have had theirs.
        if MailingMark.current() == 2:
            raise OSError(28, "No space left on device")
        return raised(**by)

    monkeypatch.setattr(MailingMark, "raised", lost)
    assert [one.turn() for _time in range(3)] == [False] * 3
    assert ledger.tally(campaign) == {"kept": 2}
    assert caplog.text.count("no newsletter leaves: [Errno 28]") == 1

    monkeypatch.setattr(MailingMark, "raised", raised)
    one.turn()
    assert MailingMark.current() == 3
