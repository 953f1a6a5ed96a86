"""The demo's diary, loaded on a Wednesday: what can be booked, whom it writes to, and that all of it goes again."""

import uuid
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PIL import Image as Pillow

from appointments.availability import Audience, load_plan, timetable
from appointments.models import Allocation, Appointment, Change, Patient, Reminder, Resource, Status, VisitType
from appointments.services import diary, upkeep
from clinic.demo import loading, removal, rows
from clinic.models import DemoRow, Letter, Practice, Treatment, User
from tests.factories import manager

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(day, clock):
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo("America/New_York"))


WEDNESDAY = at("2027-03-03", "11:07")
# Drawing stems takes seconds, and no picture is looked at here.
PLAIN = {kind: lambda _seed, _width, _height: Pillow.new("RGB", (64, 48)) for kind in loading.PLATES}


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """Loaded once; what a test does to it is rolled back."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "PLATES", PLAIN)
        loading.load(now=WEDNESDAY)
    yield
    with django_db_blocker.unblock():
        removal.remove()


def worked_through(now):
    upkeep.sweep(now=now, goes_on=lambda: True)


def a_real_booking(visit_type="botulinum-toxin", now=WEDNESDAY):
    plan = load_plan(visit_type=visit_type, first=now.date(), days=20)
    time = timetable(plan=plan, first=now.date(), days=20, now=now).times[0]
    return diary.book(
        visit_type=visit_type,
        starts_at=time.starts_at,
        location=time.location,
        provider=time.provider,
        details=diary.Details(name="Ann Real", email="ann@real.example", phone="(212) 555-0199"),
        patient=None,
        by=None,
        submission=uuid.uuid4(),
        audience=Audience.PATIENTS,
        now=now,
    )


@pytest.mark.django_db
def test_every_visit_type_can_be_booked_with_those_who_perform_it(loaded):
    assert VisitType.objects.shown().count() == 10
    for visit_type in VisitType.objects.all():
        plan = load_plan(visit_type=visit_type.slug, first=WEDNESDAY.date(), days=30)
        table = timetable(plan=plan, first=WEDNESDAY.date(), days=30, now=WEDNESDAY)
        assert {time.provider for time in table.times} == set(plan.people)
        assert {time.location for time in table.times} == set(plan.places)
        if visit_type.treatment:
            performing = set(visit_type.treatment.performed_by.values_list("slug", flat=True))
            assert {person.slug for person in plan.people.values()} == performing


@pytest.mark.django_db
def test_a_visit_lasts_as_long_as_the_page_of_its_treatment_says(loaded):
    told = dict(Treatment.objects.filter(visit_types__isnull=False).values_list("slug", "duration_minutes"))
    lasts = {visit_type.slug: visit_type.minutes for visit_type in VisitType.objects.filter(treatment__isnull=False)}
    # That of a scar depends on the scar.
    assert lasts.pop("scar-revision") == 35
    assert told.pop("scar-revision") is None
    assert lasts == told


@pytest.mark.django_db
def test_two_laser_patients_overlap_where_they_may(loaded):
    assert Counter(Resource.objects.values_list("kind", "location__name")) == {
        ("provider", None): 3,
        ("room", "SouthPark"): 3,
        ("room", "Uptown"): 2,
        ("device", "SouthPark"): 2,
    }
    laser = VisitType.objects.get(slug="laser-resurfacing")
    spans = {need.name: laser.course.occupied[need.pk] for need in laser.needs.all()}
    assert spans == {"Doctor": [(30, 75)], "Room": [(0, 90)], "Laser": [(30, 75)]}


@pytest.mark.django_db
def test_one_letter_is_left_and_the_worker_adds_none(loaded):
    assert list(Letter.objects.values_list("kind", "to")) == [
        ("appointments/letters/to_confirm", Practice.objects.get().email)
    ]
    worked_through(WEDNESDAY)
    assert Letter.objects.count() == 1
    assert Patient.objects.filter(email="").count() == 1
    # From then on these patients are reminded like others.
    worked_through(WEDNESDAY + DAY)
    assert set(Letter.objects.exclude(pk=Letter.objects.earliest("pk").pk).values_list("kind", flat=True)) == {
        "appointments/letters/reminder"
    }


@pytest.mark.django_db
def test_all_of_it_is_recorded_and_goes_again_with_what_came_of_it(loaded):
    assert rows.real_rows() == {}
    assert DemoRow.objects.count() == User.objects.count() + sum(
        model._base_manager.count() for model in rows.content_models()
    )
    worked_through(WEDNESDAY + DAY)
    coming = Appointment.objects.filter(status=Status.CONFIRMED, starts_at__gt=WEDNESDAY + 2 * DAY).first()
    diary.cancel(appointment=coming.pk, by=manager(), now=WEDNESDAY + DAY)
    worked_through(WEDNESDAY + DAY + HOUR)
    assert rows.real_rows().keys() == {"changes", "letters", "reminders"}
    assert removal.remove().kept == []
    assert rows.real_rows() == {}
    assert [model for model in rows.content_models() if model._base_manager.exists()] == []
    assert list(User.objects.values_list("username", flat=True)) == ["max"]


@pytest.mark.django_db
def test_a_real_booking_keeps_what_it_needs_and_nothing_else(loaded):
    booked = a_real_booking()
    diary_rows = (Appointment, Allocation, Change, Patient)
    kept = "\n".join(removal.remove().kept)
    assert "visit type “Botulinum toxin”: used by 1 real appointments" in kept
    assert f"“{booked.provider}”: used by 1 real appointments, used by 1 real allocations" in kept
    assert "patient" not in kept
    assert [model.objects.count() for model in diary_rows] == [1, 2, 1, 1]
    assert Reminder.objects.count() == 0
    booked.delete()
    assert removal.remove().kept == []


@pytest.mark.django_db
def test_a_patient_whom_staff_book_again_stays(loaded):
    patient = Patient.objects.earliest("pk")
    booked = a_real_booking()
    booked.patient = patient
    booked.save()
    assert f"patient “{patient}”: used by 1 real appointments" in removal.remove().kept


@pytest.mark.django_db
def test_nobody_can_sign_in_as_the_invented_colleague(loaded):
    desk = User.objects.get()
    assert (desk.is_active, desk.is_staff, desk.has_usable_password()) == (False, False, False)


@pytest.mark.django_db
def test_only_a_sunday_is_opened_for_the_demo(loaded):
    assert not Resource.objects.filter(exceptions__kind="open").exists()
