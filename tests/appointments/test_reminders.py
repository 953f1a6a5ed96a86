"""Reminders: so many days before on the wall clock, once, late rather than never, and never of what is not so."""

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from appointments.models import Appointment, BookingRules, Reminder, Status
from appointments.services import diary, reminders, telling
from clinic import letters
from clinic.models import Letter
from tests import mail_sink
from tests.appointments.visits import ANN, DAY, HOUR, UNDO, at, book, cancel, fresh, make_house, move, reinstate
from tests.factories import NOON, front_desk, make_patient, make_practice

SECOND = timedelta(seconds=1)


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def sink(settings):
    with mail_sink.running() as sink:
        settings.SENDS_MAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 1
        settings.DEFAULT_FROM_EMAIL = "Elm Street <mail@elmstreet.example>"
        yield sink


def written():
    """The reminders' letters, in order."""
    return list(Letter.objects.filter(kind="appointments/letters/reminder").order_by("pk"))


def noted(appointment):
    """Days before, and whether there is a letter."""
    rows = Reminder.objects.filter(appointment=appointment).order_by("pk")
    return [(row.days_before, row.letter_id is not None) for row in rows]


def deliver(now):
    while letters.send_next(now=now):
        pass


# When


def test_each_reminder_is_written_once_at_its_time(house):
    """The clocks go forward on March 8: three days before 10:00 on the 10th is 10:00 on the 7th, 71 hours before."""
    appointment = book(house, at(10))
    instants = [at(7) - SECOND, at(7), at(7) + HOUR, at(9) - SECOND, at(9), at(9) + HOUR, at(10) - SECOND]

    assert [reminders.write_due(now=now) for now in instants] == [0, 1, 0, 0, 1, 0, 0]

    assert noted(appointment) == [(3, True), (1, True)]
    assert at(10) - at(7) == 71 * HOUR


def test_the_reminder_in_full(house):
    BookingRules.objects.create(what_happens_next="Come ten minutes early.")
    appointment = book(house, at(11))
    reminders.write_due(now=at(8))

    (letter,) = written()
    assert (letter.to, letter.not_after, letter.calendar) == (ANN.email, at(11), "")
    assert letter.subject == "Your appointment on Wednesday, March 11, 2026"
    assert letter.body.startswith(
        "Hello,\n\nWe look forward to seeing you:\n\nWednesday, March 11, 2026\n10:00 a.m. EDT (Eastern Time)\n"
        f"Oak House, {house.location.address_line}\nWith Helen Ash, MD\nReference: {appointment.reference}\n\n"
        "Please tell us that you are coming with one press, or move or cancel it:\n[[link]]\n\n"
        "You can move or cancel it yourself until Tuesday, March 10, 2026, 10:00 a.m. EDT (Eastern Time). "
        "After that, please call us: +1 212 555 0142.\n\nCome ten minutes early.\n\n"
    )


def test_who_has_said_that_they_come_is_thanked(house):
    appointment = book(house, at(11))
    diary.say_coming(appointment=appointment.pk, now=NOON)
    reminders.write_due(now=at(10))

    assert "Thank you for telling us that you are coming." in written()[0].body


@pytest.mark.parametrize(
    ("zone", "day", "due"),
    [
        # In the week of each change, forwards and back.
        ("Europe/Berlin", (3, 29), "2026-03-28 09:00"),
        ("Europe/Berlin", (10, 25), "2026-10-24 08:00"),
        ("Australia/Lord_Howe", (4, 5), "2026-04-03 23:00"),
        ("Australia/Lord_Howe", (10, 4), "2026-10-02 23:30"),
        ("Pacific/Chatham", (9, 27), "2026-09-25 21:15"),
        ("America/Phoenix", (3, 8), "2026-03-07 17:00"),
    ],
)
def test_a_day_before_is_the_same_hour_on_the_wall(practice, zone, day, due):
    """`due` is in UTC, and the visit at 10:00 there."""
    BookingRules.objects.create(reminder_days="1")
    starts_at = at(day[1], month=day[0], zone=ZoneInfo(zone))
    book(make_house(time_zone=zone), starts_at, now=starts_at - 10 * DAY)
    instant = datetime.fromisoformat(due).replace(tzinfo=UTC)

    assert [reminders.write_due(now=instant - SECOND), reminders.write_due(now=instant)] == [0, 1]


def test_a_location_without_a_zone_of_its_own_has_the_practices(db):
    make_practice(time_zone="America/Los_Angeles")
    book(make_house(), at(8, zone=ZoneInfo("America/Los_Angeles")))

    assert reminders.write_due(now=at(7, zone=ZoneInfo("America/Los_Angeles"))) == 1


def test_without_days_none_is_written(house):
    BookingRules.objects.create(reminder_days="")
    book(house, at(11))

    assert reminders.write_due(now=at(10)) == 0


