"""A visitor fills in "Request an Appointment" and gets a page and a letter that confirm it."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from appointments import consent
from appointments.models import AppointmentRequest, PreferredTime
from clinic.models import Letter, MailLink
from tests import factories
from tests.appointments.steps import FORM, chosen, send, summary, words

pytestmark = pytest.mark.django_db


def coming(weekday):
    """The next such day after today in New York, where the practice is; always in the form's list."""
    today = timezone.localdate(timezone.now(), factories.Practice(time_zone="America/New_York").zone)
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def test_a_request_is_stored_as_it_was_filled_in(client, practice):
    place, person, treatment = factories.make_location(), factories.make_provider(), factories.make_treatment()
    monday = coming(0)
    response = send(
        client,
        contact="text",
        is_new_patient="new",
        treatment=treatment.slug,
        location=place.slug,
        provider=person.slug,
        message="Mornings are best.\r\nThank you",
        day_1=monday.isoformat(),
        parts_1=["morning", "evening"],
        parts_2=["afternoon"],
        day_3=monday.isoformat(),
    )
    assert response.status_code == 303
    stored = AppointmentRequest.objects.get()
    assert {
        "name": stored.name,
        "email": stored.email,
        "phone": stored.phone,
        "phone_e164": stored.phone_e164,
        "channel": stored.channel,
        "is_new_patient": stored.is_new_patient,
        "treatment": stored.treatment,
        "category": stored.category,
        "location": stored.location,
        "provider": stored.provider,
        "message": stored.message,
        "status": stored.status,
        "consent": (stored.consent_version, stored.consent_text),
    } == {
        "name": "Ada Byron",
        "email": "ada@example.com",
        "phone": "(704) 555-0142",
        "phone_e164": "+17045550142",
        "channel": "text",
        "is_new_patient": True,
        "treatment": treatment,
        "category": None,
        "location": place,
        "provider": person,
        "message": "Mornings are best.\nThank you",
        "status": "new",
        "consent": (consent.VERSION, str(consent.WORDS)),
    }
    assert set(stored.preferred_times.values_list("day", "part")) == {
        (monday, "morning"),
        (monday, "evening"),
        (None, "afternoon"),
        (monday, "any"),
    }


def test_the_same_day_and_part_chosen_twice_is_stored_once(client, practice):
    factories.make_location()
    monday = coming(0).isoformat()
    send(client, day_1=monday, parts_1=["morning"], day_2=monday, parts_2=["morning"])
    assert list(PreferredTime.objects.values_list("day", "part")) == [(date.fromisoformat(monday), "morning")]


def test_the_fields_of_the_contract_are_enough(client, practice):
    response = send(client)
    assert response.status_code == 303
    stored = AppointmentRequest.objects.get()
    assert (stored.channel, stored.is_new_patient, stored.asks_for) == ("phone", None, None)


def test_an_answer_by_email_needs_no_phone(client, practice):
    assert send(client, phone="", contact="email").status_code == 303
    assert AppointmentRequest.objects.get().phone == ""


def test_the_consent_on_the_page_is_what_is_stored(client, practice):
    assert str(consent.WORDS) in words(client.get(FORM))


def test_a_site_without_any_practice_takes_requests(client):
    assert "Request an Appointment" in words(client.get(FORM))
    assert send(client).status_code == 303
    assert [letter.to for letter in Letter.objects.all()] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?treatment=filler", "filler"),
        ("?category=injectables", "category:injectables"),
        ("?category=surgery", "category:surgery"),  # nothing on offer in it, and yet an article may lead here
        ("?treatment=filler&category=injectables", "filler"),
        ("?treatment=hidden", ""),
        ("?treatment=nothing-like-it", ""),
        ("?category=nothing-like-it", ""),
        ("?treatment=%00%22%3E", ""),
        ("", ""),
    ],
)
def test_a_link_chooses_a_treatment_or_a_category(client, practice, query, expected):
    category = factories.make_category(name="Injectables", slug="injectables")
    factories.make_category(name="Surgery", slug="surgery")
    factories.make_treatment(category=category, name="Filler", slug="filler")
    factories.make_treatment(category=category, slug="hidden", is_published=False)
    response = client.get(FORM + query)
    assert response.status_code == 200
    assert chosen(response, "treatment") == expected


def test_a_category_can_be_asked_for(client, practice):
    category = factories.make_category(slug="injectables")
    send(client, treatment="category:injectables")
    stored = AppointmentRequest.objects.get()
    assert (stored.category, stored.treatment) == (category, None)


def test_days_that_are_closed_are_not_offered(client, practice):
    factories.make_location()  # open on Mondays
    response = client.get(FORM)
    assert coming(0).isoformat() in response.content.decode()
    assert coming(1).isoformat() not in response.content.decode()


def test_a_closed_day_is_refused(client, practice):
    factories.make_location()
    response = send(client, day_1=coming(1).isoformat())
    assert response.status_code == 422
    assert summary(response) == [
        ("Choose a day from the list: this one has passed or is closed.", "id_day_1"),
    ]


def test_the_form_asks_the_same_number_of_questions_of_the_database_however_much_there_is(
    client, practice, django_assert_num_queries
):
    def fill():
        factories.make_location()
        factories.make_provider()
        factories.make_treatment()

    fill()
    with django_assert_num_queries(12):
        client.get(FORM)
    for _again in range(4):
        fill()
    with django_assert_num_queries(12):
        client.get(FORM)


def test_the_page_is_not_kept_by_anybody(client, practice):
    assert client.get(FORM)["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_refused(client, practice, method):
    assert getattr(client, method)(FORM).status_code == 405


def test_looking_at_the_form_writes_nothing(client, practice):
    client.get(FORM)
    assert (AppointmentRequest.objects.count(), Letter.objects.count(), MailLink.objects.count()) == (0, 0, 0)


def test_neither_the_form_nor_its_confirmation_leads_to_a_new_form(client, practice):
    """One tap on it would throw away what was typed. The list of all pages at the foot stays."""
    form, confirmation = client.get(FORM), client.get(send(client)["Location"])
    assert [page.content.decode().count(f'href="{FORM}"') for page in (form, confirmation)] == [1, 1]
    assert [b"call-bar" in page.content for page in (form, confirmation)] == [False, False]
    assert '<a class="button quiet" href="/">Back to the site</a>' in confirmation.content.decode()


def test_what_is_chosen_already_is_not_called_optional(client, practice):
    text = words(client.get(FORM))
    assert "How shall we answer you? Phone call" in text
    assert "Have you been with us before? (optional)" in text
