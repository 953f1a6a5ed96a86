"""The demo is loaded only into an empty database, and leaves without touching a real row; few rows stand for it."""

import io
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from clinic.demo import loading, removal, rows
from clinic.models import DemoRow, Location, Offer, OpeningHours, Policy, Treatment, TreatmentCategory, User


def said_by(command):
    out = io.StringIO()
    call_command(command, stdout=out)
    return out.getvalue()


def all_rows():
    return {model: set(model._base_manager.values_list("pk", flat=True)) for model in rows.content_models()}


@pytest.mark.django_db
def test_a_database_with_real_rows_is_refused_and_left_alone():
    Policy.objects.create(
        kind="other", title="Late arrivals", slug="late", body="<p>Call us.</p>", updated_on="2026-01-05"
    )
    before = all_rows()
    with pytest.raises(CommandError, match=r"holds real rows \(policies: 1\)"):
        call_command("load_demo")
    assert all_rows() == before
    assert DemoRow.objects.count() == 0


@pytest.mark.django_db
def test_users_alone_do_not_make_a_database_real():
    User.objects.create_superuser("admin")
    assert rows.real_rows() == {}


@pytest.mark.django_db
def test_a_load_that_fails_leaves_neither_rows_nor_files():
    files = [
        path
        for root in (settings.MEDIA_ROOT, settings.PRIVATE_MEDIA_ROOT)
        for path in root.rglob("*")
        if path.is_file()
    ]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE clinic_location ADD CONSTRAINT no_locations CHECK (false)")
    with pytest.raises(IntegrityError, match="no_locations"), transaction.atomic():
        loading.load(now=timezone.now())
    assert {model: keys for model, keys in all_rows().items() if keys} == {}
    assert [
        path
        for root in (settings.MEDIA_ROOT, settings.PRIVATE_MEDIA_ROOT)
        for path in root.rglob("*")
        if path.is_file()
    ] == files


@pytest.fixture
def small_demo(db):
    """A category with a treatment, and a location with hours, recorded as the demo's."""
    category = TreatmentCategory.objects.create(name="Skin", slug="skin")
    treatment = Treatment.objects.create(category=category, name="Peel", slug="peel", summary="A light one.")
    location = Location.objects.create(name="Mill Road", slug="mill-road", street="1 Mill Road", city="Elmford")
    for row in (category, treatment, location):
        rows.record(row)
    return category, treatment, location


def test_removal_keeps_what_staff_made(small_demo):
    own = TreatmentCategory.objects.create(name="Hair", slug="hair")
    result = removal.remove()
    assert result.kept == []
    assert result.removed == {"treatment categories": 1, "treatments": 1, "locations": 1}
    assert list(TreatmentCategory.objects.all()) == [own]
    assert DemoRow.objects.count() == 0


def test_a_demo_row_that_a_real_row_uses_stays_with_what_it_needs(small_demo):
    category, treatment, _location = small_demo
    offer = Offer.objects.create(
        title="Peels",
        slug="peels",
        summary="Two.",
        terms="Both.",
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(1),
    )
    offer.treatments.add(treatment)
    out = said_by("remove_demo")
    assert "Removed the demo practice: 1 locations\n" in out
    assert "Kept treatment “Peel”: used by 1 real offers\n" in out
    assert "Kept treatment category “Skin”: needed by treatment “Peel”\n" in out
    assert list(offer.treatments.all()) == [treatment]
    assert list(TreatmentCategory.objects.all()) == [category]
    offer.delete()
    assert removal.remove().kept == []
    assert TreatmentCategory.objects.count() == 0


def test_a_real_row_is_never_deleted_along_with_a_demo_row(small_demo):
    location = small_demo[2]
    hours = OpeningHours.objects.create(location=location, weekday=0, opens="08:00", closes="12:00")
    assert removal.remove().kept == ["location “Mill Road”: used by 1 real opening hours"]
    assert list(location.hours.all()) == [hours]


def test_a_row_that_staff_removed_already_is_no_obstacle(small_demo):
    small_demo[1].delete()
    assert removal.remove().removed == {"treatment categories": 1, "locations": 1}


def test_remains_of_a_demo_are_not_loaded_over(small_demo):
    with pytest.raises(CommandError, match=r"manage\.py remove_demo"):
        call_command("load_demo")


@pytest.mark.django_db
def test_removing_where_there_is_no_demo_says_so():
    assert said_by("remove_demo") == "There is no demo here. Nothing was changed.\n"
