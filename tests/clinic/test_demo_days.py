"""The demo's diary is alive on whatever day and at whatever hour somebody loads it, or is not there at all."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection

from appointments.availability import load_plan, timetable
from appointments.models import Appointment, Status
from clinic.demo import loading, removal, rows
from clinic.models import DemoRow, User
from tests.clinic.test_demo_diary import PLAIN, WEDNESDAY, at

HOUR = timedelta(hours=1)
CONSULTATIONS = ("consultation-skin", "consultation-surgery")
LOADED_AT = {
    "Monday, before opening": at("2027-03-01", "03:00"),
    "Saturday": at("2027-03-06", "12:10"),
    "Sunday": at("2027-03-07", "13:30"),
    "the Sunday on which the clocks go forward, late": at("2027-03-14", "23:40"),
}


@pytest.fixture
def load(db, monkeypatch):
    monkeypatch.setattr(loading, "PLATES", PLAIN)
    yield lambda now: loading.load(now=now)
    # The database is rolled back by itself; the files are not.
    removal.remove()


@pytest.mark.parametrize("now", LOADED_AT.values(), ids=LOADED_AT)
def test_the_diary_is_alive_on_any_day(load, now):
    load(now)
    visits = Appointment.objects.select_related("location", "patient")
    assert 40 <= visits.count() <= 60
    today = [visit for visit in visits if visit.local_start.date() == now.date()]
    assert len(today) >= 8
    over = [visit for visit in visits if visit.ends_at < now]
    ahead = [visit for visit in visits if visit.starts_at > now + HOUR / 4]
    assert {visit.status for visit in over} == {Status.COMPLETED, Status.NO_SHOW}
    assert {visit.status for visit in visits if visit not in over and visit not in ahead} <= {Status.ARRIVED}
    assert {visit.status for visit in ahead} == {Status.CONFIRMED, Status.REQUESTED, Status.CANCELLED}
    assert [visits.filter(status=status).count() for status in (Status.REQUESTED, Status.CANCELLED)] == [1, 2]
    assert all(visit.patient.phone for visit in visits)

    # Whenever somebody tries to book within the first week, a consultation has times soon.
    for hours in range(0, 7 * 24, 7):
        asked = now + hours * HOUR
        for slug in CONSULTATIONS:
            plan = load_plan(visit_type=slug, first=asked.date(), days=8)
            soon = timetable(plan=plan, first=asked.date(), days=5, now=asked)
            assert len(soon.times) >= 8, (slug, asked)
            week = timetable(plan=plan, first=asked.date(), days=8, now=asked)
            assert {time.provider for time in week.times} == set(plan.people), (slug, asked)


def test_a_diary_that_cannot_be_filled_leaves_nothing_behind(load):
    with connection.cursor() as cursor:
        # It breaks at the very end, when fifty visits are booked.
        cursor.execute("ALTER TABLE appointments_change ADD CONSTRAINT none_called_off CHECK (became <> 'cancelled')")
    with pytest.raises(IntegrityError, match="none_called_off"):
        load(WEDNESDAY)
    assert {model: model._base_manager.count() for model in rows.content_models() if model._base_manager.exists()} == {}
    assert (DemoRow.objects.count(), User.objects.count()) == (0, 0)
