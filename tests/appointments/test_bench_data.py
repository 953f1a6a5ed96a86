"""manage.py bench_data: a past that the diary could have had, and nobody's real one."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from appointments.availability import load_plan, timetable
from appointments.models import Allocation, Appointment, Patient, Resource, VisitType
from appointments.references import as_written
from appointments.services import diary
from clinic.models import Location, Provider
from tests import factories
from tests.appointments.race import assert_diary_is_sound, book

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_past_and_weeks_to_come_that_keep_every_promise_of_the_diary(capsys):
    call_command("bench_data", appointments=1000, providers=3, ahead=1)
    assert capsys.readouterr().out == "Made 1378 appointments of 3 people. The visit type is bench-data.\n"
    now = timezone.now()
    past, ahead = Appointment.objects.filter(ends_at__lt=now), Appointment.objects.filter(starts_at__gt=now)
    assert (past.count(), ahead.count(), Allocation.objects.count()) == (1000, 378, 2 * 1378)
    assert set(past.values_list("status", flat=True)) == {"completed", "no_show", "cancelled"}
    assert set(ahead.values_list("status", flat=True)) == {"confirmed"}
    assert all(as_written(reference) == reference for reference in past.values_list("reference", flat=True))
    assert_diary_is_sound()


def test_what_is_free_between_them_can_be_booked(settings):
    factories.make_practice()
    call_command("bench_data", appointments=10, providers=2, ahead=2)
    now = timezone.now()
    plan = load_plan(visit_type="bench-data", first=now.date(), days=14)
    week = timetable(plan=plan, first=now.date() + timedelta(days=7 - now.weekday()), days=6, now=now)
    # Three places of ten are free of each person, and the ends of the last day.
    assert 2 * 6 * 9 <= len(week.times) <= 2 * 6 * 10
    free = week.times[0]
    assert book(VisitType.objects.get(), free.starts_at, provider=free.provider, now=now).starts_at == free.starts_at
    with pytest.raises(diary.SlotTaken):
        book(VisitType.objects.get(), free.starts_at, provider=free.provider, now=now)


def test_it_refuses_where_there_are_patients_and_makes_nothing():
    factories.make_patient()
    with pytest.raises(CommandError, match="Nothing was made"):
        call_command("bench_data", appointments=10)
    assert (Patient.objects.count(), Appointment.objects.count(), VisitType.objects.count()) == (1, 0, 0)


def test_remove_takes_what_it_made_and_nothing_else():
    call_command("bench_data", appointments=100, providers=2, ahead=1)
    location = factories.make_location()
    visit = factories.make_visit_type(people=[factories.make_person(location=location)], locations=[location])
    kept = factories.make_patient()
    call_command("bench_data", remove=True)
    assert (Appointment.objects.count(), list(Patient.objects.all())) == (0, [kept])
    assert (list(VisitType.objects.all()), list(Location.objects.all())) == ([visit], [location])
    assert (Resource.objects.count(), Provider.objects.count()) == (1, 1)


@pytest.mark.parametrize("asked", [{"appointments": 0}, {"appointments": 500_001, "providers": 1}, {"ahead": 51}])
def test_who_asks_for_too_much_or_nothing_is_told_so(asked):
    with pytest.raises(CommandError, match="Ask for 1 to 500 providers"):
        call_command("bench_data", **asked)
    assert not VisitType.objects.exists()
