"""A patient's own appointment, by link: seen, moved, cancelled, taken back, and changed by no GET."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from appointments.links import MANAGE, manage_link
from appointments.models import Appointment, BookingRules, Reminder, Status
from appointments.services import diary, telling
from clinic import mail_links
from clinic.mail_links import Link
from clinic.models import Letter, MailLink
from tests.appointments import by_link
from tests.appointments.by_link import MINUTE, address, at, booked, hold_token, manage_token, offered, on_the_page
from tests.appointments.steps import words
from tests.appointments.visits import ANN, NEW_YORK, UNDO, book, cancel, fresh, make_house
from tests.appointments.visits import move as moved_by
from tests.factories import front_desk

pytestmark = pytest.mark.django_db

BEN = diary.Details(name="Ben Stranger", email="ben@stranger.example", phone="(212) 555-0177")


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def appointment(house):
    return booked(house)


@pytest.fixture
def token(appointment):
    return manage_token(appointment)


def see(client, token):
    return client.get(address("manage", token))


def pick(house, start, *, provider=0, **also):
    return {
        "start": start.isoformat(),
        "location": house.location.slug,
        "provider": house.people[provider].provider.slug,
        **also,
    }


def move(client, token, house, start, **also):
    return client.post(address("reschedule", token), pick(house, start, confirmed="yes", **also))


def cancel_it(client, token, **fields):
    return client.post(address("cancel", token), fields)


# Seen


def test_it_says_when_where_with_whom_and_what_next(client, practice, house, appointment, token):
    response = see(client, token)
    text = words(response)
    assert practice.phone in text
    told = ["You are booked", "Eastern Time", "Oak House", "Helen Ash", "Rhinoplasty talk", appointment.reference]
    assert [word for word in told if word not in text] == []
    local = on_the_page(appointment.starts_at).split(", ")
    assert f"{local[0]}, {local[1]}, " in text
    assert text.count("Move it") == text.count("Cancel it") == 1
    assert "openstreetmap.org" in response.content.decode()
    assert (response["Cache-Control"], response["X-Robots-Tag"]) == ("no-store", "noindex")
    assert response["Referrer-Policy"] == "strict-origin"


def test_who_finds_the_link_learns_neither_name_nor_address(client, appointment, token):
    page = see(client, token).content.decode()
    told = [ANN.name, "Xylander", ANN.email, "555-0199", "+12125550199"]
    assert [secret for secret in told if secret in page] == []


def test_its_title_names_no_treatment_and_no_address_leads_on_with_the_token(client, appointment, token):
    page = see(client, token).content.decode()
    assert "Rhinoplasty" not in page.partition("<title>")[2].partition("</title>")[0]
    assert f'rel="canonical" href="http://testserver{address("manage", token)}' not in page
    assert 'rel="canonical"' not in page


def test_the_practices_own_words_stand_there(client, appointment, token):
    BookingRules.objects.create(
        what_happens_next="Ring the bell twice.", cancellation_policy="Tell us two days before."
    )
    text = words(see(client, token))
    assert "Ring the bell twice." in text
    assert "Tell us two days before." in text


def test_it_opens_again_and_changes_nothing(client, appointment, token):
    before = Appointment.objects.values().get(pk=appointment.pk)
    links, letters = MailLink.objects.count(), Letter.objects.count()
    for name in ("manage", "reschedule", "cancel", "calendar"):
        assert client.get(address(name, token)).status_code == 200
        assert client.head(address(name, token)).status_code == 200
    for name in ("manage_undo", "coming"):
        assert client.get(address(name, token)).status_code == 405
    assert Appointment.objects.values().get(pk=appointment.pk) == before
    assert (MailLink.objects.count(), Letter.objects.count()) == (links, letters)


def test_the_calendar_file_holds_the_time_and_nothing_of_the_treatment(client, appointment, token):
    response = client.get(address("calendar", token))
    assert response["Content-Type"].startswith("text/calendar")
    text = response.content.decode()
    assert [word for word in ("Rhinoplasty", "Xylander", ANN.email, token) if word in text] == []
    calendar = Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    told = (str(calendar["METHOD"]), event["DTSTART"].dt, str(event["UID"]), event["SEQUENCE"])
    assert told == ("PUBLISH", appointment.starts_at, str(appointment.calendar_uid), 0)


def test_what_is_cancelled_or_waits_goes_into_no_calendar(client, practice, appointment, token):
    cancel(appointment, now=timezone.now())
    waiting = booked(make_house(by_staff=True))
    assert client.get(address("calendar", token)).status_code == 404
    assert client.get(address("calendar", manage_token(waiting))).status_code == 404


# Links


def test_unknown_and_foreign_tokens_are_404_and_ended_ones_410(client, appointment):
    foreign = mail_links.mint(Link("appointments.request", appointment.pk, "x", None), now=timezone.now())
    holding = hold_token(appointment)
    old = mail_links.mint(Link(MANAGE, appointment.pk, "x", timedelta(days=1)), now=timezone.now() - timedelta(days=2))
    for name in ("manage", "reschedule", "cancel", "calendar"):
        answers = [client.get(address(name, token)) for token in ("no-such-token", foreign, holding, old)]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 410]
        assert all("Send my link again" in words(answer) for answer in answers)
    for name in ("cancel", "manage_undo", "coming", "reschedule"):
        answers = [client.post(address(name, token)) for token in ("no-such-token", foreign, holding, old)]
        assert [answer.status_code for answer in answers] == [404, 404, 404, 410]
    assert fresh(appointment).status == Status.CONFIRMED


def test_it_lasts_until_thirty_days_after_the_visit(client, appointment):
    now = timezone.now()
    assert now + manage_link(appointment, now=now).lifetime == appointment.ends_at + timedelta(days=30)


def test_one_patients_link_moves_nobody_elses(client, house, appointment, token):
    other = booked(house, at("15:00"), details=BEN)
    cancel_it(client, token)
    assert (fresh(appointment).status, fresh(other).status) == (Status.CANCELLED, Status.CONFIRMED)


# Cancelled


def test_it_is_cancelled_by_one_post_after_a_page_that_asks(client, appointment, token):
    BookingRules.objects.create(cancellation_policy="Late cancellations cost $50.")
    asked = client.get(address("cancel", token))
    assert "Late cancellations cost $50." in words(asked)
    assert fresh(appointment).status == Status.CONFIRMED
    response = cancel_it(client, token, reason="A cold")
    assert (response.status_code, response["Location"]) == (303, address("manage", token))
    assert (fresh(appointment).status, fresh(appointment).changes.last().reason) == (Status.CANCELLED, "A cold")
    text = words(see(client, token))
    assert "This appointment is cancelled" in text
    assert "We email you about it in 5 minutes." in text
    assert "Undo the cancellation" in text


def test_too_long_a_reason_comes_back_and_nothing_is_cancelled(client, appointment, token):
    response = cancel_it(client, token, reason="x" * 201)
    assert response.status_code == 422
    assert "x" * 201 in response.content.decode()
    assert fresh(appointment).status == Status.CONFIRMED


def test_cancelled_twice_it_is_cancelled_once(client, appointment, token):
    cancel_it(client, token)
    assert cancel_it(client, token)["Location"] == address("manage", token)
    assert fresh(appointment).changes.filter(became=Status.CANCELLED).count() == 1


def test_taken_back_it_stands_again_and_no_letter_goes_out(client, appointment, token):
    letters = Letter.objects.count()
    cancel_it(client, token)
    assert client.post(address("manage_undo", token))["Location"] == address("manage", token)
    assert fresh(appointment).status == Status.CONFIRMED
    telling.tell_changes(now=timezone.now() + UNDO + MINUTE)
    assert Letter.objects.count() == letters
    assert "You are booked" in words(see(client, token))


def test_once_it_is_told_it_cannot_be_taken_back(client, appointment, token):
    cancel_it(client, token)
    Appointment.objects.filter(pk=appointment.pk).update(tell_at=timezone.now() - MINUTE)
    assert "Undo" not in words(see(client, token))
    response = client.post(address("manage_undo", token))
    assert response.status_code == 409
    assert "There is nothing to take back any more." in words(response)
    assert fresh(appointment).status == Status.CANCELLED


def test_what_staff_have_cancelled_the_patient_cannot_take_back(client, appointment, token):
    cancel(appointment, now=timezone.now(), by=front_desk())
    assert "Undo" not in words(see(client, token))
    assert client.post(address("manage_undo", token)).status_code == 409
    assert fresh(appointment).status == Status.CANCELLED


def test_when_the_time_is_gone_meanwhile_the_nearest_are_offered(client, house, appointment, token):
    cancel_it(client, token)
    booked(house, appointment.starts_at, details=BEN)
    response = client.post(address("manage_undo", token))
    assert response.status_code == 409
    assert "Your appointment stays cancelled." in words(response)
    assert appointment.starts_at in offered(response)  # with Ida
    assert f'action="/appointments/book/{house.visit_type.slug}/"' in response.content.decode()
    assert fresh(appointment).status == Status.CANCELLED


# Moved


def test_it_is_moved_after_a_page_that_shows_both_times(client, house, appointment, token):
    assert offered(client.get(address("reschedule", token))) != []
    day = at("14:00", days=11).astimezone(NEW_YORK).date()
    times = client.get(address("reschedule", token, f"?day={day}&location={house.location.slug}"))
    assert at("14:00", days=11) in offered(times)
    check = client.get(address("reschedule", token), pick(house, at("14:00", days=11)))
    text = words(check)
    assert on_the_page(appointment.starts_at) in text
    assert on_the_page(at("14:00", days=11)) in text
    assert fresh(appointment).starts_at == appointment.starts_at
    response = move(client, token, house, at("14:00", days=11))
    assert response.status_code == 303
    assert fresh(appointment).starts_at == at("14:00", days=11)
    page = words(client.get(response["Location"]))
    assert "Your appointment is moved" in page
    assert f"It was {on_the_page(appointment.starts_at)} at Oak House before" in page


def test_a_time_that_was_only_chosen_leads_to_the_page_to_check(client, house, appointment, token):
    """So do the buttons of the nearest times."""
    response = client.post(address("reschedule", token), pick(house, at("14:00")))
    assert response.status_code == 303
    assert "Check the new time" in words(client.get(response["Location"]))
    assert fresh(appointment).starts_at == appointment.starts_at


def test_it_can_move_by_less_than_its_own_length(client, house, token, appointment):
    house.visit_type.phases.update(minutes=60)
    long = booked(house, at("14:00"))
    chosen = {**pick(house, at("14:00")), "day": at("14:00").astimezone(NEW_YORK).date()}
    del chosen["start"]
    times = offered(client.get(address("reschedule", manage_token(long)), chosen))
    assert {at("13:15"), at("14:00"), at("14:45")} < set(times)
    response = move(client, manage_token(long), house, at("14:15"))
    assert response.status_code == 303
    assert fresh(long).starts_at == at("14:15")


def test_to_choose_the_time_that_one_has_leads_back_to_it(client, house, appointment, token):
    response = client.get(address("reschedule", token), pick(house, appointment.starts_at))
    assert (response.status_code, response["Location"]) == (303, address("manage", token))


def test_when_the_new_time_is_taken_the_old_one_stays(client, house, appointment, token):
    booked(house, at("14:00"), details=BEN)
    response = move(client, token, house, at("14:00"))
    assert response.status_code == 409
    assert f"{on_the_page(appointment.starts_at)} stays yours as before." in words(response)
    near = offered(response)
    assert at("14:00") in near  # with Ida
    assert at("14:30") in near
    assert fresh(appointment).starts_at == appointment.starts_at
    assert fresh(appointment).allocations.get().blocking is True


def test_moved_twice_by_a_double_click_it_is_moved_once(client, house, appointment, token):
    move(client, token, house, at("14:00"))
    assert move(client, token, house, at("14:00")).status_code == 303
    assert fresh(appointment).sequence == 1


def test_a_move_is_taken_back_and_no_letter_goes_out(client, house, appointment, token):
    letters = Letter.objects.count()
    move(client, token, house, at("14:00"))
    move(client, token, house, at("16:00"))
    assert client.post(address("manage_undo", token)).status_code == 303
    assert fresh(appointment).starts_at == appointment.starts_at
    telling.tell_changes(now=timezone.now() + UNDO + MINUTE)
    assert Letter.objects.count() == letters
    assert "Undo" not in words(see(client, token))


def test_a_move_is_taken_back_even_when_the_old_time_is_too_near_to_be_chosen(client, house):
    house.visit_type.notice_hours = 72
    house.visit_type.save()
    soon = book(house, at("10:00", days=2), by=front_desk(), now=timezone.now())
    token = manage_token(soon)
    assert move(client, token, house, at("14:00")).status_code == 303
    assert client.post(address("manage_undo", token)).status_code == 303
    assert fresh(soon).starts_at == at("10:00", days=2)


def test_when_the_old_time_is_gone_a_move_cannot_be_taken_back(client, house, appointment, token):
    move(client, token, house, at("14:00"))
    booked(house, appointment.starts_at, details=BEN)
    response = client.post(address("manage_undo", token))
    assert response.status_code == 409
    assert f"{on_the_page(at('14:00'))} stays yours as before." in words(response)
    assert fresh(appointment).starts_at == at("14:00")


def test_what_staff_have_moved_the_patient_does_not_take_back(client, house, appointment, token):
    moved_by(house, appointment, at("14:00"), now=timezone.now(), by=front_desk())
    assert "Undo" not in words(see(client, token))
    assert client.post(address("manage_undo", token)).status_code == 409


@pytest.mark.parametrize(
    "start", ["soon", "2027-03-03T10:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00Z", "2020-01-01T10:00Z"]
)
def test_a_malformed_time_comes_back_in_words(client, appointment, token, start):
    for response in (
        client.get(address("reschedule", token), {"start": start}),
        client.post(address("reschedule", token), {"start": start, "confirmed": "yes"}),
    ):
        assert response.status_code == 422
    assert fresh(appointment).starts_at == appointment.starts_at


@pytest.mark.parametrize(("clock", "days"), [("03:00", 10), ("10:07", 10), ("10:00", 100)])
def test_a_time_that_is_never_offered_is_409_and_the_old_one_stays(client, house, appointment, token, clock, days):
    assert move(client, token, house, at(clock, days=days)).status_code == 409
    assert fresh(appointment).starts_at == appointment.starts_at


def test_unknown_people_and_places_are_refused(client, house, appointment, token):
    for wrong in ({"provider": "nobody"}, {"location": "nowhere"}):
        response = client.post(address("reschedule", token), pick(house, at("14:00"), confirmed="yes") | wrong)
        assert response.status_code == 422
    assert fresh(appointment).starts_at == appointment.starts_at


def test_a_visit_that_is_no_longer_booked_online_is_moved_by_phone(client, house, appointment, token):
    house.visit_type.is_published = False
    house.visit_type.save()
    response = client.get(address("reschedule", token))
    assert response.status_code == 409
    assert "Please call us to move it." in words(response)
    assert see(client, token).status_code == 200


# Too late, and over


def test_after_the_cut_off_the_page_says_to_call(client, house, practice):
    soon = booked(house, at("10:00", days=1))
    BookingRules.objects.create(cutoff_hours=48)
    token = manage_token(soon)
    text = words(see(client, token))
    assert "It is soon, so you cannot move or cancel it here: please call us." in text
    assert practice.phone in text
    assert "Move it" not in text
    for name in ("cancel", "reschedule"):
        assert client.get(address(name, token))["Location"] == address("manage", token)
        assert client.post(address(name, token), pick(house, at("14:00"), confirmed="yes")).status_code == 303
    assert (fresh(soon).status, fresh(soon).starts_at) == (Status.CONFIRMED, soon.starts_at)


def test_a_visit_that_is_over_offers_nothing_but_a_new_one(client, house, practice):
    past = booked(house, at("10:00", days=-3), now=timezone.now() - timedelta(days=10))
    token = manage_token(past)
    text = words(see(client, token))
    assert "This appointment is over" in text
    assert "Book a new appointment" in text
    assert [word for word in ("Move it", "Cancel it", "I’m coming", "calendar") if word in text] == []
    assert cancel_it(client, token).status_code == 303
    assert client.post(address("coming", token)).status_code == 409
    assert fresh(past).status == Status.CONFIRMED


def test_a_booking_that_nobody_confirmed_in_time_has_lapsed(client, practice):
    waiting = booked(make_house(by_staff=True))
    by_link.let_it_run_out(waiting)
    text = words(see(client, manage_token(waiting)))
    assert "This booking was not confirmed in time" in text
    assert "Move it" not in text


# Coming


def test_i_am_coming_is_offered_once_they_were_reminded(client, appointment, token):
    assert "I’m coming" not in words(see(client, token))
    Reminder.objects.create(appointment=appointment, starts_at=appointment.starts_at, days_before=3)
    assert "I’m coming" in words(see(client, token))
    assert fresh(appointment).is_coming_at is None
    assert client.post(address("coming", token))["Location"] == address("manage", token)
    said_at = fresh(appointment).is_coming_at
    assert said_at is not None
    assert "You told us that you are coming." in words(see(client, token))
    client.post(address("coming", token))
    assert fresh(appointment).is_coming_at == said_at


def test_who_was_reminded_of_another_time_is_not_asked(client, house, appointment, token):
    Reminder.objects.create(appointment=appointment, starts_at=appointment.starts_at, days_before=3)
    moved_by(house, appointment, at("14:00"), now=timezone.now())
    assert "I’m coming" not in words(see(client, token))


def test_nobody_comes_to_what_is_cancelled(client, appointment, token):
    cancel(appointment, now=timezone.now())
    assert client.post(address("coming", token)).status_code == 409
    assert fresh(appointment).is_coming_at is None


def test_a_post_without_the_pages_own_token_is_refused(appointment, token):
    strict = Client(enforce_csrf_checks=True)
    for name in ("cancel", "manage_undo", "coming", "reschedule"):
        assert strict.post(address(name, token), {"x": uuid.uuid4()}).status_code == 403
    assert fresh(appointment).status == Status.CONFIRMED


def test_a_corrected_mail_address_ends_the_links_that_went_to_the_wrong_one(client, house):
    one = booked(house)
    token = manage_token(one)
    assert client.get(address("manage", token)).status_code == 200
    patient = one.patient
    telling.forget_old_address(patient, now=timezone.now())
    assert client.get(address("manage", token)).status_code == 410
    assert list(Letter.objects.values_list("state", flat=True)) == ["withdrawn"]
    assert client.get(address("manage", manage_token(one))).status_code == 200
