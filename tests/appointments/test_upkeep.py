"""What the worker does for the diary at each sweep; and that nobody's half-typed details stay."""

import uuid
from datetime import timedelta

import pytest
from django.db import OperationalError

from appointments.models import Allocation, Appointment, BookingRules, Status
from appointments.services import diary, reminders, telling, upkeep
from clinic.models import Letter
from tests.appointments.visits import DAY, HOUR, UNDO, at, book, cancel, fresh, make_house
from tests.factories import NOON

SECOND = timedelta(seconds=1)
HOLD = BookingRules().hold
TYPED = {"name": "Ann Xylander"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(practice):
    return make_house()


def hold(house, starts_at, *, now=NOON):
    held = diary.hold(
        visit_type=house.visit_type.pk, starts_at=starts_at, location=None, provider=None, submission=uuid.uuid4(),
        holder=None, now=now,
    )  # fmt: skip
    diary.save_typed(appointment=held.pk, typed=TYPED, now=now)
    return held


def sweep(now, goes_on=lambda: True):
    upkeep.sweep(now=now, goes_on=goes_on)


def test_one_sweep_does_all_that_is_due(house):
    careful = make_house(by_staff=True)
    held = hold(house, at(4))
    cancelled, waiting = book(house, at(11)), book(careful, at(11))
    cancel(cancelled, now=NOON)
    reminded = book(house, at(6))

    sweep(NOON + 2 * DAY)

    found = [fresh(one).status for one in (cancelled, waiting, reminded)]
    assert found == [Status.CANCELLED, Status.EXPIRED, Status.CONFIRMED]
    assert sorted(letter.kind.rpartition("/")[2] for letter in Letter.objects.filter(not_after__isnull=False)) == [
        *("booked", "booked", "cancelled", "lapsed", "reminder", "to_confirm", "waiting")
    ]
    # It has just ended, so whoever comes back finds what they typed.
    assert (fresh(held).status, fresh(held).typed) == (Status.EXPIRED, TYPED)


def test_what_was_typed_is_forgotten_an_hour_after_the_end_of_the_hold(house):
    held = hold(house, at(4))
    ended = NOON + HOLD
    diary.release_run_out(now=ended)

    sweep(ended + HOUR - SECOND)
    assert fresh(held).typed == TYPED
    sweep(ended + HOUR)
    assert fresh(held).typed is None


def test_a_hold_that_was_taken_again_keeps_what_was_typed(house):
    held = hold(house, at(4))
    diary.release_run_out(now=NOON + HOLD)
    again = NOON + 2 * HOUR
    diary.retake(appointment=held.pk, now=again)
    sweep(again + SECOND)
    assert fresh(held).typed == TYPED
    sweep(again + HOLD)
    sweep(again + HOLD + HOUR - SECOND)
    assert fresh(held).typed == TYPED
    sweep(again + HOLD + HOUR)
    assert fresh(held).typed is None


def test_a_hold_that_nobody_filled_in_is_removed_after_a_day_and_nothing_else(house):
    gone, later = hold(house, at(4)), hold(house, at(5), now=NOON + SECOND)
    careful = make_house(by_staff=True)
    lapsed, cancelled = book(careful, at(11)), book(house, at(11))
    cancel(cancelled, now=NOON)
    diary.release_run_out(now=NOON + HOLD + SECOND)

    sweep(NOON + DAY)
    assert Appointment.objects.filter(pk=gone.pk).exists()
    sweep(NOON + DAY + SECOND)

    assert set(Appointment.objects.values_list("pk", flat=True)) == {later.pk, lapsed.pk, cancelled.pk}
    assert not Allocation.objects.filter(appointment_id=gone.pk).exists()
    sweep(NOON + 30 * DAY)
    assert set(Appointment.objects.values_list("pk", flat=True)) == {lapsed.pk, cancelled.pk}


def test_a_hold_of_yesterday_that_was_taken_again_just_now_stays(house):
    held = hold(house, at(6))
    diary.release_run_out(now=NOON + HOLD)
    again = NOON + DAY
    diary.retake(appointment=held.pk, now=again)
    diary.let_go(appointment=held.pk, now=again + SECOND)

    sweep(again + HOUR)
    assert Appointment.objects.filter(pk=held.pk).exists()
    sweep(again + HOUR + 2 * SECOND)
    assert not Appointment.objects.filter(pk=held.pk).exists()


def test_so_many_are_removed_at_a_sweep(house, monkeypatch):
    monkeypatch.setattr(upkeep, "MOST_REMOVED", 2)
    for day in (4, 5, 6):
        hold(house, at(day))
    diary.release_run_out(now=NOON + HOLD)

    sweep(NOON + 2 * DAY)
    assert Appointment.objects.count() == 1


def test_it_stops_between_jobs_when_it_is_told_to(house):
    cancel(book(house, at(11)), now=NOON)
    turns = iter([True, False])

    sweep(NOON + UNDO, goes_on=lambda: next(turns))

    assert [letter.kind.rpartition("/")[2] for letter in Letter.objects.all()] == ["booked"]


def test_a_job_that_breaks_leaves_the_others_their_turn(house, monkeypatch, caplog):
    def breaks(**_given):
        raise ValueError("No such thing")

    held = hold(house, at(4))
    monkeypatch.setattr(telling, "tell_changes", breaks)
    monkeypatch.setattr(reminders, "write_due", breaks)
    diary.release_run_out(now=NOON + HOLD)
    sweep(NOON + 2 * DAY)

    assert not Appointment.objects.filter(pk=held.pk).exists()
    assert len(caplog.records) == 2


def test_a_database_that_is_away_ends_the_sweep(house, monkeypatch):
    def breaks(**_given):
        raise OperationalError

    monkeypatch.setattr(telling, "tell_changes", breaks)
    with pytest.raises(OperationalError):
        sweep(NOON)


def test_a_sweep_with_nothing_to_do_is_a_handful_of_statements(house, django_assert_num_queries):
    for hour in range(8, 14):
        book(house, at(11, f"{hour:02}:00"))

    # Three are the transactions' own; in a test they are savepoints.
    with django_assert_num_queries(10):
        sweep(NOON + HOUR)
