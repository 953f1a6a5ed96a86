"""The file that remembers how far the mailings have come: always behind the database, and never lowered."""

import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest
from django.db import connection

from newsletter import mailing_mark
from newsletter.models import Campaign, MailingMark
from newsletter.services import restored, upkeep
from tests.factories import NOON
from tests.newsletter.sending import begun

pytestmark = pytest.mark.django_db(transaction=True)
# A file that has been written over in part, by hand, or by something else.
SPOILT = [b"", b"7\n", b"0" * 18, b"0" * 19, b"0" * 18 + b"\n\n", b"no number in here\n\n", b"\0" * 19, b"9" * 4000]


def numbers():
    text = mailing_mark.path().read_text()
    assert len(text) == 19
    return MailingMark.current(), int(text)


def in_own_session(task):
    try:
        return task()
    finally:
        connection.close()


def test_the_first_start_writes_the_file_and_stops_nothing():
    begun(count=1)

    upkeep.look_back(now=NOON)

    assert (Campaign.objects.get().state, numbers()) == ("sending", (1, 1))
    assert stat.S_IMODE(mailing_mark.path().stat().st_mode) == 0o600


def test_a_worker_that_died_before_it_wrote_the_file_is_no_restore():
    begun(count=1)
    restored.raise_mark(now=NOON)
    MailingMark.raised(by=1)

    upkeep.look_back(now=NOON)
    assert numbers() == (2, 2)
    MailingMark.raised(by=1)
    assert restored.raise_mark(now=NOON)

    assert (Campaign.objects.get().state, numbers()) == ("sending", (4, 4))


def test_a_file_that_is_not_whole_says_nothing_and_is_written_whole_again(caplog):
    for text in SPOILT:
        caplog.clear()
        mailing_mark.path().write_bytes(text)
        with mailing_mark.held() as mark:
            assert (mark.number, bool(text)) == (None, "mailings.mark cannot be understood." in caplog.text)
            mark.write(7)
            mark.write(6)
        assert mailing_mark.path().read_bytes() == b"000000000000000007\n"


# Several workers at once


@pytest.mark.parametrize("task", [restored.raise_mark, upkeep.look_back])
def test_nobody_waits_for_long_for_one_who_holds_the_file_and_hangs(monkeypatch, task):
    """In the database, say, on a line of which the other end is gone."""
    monkeypatch.setattr(mailing_mark, "PATIENCE", 0.05)

    with mailing_mark.held(), pytest.raises(TimeoutError, match="Another worker holds it"):
        task(now=NOON)

    task(now=NOON)
    assert numbers() == (1, 1)


def test_workers_that_raise_it_at_once_never_lower_the_file():
    def work():
        seen = []
        for _time in range(25):
            assert restored.raise_mark(now=NOON)
            seen.append(numbers()[1])
        return seen

    with ThreadPoolExecutor(4) as crowd:
        found = [one.result() for one in [crowd.submit(in_own_session, work) for _number in range(4)]]

    assert all(seen == sorted(seen) for seen in found)
    assert numbers() == (100, 100)


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "the negative control"])
def test_a_slow_worker_writes_no_older_number_over_a_newer(monkeypatch, is_held):
    """It has raised the number in the database, and another comes before it writes the file."""
    if not is_held:
        monkeypatch.setattr(mailing_mark.fcntl, "flock", lambda *_file: None)
    restored.raise_mark(now=NOON)
    raised, has_raised, other_is_done = MailingMark.raised, Event(), Event()

    def slowly(**by):
        number = raised(**by)
        if not has_raised.is_set():
            has_raised.set()
            # As long as it holds the file, the other waits for it.
            other_is_done.wait(0.3 if is_held else 10)
        return number

    monkeypatch.setattr(MailingMark, "raised", slowly)
    with ThreadPoolExecutor(2) as crowd:
        slow = crowd.submit(in_own_session, partial(restored.raise_mark, now=NOON))
        has_raised.wait(10)
        other = crowd.submit(in_own_session, partial(restored.raise_mark, now=NOON))
        other.add_done_callback(lambda _done: other_is_done.set())
        assert [slow.result(), other.result()] == [True, True]

    assert numbers() == ((3, 3) if is_held else (3, 2))