# Not


def test_who_books_within_the_time_gets_no_reminder_of_it(house):
    appointment = book(house, at(4))

    assert [reminders.write_due(now=now) for now in (NOON, at(3) - SECOND, at(3))] == [0, 0, 1]
    assert noted(appointment) == [(1, True)]


def test_who_books_at_the_very_instant_gets_none(house):
    book(house, at(11), now=at(10))

    assert reminders.write_due(now=at(10) + HOUR) == 0


def test_none_is_written_of_what_is_not_to_take_place_or_not_yet_confirmed(house, django_assert_num_queries):
    user, careful = front_desk(), make_house(by_staff=True)
    cancel(book(house, at(11)), now=NOON)
    book(careful, at(11))
    diary.decline(appointment=book(careful, at(11, "12:00")).pk, by=user, now=NOON)
    book(house, at(11, "15:00"), patient=make_patient(email=""), by=user)
    diary.hold(
        visit_type=house.visit_type.pk, starts_at=at(11, "16:00"), location=None, provider=None,
        submission="7f0c8a3e-7a54-4f0a-9d5f-0f5a3b6f2f11", holder=None, now=NOON,
    )  # fmt: skip
    Appointment.objects.update(tell_at=None)

    # None is even looked at, sweep after sweep.
    with django_assert_num_queries(2):
        assert reminders.write_due(now=at(10)) == 0


def test_none_is_written_at_the_start_or_after(house):
    for status in (Status.ARRIVED, Status.NO_SHOW):
        Appointment.objects.filter(pk=book(house, at(10, "08:00" if status == "arrived" else "09:00")).pk).update(
            status=status
        )
    book(house, at(11))

    assert [reminders.write_due(now=now) for now in (at(11), at(11) + SECOND, at(12))] == [0, 0, 0]


def test_what_is_confirmed_late_is_not_reminded_of_at_once(practice):
    appointment = book(make_house(by_staff=True), at(4, "12:00"))
    diary.accept(appointment=appointment.pk, by=front_desk(), now=at(3))
    telling.tell_changes(now=at(3) + UNDO)

    assert [reminders.write_due(now=at(3) + UNDO), reminders.write_due(now=at(3, "12:00"))] == [0, 1]


def test_a_change_is_told_before_anything_reminds_of_it(house):
    appointment = book(house, at(11))
    move(house, appointment, at(11, "14:00"), now=at(10, "13:59"), by=front_desk())

    assert reminders.write_due(now=at(10, "14:00")) == 0
    telling.tell_changes(now=at(10, "14:10"))
    assert reminders.write_due(now=at(10, "14:10")) == 1
    assert "2:00 p.m." in written()[0].body


# After an outage


def test_after_an_outage_one_late_reminder_is_written_and_not_two(house):
    appointment = book(house, at(11))

    assert [reminders.write_due(now=at(10, "12:00")), reminders.write_due(now=at(11) - SECOND)] == [1, 0]
    assert noted(appointment) == [(1, True), (3, False)]
    assert len(written()) == 1


def test_two_days_late_a_reminder_is_still_sent(house, sink):
    appointment = book(house, at(11))
    deliver(NOON)

    reminders.write_due(now=at(10) - SECOND)
    deliver(at(10) - SECOND)

    assert noted(appointment) == [(3, True)]
    assert [message["Subject"] for message in sink.accepted][1:] == ["Your appointment on Wednesday, March 11, 2026"]


def test_a_shorter_reminder_that_was_written_covers_a_longer_one_that_is_added_later(house):
    BookingRules.objects.create(reminder_days="1")
    book(house, at(11))
    reminders.write_due(now=at(10))
    BookingRules.objects.update(reminder_days="3, 2, 1")

    assert reminders.write_due(now=at(10) + HOUR) == 0


def test_a_mail_server_that_is_down_delays_a_reminder_that_keeps_its_message_id(house, sink):
    appointment = book(house, at(11))
    deliver(NOON)
    due = at(10)
    reminders.write_due(now=due)
    sink.stop()
    deliver(due)
    sink.start()
    sink.answers += [lambda message: seen.append(message["Message-ID"])]
    seen = []
    deliver(due + HOUR)
    deliver(due + 2 * HOUR)

    (letter,) = written()
    assert (letter.state, letter.attempts, noted(appointment)) == (Letter.State.SENT, 3, [(1, True), (3, False)])
    assert [*seen, sink.message_ids[-1]] == [letters.message_id(letter)] * 2


def test_a_mail_server_that_says_nothing_delays_a_reminder(house, sink, settings):
    book(house, at(11))
    deliver(NOON)
    due = at(10)
    reminders.write_due(now=due)
    with mail_sink.silent() as port:
        settings.EMAIL_PORT = port
        deliver(due)
    settings.EMAIL_PORT = sink.port
    deliver(due + HOUR)

    assert written()[0].state == Letter.State.SENT
    assert len(sink.accepted) == 2


