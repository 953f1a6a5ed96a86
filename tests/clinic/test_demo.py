"""The whole demo practice, loaded once: what it holds, that it opens, and that all of it goes again."""

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from appointments.models import Appointment, VisitType
from articles.models import Article
from clinic.demo import rows
from clinic.models import (
    DemoRow,
    Image,
    Location,
    Offer,
    Policy,
    Practice,
    Provider,
    Rendition,
    Testimonial,
    Treatment,
    TreatmentCategory,
)
from newsletter.models import Campaign, Subscriber

PAGES = (
    "/",
    "/articles/",
    "/articles/feed/",
    "/treatments/",
    "/team/",
    "/locations/",
    "/offers/",
    "/appointments/request/",
    "/appointments/book/",
)


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """Loaded once for the tests below: drawing takes seconds."""
    with django_db_blocker.unblock():
        call_command("load_demo", verbosity=0)
    yield
    with django_db_blocker.unblock():
        call_command("remove_demo", verbosity=0, stdout=io.StringIO())


def said_by(command):
    out = io.StringIO()
    call_command(command, stdout=out)
    return out.getvalue()


def all_rows():
    return {model: set(model._base_manager.values_list("pk", flat=True)) for model in rows.content_models()}


def files_of(row):
    return [
        Path(file.path)
        for field in row._meta.concrete_fields
        if (file := getattr(row, field.name)) and hasattr(file, "storage")
    ]


def all_files():
    models = (Image, Rendition, Practice, Testimonial)
    return [path for model in models for row in model.objects.all() for path in files_of(row)]


@pytest.mark.django_db
def test_the_demo_has_what_was_promised(loaded):
    now = timezone.now()
    assert Practice.objects.get().time_zone == "America/New_York"
    assert Location.objects.shown().count() == 2
    assert Provider.objects.shown().count() == 3
    assert list(TreatmentCategory.objects.values_list("slug", flat=True)) == ["injectables", "skin", "surgery"]
    assert Treatment.objects.shown().count() >= 8
    assert Offer.objects.current(now).count() == 3
    assert Testimonial.objects.shown().count() == 4
    assert Testimonial.objects.shown().films().get().by_physician is True
    assert set(Policy.objects.values_list("kind", flat=True)) == set(Policy.Kind.values) - {"other"}
    assert VisitType.objects.shown().count() == 10
    assert Appointment.objects.count() >= 40
    assert Article.objects.published(now).count() == Article.objects.count() >= 10


@pytest.mark.django_db
def test_every_picture_and_film_is_there(loaded):
    assert Image.objects.waiting().count() == Image.objects.broken().count() == 0
    assert all_files()
    assert [path for path in all_files() if not path.exists()] == []


@pytest.mark.django_db
def test_every_row_is_recorded(loaded):
    assert rows.real_rows() == {}
    # And one user: the invented colleague at the desk.
    assert DemoRow.objects.count() == 1 + sum(len(keys) for keys in all_rows().values())


@pytest.mark.django_db
def test_a_second_load_changes_nothing_and_says_so(loaded):
    before, files = all_rows(), sorted(path for path in settings.MEDIA_ROOT.rglob("*"))
    assert said_by("load_demo") == "The demo is here already. Nothing was changed.\n"
    assert all_rows() == before
    assert sorted(path for path in settings.MEDIA_ROOT.rglob("*")) == files


@pytest.mark.django_db
def test_every_page_of_the_demo_opens(loaded, client):
    shown = [*Article.objects.all(), *Treatment.objects.all(), *Provider.objects.all()]
    shown += [*Location.objects.all(), *Policy.objects.all(), *VisitType.objects.all()]
    addresses = [row.get_absolute_url() for row in shown]
    answers = {address: client.get(address).status_code for address in (*PAGES, *addresses)}
    assert {address: code for address, code in answers.items() if code != 200} == {}


@pytest.mark.django_db
def test_removal_takes_exactly_the_demo_with_its_files(loaded):
    # The last test that needs the files: a rollback does not bring them back.
    own = TreatmentCategory.objects.create(name="Hair", slug="hair")
    files = all_files()
    assert [path for path in files if not path.exists()] == []
    out = said_by("remove_demo")
    assert out.startswith("Removed the demo practice: ")
    assert "Kept" not in out
    assert {model: keys for model, keys in all_rows().items() if keys} == {TreatmentCategory: {own.pk}}
    assert DemoRow.objects.count() == 0
    assert [path for path in files if path.exists()] == []


@pytest.mark.django_db
def test_its_mailings_are_for_who_chose_their_topics(loaded):
    sent, draft = Campaign.objects.get(state="sent"), Campaign.objects.get(state="draft")
    reached = Subscriber.objects.choosing(list(sent.topics.all()))
    assert sent.deliveries.filter(subscriber__in=reached).count() == sent.recipients > 20
    assert draft.audience().count() > 20
    assert not draft.left_out().exists()
