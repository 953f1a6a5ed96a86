"""How long the worker waits between two rounds, and what it says of one that failed."""

from django.db import OperationalError, ProgrammingError

from clinic import worker


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
