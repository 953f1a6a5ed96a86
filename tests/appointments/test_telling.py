"""Changes are told once the time to take them back is over: what they came to, once, and nothing that is known."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from icalendar import Calendar

from appointments.emails import appointments as emails
from appointments.models import Appointment, Status
from appointments.services import diary, reminders, telling
from clinic.models import Letter
from tests.appointments.visits import ANN, DAY, UNDO, at, book, cancel, fresh, make_house, move, reinstate
from tests.factories import NOON, front_desk, make_patient, make_practice

MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def careful_house(practice):
    return make_house(by_staff=True)


@pytest.fixture
def fred(db):
    return front_desk()


def told():
    """The kinds of what went to Ann after the first letter, in order."""
    later = Letter.objects.filter(to=ANN.email).order_by("pk")[1:]
    return [letter.kind.rpartition("/")[2] for letter in later]


def last():
    return Letter.objects.latest("pk")


def event_of(letter):
    calendar = Calendar.from_ical(letter.calendar)
    (event,) = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event["DTSTART"].dt, event["SEQUENCE"], str(event["UID"])


def what_is_told(appointment):
    found = fresh(appointment)
    return found.told_status, found.told_starts_at, found.told_location, found.told_provider, found.tell_at


# When


def test_a_move_is_told_when_the_time_to_take_it_back_is_over(house):
    appointment = book(house, at(11))
    move(house, appointment, at(12, "11:30"), now=NOON)

    assert telling.tell_changes(now=NOON + UNDO - timedelta(seconds=1)) == 0
    assert told() == []
    assert telling.tell_changes(now=NOON + UNDO) == 1
    assert telling.tell_changes(now=NOON + DAY) == 0

    assert told() == ["moved"]
    found = fresh(appointment)
    assert what_is_told(appointment) == (Status.CONFIRMED, at(12, "11:30"), found.location, found.provider, None)


def test_the_moved_letter_tells_both_times_and_moves_the_calendar_entry(house):
    appointment = book(house, at(11))
    move(house, appointment, at(12, "11:30"), provider=1, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    letter, address = last(), house.location.address_line
    assert letter.subject == "Your appointment is now on Thursday, March 12, 2026"
    assert (
        f"It is now:\n\nThursday, March 12, 2026\n11:30 a.m. EDT (Eastern Time)\nOak House, {address}\n"
        f"With Ida Birch, MD\nReference: {appointment.reference}\n\n"
        f"It was:\n\nWednesday, March 11, 2026\n10:00 a.m. EDT (Eastern Time)\nOak House, {address}\n"
        "With Helen Ash, MD\n\n"
    ) in letter.body
    assert event_of(letter) == ("REQUEST", at(12, "11:30"), 1, str(appointment.calendar_uid))
    assert letter.not_after == at(12, "11:30")


def test_moved_again_within_the_time_only_the_last_is_told(house):
    appointment = book(house, at(11))
    move(house, appointment, at(12), now=NOON)
    move(house, appointment, at(13), now=NOON + 4 * MINUTE)

    telling.tell_changes(now=NOON + UNDO)
    assert told() == []
    telling.tell_changes(now=NOON + UNDO + 4 * MINUTE)

    assert told() == ["moved"]
    assert event_of(last()) == ("REQUEST", at(13), 2, str(appointment.calendar_uid))
    assert "March 12, 2026\n" not in last().body


def test_a_move_that_was_taken_back_is_not_told(house):
    appointment = book(house, at(11))
    move(house, appointment, at(12), now=NOON)
    move(house, appointment, at(11), now=NOON + MINUTE)

    telling.tell_changes(now=NOON + DAY)

    assert (told(), fresh(appointment).tell_at) == ([], None)


def test_a_cancellation_that_was_taken_back_is_not_told(house):
    appointment = book(house, at(11))
    cancel(appointment, now=NOON)
    reinstate(appointment, now=NOON + MINUTE)

    telling.tell_changes(now=NOON + DAY)

    assert (told(), fresh(appointment).tell_at) == ([], None)


def test_a_change_of_the_person_alone_is_told(house):
    appointment = book(house, at(11))
    move(house, appointment, at(11), provider=1, now=NOON)

    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["moved"]
    assert "With Ida Birch, MD" in last().body


# What


def test_a_cancellation_is_told_with_what_takes_it_out_of_the_calendar(house):
    appointment = book(house, at(11))
    cancel(appointment, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    letter = last()
    assert told() == ["cancelled"]
    assert letter.subject == "Your appointment on Wednesday, March 11, 2026 is cancelled"
    assert event_of(letter) == ("CANCEL", at(11), 1, str(appointment.calendar_uid))
    assert letter.not_after == at(11)


def test_cancelled_after_a_move_that_was_not_told_only_the_known_time_is_cancelled(house):
    appointment = book(house, at(11))
    move(house, appointment, at(13, "16:00"), provider=1, now=NOON)
    cancel(appointment, now=NOON + MINUTE)
    telling.tell_changes(now=NOON + MINUTE + UNDO)

    letter = last()
    assert told() == ["cancelled"]
    assert letter.subject == "Your appointment on Wednesday, March 11, 2026 is cancelled"
    assert event_of(letter) == ("CANCEL", at(11), 2, str(appointment.calendar_uid))
    assert "March 13" not in letter.body
    assert "Ida Birch" not in letter.body
    assert "With Helen Ash, MD" in letter.body


def test_reinstated_after_the_cancellation_was_told_is_told_too(house, fred):
    appointment = book(house, at(11))
    cancel(appointment, now=NOON)
    telling.tell_changes(now=NOON + UNDO)
    reinstate(appointment, now=NOON + DAY, by=fred)
    telling.tell_changes(now=NOON + DAY + UNDO)

    assert told() == ["cancelled", "confirmed"]
    assert event_of(last()) == ("REQUEST", at(11), 2, str(appointment.calendar_uid))


def test_what_staff_confirm_is_told_and_comes_with_its_calendar_file(careful_house, fred):
    appointment = book(careful_house, at(11))
    diary.accept(appointment=appointment.pk, by=fred, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["confirmed"]
    assert last().subject == "Your appointment on Wednesday, March 11, 2026 is confirmed"
    assert event_of(last()) == ("REQUEST", at(11), 0, str(appointment.calendar_uid))
    assert "we had told you" not in last().body


def test_confirmed_at_another_time_than_was_told_says_so(careful_house, fred):
    appointment = book(careful_house, at(11))
    move(careful_house, appointment, at(12), now=NOON, by=fred)
    diary.accept(appointment=appointment.pk, by=fred, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["confirmed"]
    assert "we had told you Wednesday, March 11, 2026, 10:00 a.m. EDT (Eastern Time)." in last().body


def test_moved_while_it_waits_it_still_waits(careful_house):
    appointment = book(careful_house, at(11))
    move(careful_house, appointment, at(12), now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["moved"]
    assert "Somebody from our front desk still has to confirm it." in last().body
    assert last().calendar == ""


def test_what_staff_decline_is_told_without_a_calendar_file(careful_house, fred):
    appointment = book(careful_house, at(11))
    diary.decline(appointment=appointment.pk, by=fred, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["declined"]
    assert last().subject == "We cannot offer you the appointment on Wednesday, March 11, 2026"
    assert last().calendar == ""


def test_what_nobody_confirmed_in_time_is_told_at_once(careful_house):
    appointment = book(careful_house, at(11))
    lapsed_at = fresh(appointment).expires_at
    diary.release_run_out(now=lapsed_at)
    telling.tell_changes(now=lapsed_at)

    assert told() == ["lapsed"]
    assert last().subject == "Your booking for Wednesday, March 11, 2026 has lapsed"
    assert what_is_told(appointment)[0] == Status.EXPIRED


def test_a_hold_that_ran_out_tells_nobody(house):
    Appointment.objects.create(
        visit_type=house.visit_type, location=house.location, starts_at=at(11), ends_at=at(11, "10:30"),
        created_at=NOON, expires_at=NOON,
    )  # fmt: skip
    diary.release_run_out(now=NOON)
    telling.tell_changes(now=NOON + DAY)

    assert Letter.objects.count() == 0


def test_nothing_is_told_of_a_visit_that_is_past(house, fred):
    """The worker was away meanwhile, or staff tidy up."""
    moved, cancelled = book(house, at(3)), book(house, at(3, "12:00"))
    move(house, moved, at(3, "14:00"), now=NOON)
    cancel(cancelled, now=NOON, by=fred)

    telling.tell_changes(now=at(3, "14:00"))

    assert told()[1:] == []
    assert not Appointment.objects.filter(tell_at__isnull=False).exists()


def test_who_has_arrived_is_told_of_no_change(house, fred):
    appointment = book(house, at(2, "08:00"), now=NOON - DAY)
    move(house, appointment, at(2, "09:00"), now=NOON, by=fred)
    diary.step(appointment=appointment.pk, status=Status.ARRIVED, by=fred, now=NOON)

    telling.tell_changes(now=NOON + UNDO)

    assert told() == []


def test_somebody_without_an_email_address_is_told_by_whoever_changes_it(house, fred):
    appointment = book(house, at(11), patient=make_patient(email=""), by=fred)
    move(house, appointment, at(12), now=NOON, by=fred)
    telling.tell_changes(now=NOON + UNDO)

    assert Letter.objects.count() == 0
    assert what_is_told(appointment)[:2] == (Status.CONFIRMED, at(12))
    assert fresh(appointment).tell_at is None


# Earlier letters


def test_earlier_letters_about_it_are_never_sent_again_and_others_are_left_alone(house):
    other = book(house, at(11, "14:00"))
    appointment = book(house, at(11))
    reminders.write_due(now=at(11) - 3 * DAY)
    Letter.objects.filter(links__link__object=appointment.pk, kind__endswith="booked").update(state=Letter.State.SENT)
    move(house, appointment, at(14), now=at(11) - 3 * DAY)
    now = at(11) - 3 * DAY + UNDO
    telling.tell_changes(now=now)

    about = {
        letter.kind.rpartition("/")[2]: letter for letter in Letter.objects.filter(links__link__object=appointment.pk)
    }
    assert {kind: letter.is_true_at(now) for kind, letter in about.items()} == {
        "booked": False,
        "reminder": False,
        "moved": True,
    }
    assert about["booked"].state == Letter.State.SENT
    assert [letter.not_after for letter in Letter.objects.filter(links__link__object=other.pk)] == [other.starts_at]


# Bounds


def test_moved_again_and_again_it_fills_nobodys_mailbox_and_the_last_is_told_later(house):
    appointment = book(house, at(11))
    for number in range(12):
        now = NOON + number * 2 * UNDO
        move(house, appointment, at(12 + number), now=now)
        telling.tell_changes(now=now + UNDO)

    # The first letter counts as well.
    assert told() == ["moved"] * 9
    telling.tell_changes(now=NOON + DAY + MINUTE)
    assert told() == ["moved"] * 10
    assert event_of(last())[1] == at(23)


def test_a_cancellation_is_told_however_often_it_was_moved(house):
    appointment = book(house, at(11))
    for _time in range(20):
        emails.may_write_again(appointment, now=NOON)
    cancel(appointment, now=NOON)
    telling.tell_changes(now=NOON + UNDO)

    assert told() == ["cancelled"]


def test_a_sweep_takes_up_a_hundred_and_stops_when_it_is_told_to(house, monkeypatch):
    for number in range(4):
        cancel(book(house, at(11, f"{9 + number:02}:00")), now=NOON)
    monkeypatch.setattr(telling, "MOST_AT_ONCE", 3)
    turns = iter([True, True, False])

    assert telling.tell_changes(now=NOON + UNDO, goes_on=lambda: next(turns)) == 2
    assert telling.tell_changes(now=NOON + UNDO) == 2
    assert telling.tell_changes(now=NOON + UNDO) == 0


def test_one_that_cannot_be_told_holds_up_no_other_and_stays_due(house, caplog):
    broken, whole = book(house, at(11)), book(house, at(12))
    cancel(broken, now=NOON)
    cancel(whole, now=NOON)
    other = make_house(name="Elsewhere").location
    Appointment.objects.filter(pk=broken.pk).update(told_location=other)
    type(other).objects.filter(pk=other.pk).update(time_zone="Nowhere/Atall")

    assert telling.tell_changes(now=NOON + UNDO) == 1
    assert (fresh(whole).tell_at, fresh(broken).tell_at) == (None, NOON + UNDO)
    assert [record.getMessage() for record in caplog.records] == [f"_tell failed for {broken.pk}; the others go on."]
    assert ANN.email not in caplog.text


def test_nothing_to_tell_costs_one_query(house, django_assert_num_queries):
    book(house, at(11))

    with django_assert_num_queries(1):
        telling.tell_changes(now=NOON + DAY)


# At once


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_tell_each_change_once():
    make_practice()
    house = make_house()
    for number in range(8):
        cancel(book(house, at(11, f"{8 + number:02}:00")), now=NOON)

    def work():
        telling.tell_changes(now=NOON + UNDO)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert told()[7:] == ["cancelled"] * 8


@pytest.mark.django_db(transaction=True)
def test_one_that_is_just_being_changed_is_left_for_the_next_sweep():
    make_practice()
    appointment = book(make_house(), at(11))
    cancel(appointment, now=NOON)
    locked, done = threading.Event(), threading.Event()

    def change():
        with transaction.atomic():
            Appointment.objects.select_for_update().get(pk=appointment.pk)
            locked.set()
            done.wait(30)
        connection.close()

    changing = threading.Thread(target=change)
    changing.start()
    assert locked.wait(30)
    try:
        assert telling.tell_changes(now=NOON + UNDO) == 0
    finally:
        done.set()
        changing.join()
    assert telling.tell_changes(now=NOON + UNDO) == 1


@pytest.mark.django_db(transaction=True)
def test_the_letter_and_what_is_told_are_written_together(monkeypatch):
    """A worker that dies between the two leaves neither."""
    make_practice()
    appointment = book(make_house(), at(11))
    cancel(appointment, now=NOON)

    def die(_appointment):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(telling, "_note_as_told", die)
        with pytest.raises(KeyboardInterrupt):
            telling.tell_changes(now=NOON + UNDO)

    assert told() == []
    assert telling.tell_changes(now=NOON + UNDO) == 1
    assert told() == ["cancelled"]
