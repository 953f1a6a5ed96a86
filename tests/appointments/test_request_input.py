"""What is typed into the form wrongly, or with ill intent."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from appointments.models import AppointmentRequest
from clinic.models import Closure, Letter
from tests import factories
from tests.appointments.steps import FORM, filled_in, hidden_stamp, send, stamp, summary, words

pytestmark = pytest.mark.django_db

LIST = "Choose one from the list."
ONE_LINE = "Write this on one line, without hidden characters."
EMAIL = "Enter an email address in the correct format, like name@example.com."
NO_QUOTES = "Enter an email address without quotation marks and backslashes."
PHONE = "Enter a phone number, like 704-555-0142 or +44 20 7946 0018."
CONSENT = "Tick the box: without it we may not keep your details and answer you."


def test_an_empty_form_names_all_that_is_needed_in_the_order_of_the_page(client, practice):
    response = client.post(FORM, {"stamp": stamp()})
    assert response.status_code == 422
    assert summary(response) == [
        ("Enter your name.", "id_name"),
        ("Enter your email address.", "id_email"),
        ("Enter your phone number, or choose an answer by email.", "id_phone"),
        (CONSENT, "id_consent"),
    ]
    page = response.content.decode()
    assert "<title>Error: Request an Appointment" in page
    assert 'class="error-summary" tabindex="-1" autofocus' in page


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("name", "   ", "Enter your name."),
        ("name", "A" * 101, "Write this with at most 100 characters; it has 101."),
        ("name", "Ada\r\nBcc: eve@example.com", ONE_LINE),
        ("name", "Ada\nByron", ONE_LINE),
        ("name", "Ada\0Byron", ONE_LINE),
        ("name", "Ada\u2028Byron", ONE_LINE),
        ("name", "Ada \u202enoryB", ONE_LINE),
        ("name", "Win now https://evil.example", "Leave web addresses out of the name."),
        ("name", "Visit www.evil.example now", "Leave web addresses out of the name."),
        ("name", "cheap-pills.com for you", "Leave web addresses out of the name."),
        ("email", "ada", EMAIL),
        ("email", "ada@example", EMAIL),
        ("email", "ada@example.com\r\nBcc: eve@example.com", ONE_LINE),
        ("email", "ada@example.com\0", ONE_LINE),
        ("email", '"\x01"@example.com', ONE_LINE),
        ("email", '"ada"@example.com', NO_QUOTES),
        ("email", '"a\\d\\a"@example.com', NO_QUOTES),
        ("email", "mi\u212ae@example.com", EMAIL),
        ("email", "ada@[127.0.0.1]", EMAIL),
        ("email", "ada@example.com\u3002", EMAIL),
        ("email", "ada@" + ("\u3389" * 15 + ".") * 5 + "com", EMAIL),
        ("email", "a" * 250 + "@example.com", "Write this with at most 254 characters; it has 262."),
        ("phone", "call me", PHONE),
        ("phone", "12", PHONE),
        ("phone", "704 555 0142\n", None),
        ("phone", "704\n555 0142", ONE_LINE),
        ("phone", "555-0142", "Enter the phone number with its area code, like 704-555-0142."),
        ("phone", "1" * 41, "Write this with at most 40 characters; it has 41."),
        ("contact", "carrier pigeon", LIST),
        ("is_new_patient", "maybe", LIST),
        ("treatment", "no-such-treatment", LIST),
        ("treatment", "category:no-such-category", LIST),
        ("treatment", "hidden", LIST),
        ("treatment", "\0", LIST),
        ("location", "nowhere", LIST),
        ("location", "\0", "Null characters are not allowed."),
        ("provider", "gone", LIST),
        ("day_2", "tomorrow", "Choose a day from the list: this one has passed or is closed."),
        ("day_2", "2020-01-01", "Choose a day from the list: this one has passed or is closed."),
        ("message", "x" * 2001, "Shorten your message to 2000 characters; it has 2001."),
        ("consent", "", CONSENT),
    ],
)
def test_each_mistake_has_its_own_words_and_a_link_to_its_field(client, practice, field, typed, message):
    factories.make_treatment(slug="hidden", is_published=False)
    factories.make_provider(slug="gone", is_active=False)
    response = send(client, **{field: typed})
    if message is None:
        assert response.status_code == 303
        return
    assert response.status_code == 422
    target = f"id_{field}_0" if field in {"contact", "is_new_patient"} else f"id_{field}"
    assert summary(response) == [(message, target)]
    # The same words stand at the field.
    assert words(response).count(message) == 2
    assert AppointmentRequest.objects.count() == Letter.objects.count() == 0


def test_parts_of_a_day_that_do_not_exist_are_refused(client, practice):
    assert summary(send(client, parts_1=["midnight"])) == [(LIST, "id_parts_1_0")]


def test_everything_that_was_typed_is_kept(client, practice):
    place, treatment = factories.make_location(), factories.make_treatment()
    response = send(
        client,
        without=["consent"],
        name="Ada Byron",
        email="not an address",
        phone="(704) 555-0142",
        contact="text",
        is_new_patient="returning",
        treatment=treatment.slug,
        location=place.slug,
        message="Second\nline",
        parts_1=["evening"],
    )
    page = response.content.decode()
    for kept in [
        'value="Ada Byron"',
        'value="not an address"',
        'value="(704) 555-0142"',
        'value="text" id="id_contact_1" checked',
        'value="returning"',
        f'<option value="{treatment.slug}" selected>',
        f'<option value="{place.slug}" selected>',
        "Second\nline</textarea>",
        'value="evening" id="id_parts_1_2" checked',
    ]:
        assert kept in page, kept


@pytest.mark.parametrize(
    "name",
    [
        "Zoë Ångström 🌿",
        "مريم العلي",
        "דנה כהן",
        "👩🏽‍⚕️ Ana",
        "O'Brien-Sørensen",
        "李小龍",
        "Dr. J.R. Smith",
        "St.John",
    ],
)
def test_names_are_taken_as_people_write_them(client, practice, name):
    assert send(client, name=name).status_code == 303
    assert AppointmentRequest.objects.get().name == name


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("(704) 555-0142", "+17045550142"),
        ("704.555.0142 ext 12", "+17045550142"),
        ("+1 704 555 0142", "+17045550142"),
        ("+44 20 7946 0018", "+442079460018"),
        ("1-800-FLOWERS", "+18003569377"),
    ],
)
def test_a_phone_number_is_kept_as_typed(client, practice, typed, e164):
    assert send(client, phone=typed).status_code == 303
    stored = AppointmentRequest.objects.get()
    assert (stored.phone, stored.phone_e164) == (typed, e164)


def test_control_characters_in_the_message_are_left_out(client, practice):
    assert send(client, message="one\0 two\x0b three\u202e\r\nfour").status_code == 303
    assert AppointmentRequest.objects.get().message == "one two three\nfour"


def test_markup_is_shown_as_text(client, practice):
    evil = '"><script>alert(1)</script>'
    response = send(client, without=["consent"], name=evil, email=evil, phone=evil, message=evil, treatment=evil)
    page = response.content.decode()
    assert "<script>alert" not in page
    assert page.count("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 4


def test_ten_megabytes_are_refused(client, practice):
    body = "message=" + "x" * 10_000_000
    response = client.post(FORM, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 413


@pytest.mark.parametrize("charset", ["latin1", "utf-7", "ascii"])
@pytest.mark.parametrize("enforce_csrf_checks", [True, False])
def test_another_charset_is_a_bad_request_and_no_server_error(practice, charset, enforce_csrf_checks):
    client = Client(enforce_csrf_checks=enforce_csrf_checks, raise_request_exception=False)
    client.get(FORM)  # the cookie, without which the check against forgery never reads the body
    response = client.post(FORM, b"name=Zo%EB", content_type=f"application/x-www-form-urlencoded; charset={charset}")
    assert response.status_code == 400
    assert "We could not read this request" in words(response)
    assert "Content-Security-Policy" in response


def test_bytes_that_are_not_utf8_are_no_server_error(client, practice):
    response = client.post(FORM, b"name=%ff%fe&email=%c3", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 422


def test_a_post_from_elsewhere_is_refused(practice):
    assert Client(enforce_csrf_checks=True).post(FORM, filled_in()).status_code == 403


def test_fields_that_are_not_the_visitors_are_ignored(client, practice):
    send(client, status="booked", assignee="1", reference="R-AAAA-AA", consent_text="none", taken_by="1")
    stored = AppointmentRequest.objects.get()
    assert (stored.status, stored.assignee, stored.taken_by) == ("new", None, None)
    assert stored.reference != "R-AAAA-AA"


def test_a_filled_honeypot_stores_nothing_and_says_so(client, practice):
    response = send(client, website="https://spam.example")
    assert response.status_code == 422
    assert summary(response) == [
        ("Your browser filled in a hidden field. We have emptied it: please send the form again.", "")
    ]
    assert "https://spam.example" not in response.content.decode()
    assert AppointmentRequest.objects.count() == Letter.objects.count() == 0
    # A person whose browser did it only has to send the page that came back.
    assert send(client, website="", stamp=hidden_stamp(response)).status_code == 303


# A day on which another location is open


def next_day(weekday):
    """At least a week ahead, 0 is Monday."""
    day = timezone.localdate() + timedelta(days=7)
    return day + timedelta(days=(weekday - day.weekday()) % 7)


@pytest.fixture
def two_houses(practice):
    nine, five = factories.time(9), factories.time(17)
    week = factories.make_location(name="SouthPark", hours=[(day, nine, five) for day in range(5)])
    weekend = factories.make_location(name="Uptown", hours=[(5, nine, five)])
    return week, weekend


def test_a_day_on_which_the_chosen_location_is_closed_is_refused_at_its_field(client, two_houses):
    week, _weekend = two_houses
    monday, saturday = next_day(0), next_day(5)
    response = send(client, location=week.slug, day_1=monday.isoformat(), day_2=saturday.isoformat())
    shown = date_format(saturday, "l, F j")
    assert shown.startswith("Saturday, ")
    said = f"SouthPark is closed on {shown}. Choose another day or location."
    assert (response.status_code, summary(response)) == (422, [(said, "id_day_2")])
    assert AppointmentRequest.objects.count() == 0


def test_the_same_day_is_taken_where_it_is_open_and_where_any_location_will_do(client, two_houses):
    _week, weekend = two_houses
    saturday = next_day(5).isoformat()
    assert send(client, location=weekend.slug, day_1=saturday).status_code == 303
    assert send(client, email="ben@example.com", day_1=saturday).status_code == 303


def test_a_closure_of_the_chosen_location_alone_is_one_too(client, two_houses):
    week, weekend = two_houses
    monday = next_day(0)
    Closure.objects.create(location=week, starts_on=monday, ends_on=monday)
    response = send(client, location=week.slug, day_1=monday.isoformat())
    said = f"SouthPark is closed on {date_format(monday, 'l, F j')}. Choose another day or location."
    assert summary(response) == [(said, "id_day_1")]
    Closure.objects.update(location=weekend)
    assert send(client, location=week.slug, day_1=monday.isoformat()).status_code == 303