def test_a_reminder_that_waits_is_not_sent_once_the_visit_has_begun(house, sink):
    book(house, at(11))
    deliver(NOON)
    reminders.write_due(now=at(10))

    deliver(at(11))

    assert (written()[0].state, len(sink.accepted)) == (Letter.State.WITHDRAWN, 1)


# Moved and cancelled


def test_a_reminder_that_waits_is_withdrawn_by_a_cancellation(house, sink):
    appointment = book(house, at(11))
    deliver(NOON)
    reminders.write_due(now=at(8))
    cancel(appointment, now=at(8))

    deliver(at(9))

    assert (written()[0].state, len(sink.accepted)) == (Letter.State.WITHDRAWN, 1)


def test_a_moved_visit_is_reminded_of_at_its_own_times(house, sink):
    appointment = book(house, at(11))
    reminders.write_due(now=at(8))
    move(house, appointment, at(18), now=at(8) + HOUR)
    telling.tell_changes(now=at(8) + 2 * HOUR)

    instants = [at(10), at(15) - SECOND, at(15), at(17)]
    assert [reminders.write_due(now=now) for now in instants] == [0, 0, 1, 1]
    assert [letter.state for letter in written()] == [Letter.State.WITHDRAWN, Letter.State.QUEUED, Letter.State.QUEUED]
    assert "Wednesday, March 18, 2026\n" in written()[-1].body


def test_what_was_withdrawn_is_written_again_when_the_change_is_taken_back(house):
    appointment = book(house, at(11))
    reminders.write_due(now=at(8))
    cancel(appointment, now=at(8) + SECOND)
    assert noted(appointment) == []
    reinstate(appointment, now=at(8) + 2 * SECOND)
    telling.tell_changes(now=at(8) + HOUR)

    assert [reminders.write_due(now=at(8) + HOUR), reminders.write_due(now=at(8) + HOUR)] == [1, 0]


def test_what_was_sent_is_not_written_again_when_a_change_is_taken_back(house, sink):
    appointment = book(house, at(11))
    reminders.write_due(now=at(8))
    deliver(at(8))
    cancel(appointment, now=at(8) + SECOND)
    reinstate(appointment, now=at(8) + 2 * SECOND)
    telling.tell_changes(now=at(8) + HOUR)

    assert reminders.write_due(now=at(8) + HOUR) == 0
    assert noted(appointment) == [(3, True)]
    assert not written()[0].is_true_at(at(8) + HOUR)


def test_withdrawing_costs_two_statements_and_leaves_others_alone(house, django_assert_num_queries):
    other, appointment = book(house, at(11, "14:00")), book(house, at(11))
    reminders.write_due(now=at(10, "15:00"))

    with django_assert_num_queries(2):
        reminders.withdraw(appointment, now=at(10, "15:00"))

    assert (noted(other), noted(appointment)) == ([(1, True), (3, False)], [(3, False)])
    assert {letter.links["link"]["object"]: letter.state == Letter.State.WITHDRAWN for letter in written()} == {
        other.pk: False,
        appointment.pk: True,
    }


# Many


def test_looking_costs_two_queries_however_many_are_coming(house, django_assert_num_queries):
    for hour in range(8, 17):
        book(house, at(11, f"{hour:02}:00"), now=at(10, "23:00"))

    with django_assert_num_queries(2):
        assert reminders.write_due(now=at(10, "23:30")) == 0


def test_a_sweep_writes_so_many_and_stops_when_it_is_told_to(house, monkeypatch):
    for hour in range(8, 12):
        book(house, at(11, f"{hour:02}:00"))
    monkeypatch.setattr(reminders, "MOST_AT_ONCE", 3)
    turns = iter([True, True, False])

    now = at(10, "20:00")
    assert reminders.write_due(now=now, goes_on=lambda: next(turns)) == 2
    assert reminders.write_due(now=now) == 2
    assert reminders.write_due(now=now) == 0


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_write_each_once(caplog):
    make_practice()
    house = make_house()
    for hour in range(8, 16):
        book(house, at(11, f"{hour:02}:00"))

    def work():
        reminders.write_due(now=at(10, "20:00"))
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert len(written()) == 8
    assert Reminder.objects.filter(letter__isnull=False).count() == 8


def test_a_visit_that_is_moved_between_the_look_and_the_writing_is_left_alone(house, practice):
    appointment = book(house, at(11))
    rules = BookingRules.current()
    move(house, appointment, at(12), now=at(8))

    assert reminders._remind(appointment.pk, at(11), [3], practice, rules, at(8)) is False
    assert (written(), noted(appointment), fresh(appointment).starts_at) == ([], [], at(12))
