"""What the desk does with a request: a step at a time, and each step is recorded."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from appointments.models import AppointmentRequest, PreferredTime, StatusRefused
from appointments.open_days import OpenDays
from appointments.references import SIGNS, as_written, new_reference
from clinic.models import Closure
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

VERBS = {
    "contacted": AppointmentRequest.mark_contacted,
    "booked": AppointmentRequest.mark_booked,
    "closed": AppointmentRequest.close,
    "new": AppointmentRequest.reopen,
}
ALLOWED = {
    ("new", "contacted"),
    ("new", "booked"),
    ("new", "closed"),
    ("contacted", "booked"),
    ("contacted", "closed"),
    ("booked", "closed"),
    ("booked", "new"),
    ("closed", "new"),
}


@pytest.mark.parametrize("was", VERBS)
@pytest.mark.parametrize("becomes", VERBS)
def test_a_step_is_taken_and_recorded_or_refused(was, becomes):
    asked, fred, now = factories.make_request(status=was), factories.front_desk(), NOON + timedelta(hours=1)
    if (was, becomes) in ALLOWED:
        VERBS[becomes](asked, by=fred, now=now)
        asked.refresh_from_db()
        assert (asked.status, asked.changed_at) == (becomes, now)
        assert list(asked.status_changes.values_list("by", "at", "was", "became")) == [(fred.pk, now, was, becomes)]
    else:
        with pytest.raises(StatusRefused):
            VERBS[becomes](asked, by=fred, now=now)
        asked.refresh_from_db()
        assert (asked.status, asked.changed_at, asked.status_changes.count()) == (was, NOON, 0)


def test_a_refusal_says_why():
    asked = factories.make_request(status="closed", reference="R-7K3M-9Q")
    with pytest.raises(StatusRefused, match=r"^Request R-7K3M-9Q is closed already; it cannot become booked\.$"):
        asked.mark_booked(by=factories.front_desk(), now=NOON)


def test_a_step_is_checked_against_what_a_colleague_has_done_meanwhile():
    asked, fred = factories.make_request(), factories.front_desk()
    AppointmentRequest.objects.get(pk=asked.pk).close(by=fred, now=NOON)
    with pytest.raises(StatusRefused):
        asked.mark_contacted(by=fred, now=NOON)


def test_the_words_of_the_desk():
    new, contacted = factories.make_request(due_on=date(2026, 3, 3)), factories.make_request(status="contacted")
    later = factories.make_request(due_on=date(2026, 3, 4), created_at=NOON + timedelta(hours=1))
    booked, closed = factories.make_request(status="booked"), factories.make_request(status="closed")
    requests = AppointmentRequest.objects
    assert list(requests.awaiting_reply()) == [new, later]
    assert set(requests.open()) == {new, later, contacted}
    assert set(requests.open()) | {booked, closed} == set(requests.all())
    assert list(requests.overdue(date(2026, 3, 4))) == [new]
    assert list(requests.overdue(date(2026, 3, 3))) == []


@pytest.mark.parametrize(
    ("waited", "said"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=2, minutes=50), "2 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=3, hours=23), "3 days"),
    ],
)
def test_age_is_told_in_one_unit(waited, said):
    assert factories.make_request().age(NOON + waited) == said


def test_nobody_is_named_where_django_logs_it():
    asked = factories.make_request(reference="R-7K3M-9Q")
    note = asked.notes.create(text="Ann has called", author=factories.front_desk(), created_at=NOON)
    assert str(asked) == "Request R-7K3M-9Q"
    assert str(note) == f"Note {note.pk}"


def test_a_reference_can_be_read_aloud():
    drawn = [new_reference() for _n in range(200)]
    assert len(set(drawn)) == 200
    assert all(as_written(reference) == reference for reference in drawn)
    assert set("01AEIOULSZBNV") & set(SIGNS) == set()


@pytest.mark.parametrize("typed", ["R-7K3M-9Q", "r-7k3m-9q", "7k3m9q", " R 7K3M 9Q ", "R7K3M-9Q"])
def test_a_reference_is_understood_however_it_is_typed(typed):
    assert as_written(typed) == "R-7K3M-9Q"


@pytest.mark.parametrize("typed", ["R-7K3M-9", "R-7K3M-9QQ", "Ann", "", "R-0000-00"])
def test_other_words_are_no_reference(typed):
    assert as_written(typed) == ""


# The database itself


def test_the_database_refuses_a_request_that_nobody_could_answer():
    with pytest.raises(IntegrityError, match="request_can_be_answered"), transaction.atomic():
        factories.make_request(phone="", email="")


def test_the_database_refuses_a_treatment_beside_a_category():
    treatment = factories.make_treatment()
    with pytest.raises(IntegrityError, match="request_treatment_or_category"), transaction.atomic():
        factories.make_request(treatment=treatment, category=treatment.category)


def test_the_database_refuses_a_preference_twice_and_an_empty_one():
    asked = factories.make_request()
    PreferredTime.objects.create(request=asked, day=None, part="morning")
    with pytest.raises(IntegrityError, match="preferred_time_once"), transaction.atomic():
        PreferredTime.objects.create(request=asked, day=None, part="morning")
    with pytest.raises(IntegrityError, match="preferred_time_says_something"), transaction.atomic():
        PreferredTime.objects.create(request=asked, day=None, part="any")


# One working day


@pytest.mark.parametrize(
    ("came", "due"),
    [
        (datetime(2026, 3, 2, 15, tzinfo=UTC), date(2026, 3, 3)),  # Monday: by Tuesday
        (datetime(2026, 3, 6, 15, tzinfo=UTC), date(2026, 3, 9)),  # Friday: by Monday
        (datetime(2026, 3, 7, 4, 30, tzinfo=UTC), date(2026, 3, 9)),  # Friday evening in New York
        (datetime(2026, 3, 9, 3, 30, tzinfo=UTC), date(2026, 3, 9)),  # Sunday evening in New York, summer time since
        (datetime(2026, 3, 9, 4, 30, tzinfo=UTC), date(2026, 3, 10)),  # half an hour past midnight there
    ],
)
def test_an_answer_is_due_on_the_next_open_day_of_the_practices_own_calendar(came, due):
    factories.make_practice(time_zone="America/New_York")
    factories.make_location(hours=[(day, factories.time(9), factories.time(17)) for day in range(5)])
    assert OpenDays.at(came).next == due


def test_closures_of_the_whole_practice_are_no_working_days():
    factories.make_practice()
    place = factories.make_location(hours=[(day, factories.time(9), factories.time(17)) for day in range(5)])
    Closure.objects.create(location=None, starts_on=date(2026, 3, 3), ends_on=date(2026, 3, 4), reason="Holiday")
    Closure.objects.create(location=place, starts_on=date(2026, 3, 5), ends_on=date(2026, 3, 5), reason="One house")
    assert OpenDays.at(NOON).next == date(2026, 3, 5)


def test_a_calendar_that_is_closed_for_ever_still_gives_a_day():
    factories.make_practice()
    Closure.objects.create(location=None, starts_on=date(2026, 1, 1), ends_on=date(2030, 1, 1), reason="Wrong")
    assert OpenDays.at(NOON).next == date(2026, 3, 3)


def test_before_hours_are_entered_the_week_is_monday_to_friday():
    factories.make_practice()
    days = list(OpenDays.at(NOON).coming(14))
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}
