"""From a held time to a booked one: nothing is typed twice, nothing is booked twice, nothing is booked unasked."""

import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments.links import HOLD, hold_link
from appointments.models import Appointment, BookingRules, Patient, Status
from appointments.services import diary
from clinic import mail_links
from clinic.mail_links import Link
from clinic.models import Letter, MailLink
from tests.appointments import by_link
from tests.appointments.by_link import TYPED, address, at, hold, hold_token, let_it_run_out, offered, on_the_page
from tests.appointments.steps import summary, words
from tests.appointments.visits import ANN, NEW_YORK, fresh, make_house

pytestmark = pytest.mark.django_db

BEN = diary.Details(name="Ben Stranger", email="ben@stranger.example", phone="(212) 555-0177")


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def held(house):
    return hold(house)


@pytest.fixture
def token(held):
    return hold_token(held)


def send(client, token, *, without=(), **fields):
    sent = {name: value for name, value in {**TYPED, **fields}.items() if name not in without}
    return client.post(address("held", token), sent)


def confirm(client, token, network="192.0.2.1"):
    return client.post(address("held_check", token), REMOTE_ADDR=network)


def somebody_takes(house, held):
    """The time of a hold that ran out, confirmed for another."""
    let_it_run_out(held)
    return by_link.booked(house, held.starts_at, details=BEN)


def test_the_page_says_what_is_kept_and_until_when(client, held, token):
    response = client.get(address("held", token))
    assert response.status_code == 200
    until = on_the_page(fresh(held).expires_at).rpartition(", ")[2]
    assert f"We keep {on_the_page(held.starts_at)} for you until {until} (Eastern Time)." in words(response)
    assert (response["Cache-Control"], response["X-Robots-Tag"]) == ("no-store", "noindex")


def test_what_it_is_for_stands_in_no_title_and_no_address(client, held, token):
    page = client.get(address("held", token)).content.decode()
    title = page.partition("<title>")[2].partition("</title>")[0]
    assert "Rhinoplasty" not in title
    assert "Rhinoplasty talk" in page
    assert held.visit_type.slug not in page


def test_details_then_a_page_to_check_then_booked(client, held, token):
    response = send(client, token)
    assert (response.status_code, response["Location"]) == (303, address("held_check", token))
    check = client.get(response["Location"])
    told = [ANN.name, ANN.email, ANN.phone, "I come by bus.", on_the_page(held.starts_at), "Rhinoplasty talk"]
    assert [word for word in told if word not in words(check)] == []
    assert (fresh(held).status, Patient.objects.count()) == (Status.HELD, 0)
    response = confirm(client, token)
    assert response.status_code == 303
    booked = fresh(held)
    assert (booked.status, booked.patient.name, booked.patient.email) == (Status.CONFIRMED, ANN.name, ANN.email)
    assert (booked.typed, booked.message, booked.consent_version) == (None, "I come by bus.", TYPED["wording"])
    page = client.get(response["Location"])
    assert "You are booked" in words(page)
    assert booked.reference in words(page)


def test_the_confirmation_is_written_once(client, held, token):
    send(client, token)
    confirm(client, token)
    confirm(client, token)
    assert Letter.objects.filter(to=ANN.email).count() == 1


def test_pressed_twice_and_from_a_second_tab_it_is_one_appointment(client, held, token):
    send(client, token)
    first, second = confirm(client, token), confirm(client, token)
    assert (first.status_code, second.status_code) == (303, 303)
    assert words(client.get(first["Location"])) == words(client.get(second["Location"]))
    assert Appointment.objects.count() == Patient.objects.count() == 1


def test_back_to_the_form_after_booking_leads_on_to_the_appointment(client, held, token):
    send(client, token)
    confirm(client, token)
    links = MailLink.objects.count()
    for name in ("held", "held_check"):
        response = client.get(address(name, token))
        assert response.status_code == 200
        assert "You have booked this time" in words(response)
    assert MailLink.objects.count() == links  # a GET makes nothing
    assert send(client, token, name="Somebody Else").status_code == 200
    assert fresh(held).patient.name == ANN.name


def test_wrong_details_come_back_with_what_was_typed(client, held, token):
    response = send(client, token, without=["consent"], name="", email="ann at patient", phone="12")
    assert response.status_code == 422
    assert summary(response) == [
        ("Enter the name of whoever comes to the visit.", "id_name"),
        ("Enter an email address in the correct format, like name@example.com.", "id_email"),
        ("Enter a phone number, like 704-555-0142 or +44 20 7946 0018.", "id_phone"),
        ("Tick the box: without it we may not keep your details and see you.", "id_consent"),
    ]
    assert 'value="ann at patient"' in response.content.decode()
    assert "I come by bus." in words(response)
    assert fresh(held).status == Status.HELD


def test_a_tick_beside_other_words_does_not_count(client, held, token):
    response = send(client, token, wording="booking 2020-01")
    assert [target for _message, target in summary(response)] == ["id_consent"]


def test_nothing_is_booked_before_the_details_are_there(client, held, token):
    response = confirm(client, token)
    assert (response.status_code, response["Location"]) == (303, address("held", token))
    assert fresh(held).status == Status.HELD


# Keep it


def test_keep_it_keeps_the_time_and_what_was_typed_unchecked(client, held, token):
    before = fresh(held).expires_at
    Appointment.objects.filter(pk=held.pk).update(expires_at=before - timedelta(minutes=5))
    response = client.post(address("held_extension", token), {"name": "Ann", "email": "half@", "message": "so far"})
    assert (response.status_code, response["Location"]) == (303, address("held", token) + "#kept")
    assert fresh(held).expires_at > before - timedelta(minutes=1)
    page = client.get(address("held", token)).content.decode()
    assert 'value="Ann"' in page
    assert 'value="half@"' in page
    assert "so far" in page


def test_keep_it_on_the_page_to_check_leaves_what_was_typed(client, held, token):
    send(client, token)
    response = client.post(address("held_extension", token), {"back": "check"})
    assert response["Location"] == address("held_check", token) + "#kept"
    assert ANN.email in words(client.get(address("held_check", token)))


def test_a_script_gets_the_new_end_as_seconds_and_words(client, held, token):
    response = client.post(address("held_extension", token), TYPED, headers={"accept": "application/json"})
    told = json.loads(response.content)
    assert told["until"] == on_the_page(fresh(held).expires_at).rpartition(", ")[2]
    assert 590 <= told["seconds_left"] <= 600
    assert told["may_keep"] is True


def test_it_is_kept_ten_times_and_then_the_page_says_so(client, held, token):
    for _time in range(10):
        assert client.post(address("held_extension", token), TYPED).status_code == 303
    response = client.post(address("held_extension", token), {**TYPED, "name": "Ann the Eleventh"})
    assert response.status_code == 409
    assert "You have kept this time ten times." in words(response)
    assert "Ann the Eleventh" in response.content.decode()
    assert fresh(held).times_kept == 10


def test_keeping_a_time_that_ran_out_takes_it_again(client, held, token):
    let_it_run_out(held)
    assert client.post(address("held_extension", token), TYPED).status_code == 303
    assert fresh(held).expires_at > timezone.now()


def test_no_get_keeps_releases_or_retakes(client, held, token):
    before = fresh(held).expires_at
    for name in ("held_extension", "held_release", "held_again", "held_another"):
        assert client.get(address(name, token)).status_code == 405
    assert (fresh(held).expires_at, fresh(held).status) == (before, Status.HELD)


# It ran out


def test_when_it_ran_out_the_page_says_so_and_takes_it_again(client, held, token):
    send(client, token)
    let_it_run_out(held)
    for name in ("held", "held_check"):
        response = client.get(address(name, token))
        assert response.status_code == 410
        assert "Take it again" in words(response)
    response = client.post(address("held_again", token))
    assert response["Location"] == address("held_check", token)
    assert ANN.email in words(client.get(response["Location"]))
    assert fresh(held).expires_at > timezone.now()


def test_details_sent_too_late_take_it_again_by_themselves(client, held, token):
    let_it_run_out(held)
    assert send(client, token)["Location"] == address("held_check", token)
    assert fresh(held).expires_at > timezone.now()


def test_confirmed_too_late_it_is_booked_all_the_same(client, held, token):
    send(client, token)
    diary.let_go(appointment=held.pk, now=timezone.now())
    assert confirm(client, token).status_code == 303
    assert fresh(held).status == Status.CONFIRMED


@pytest.mark.parametrize("step", ["held", "held_check", "held_again", "held_extension"])
def test_when_somebody_has_it_meanwhile_the_nearest_times_are_offered(client, house, held, token, step):
    send(client, token)
    somebody_takes(house, held)
    response = client.post(address(step, token), TYPED)
    assert response.status_code == 409
    near = offered(response)
    # With Helen the neighbours of the half hour; with Ida that very time.
    assert {held.starts_at - timedelta(minutes=30), held.starts_at + timedelta(minutes=30)} <= set(near)
    assert held.starts_at in near
    assert Patient.objects.filter(name=ANN.name).count() == 0


def test_another_time_takes_along_what_was_typed(client, house, held, token):
    send(client, token)
    somebody_takes(house, held)
    taken = confirm(client, token)
    start = next(time for time in offered(taken) if time > held.starts_at)
    chosen = {"start": start.isoformat(), "location": "", "provider": house.people[0].provider.slug}
    first = client.post(address("held_another", token), chosen)
    assert first.status_code == 303
    assert first["Location"].endswith("/check/")
    check = client.get(first["Location"])
    assert ANN.email in words(check)
    assert on_the_page(start) in words(check)
    assert client.post(first["Location"]).status_code == 303
    assert Appointment.objects.get(patient__name=ANN.name).starts_at == start


def test_pressed_twice_another_time_is_held_once_and_the_old_one_let_go(client, house, held, token):
    chosen = {"start": at("14:00").isoformat(), "location": house.location.slug, "provider": ""}
    client.post(address("held_another", token), chosen)
    client.post(address("held_another", token), chosen)
    assert list(Appointment.objects.filter(status=Status.HELD).values_list("starts_at", flat=True)) == [at("14:00")]
    assert fresh(held).status == Status.EXPIRED


def test_the_old_time_stays_held_when_the_other_is_taken(client, house, held, token):
    by_link.booked(house, at("14:00"), details=BEN)
    chosen = {"start": at("14:00").isoformat(), "provider": house.people[0].provider.slug}
    assert client.post(address("held_another", token), chosen).status_code == 409
    assert fresh(held).status == Status.HELD


@pytest.mark.parametrize("start", ["", "soon", "2026-03-03T10:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00Z"])
def test_a_malformed_other_time_is_refused_in_words(client, held, token, start):
    response = client.post(address("held_another", token), {"start": start})
    assert response.status_code == 409
    assert fresh(held).status == Status.HELD


def test_another_time_can_be_chosen_from_the_start(client, house, held, token):
    response = client.post(address("held_release", token))
    assert response.status_code == 303
    day = at().astimezone(NEW_YORK).date()
    assert response["Location"] == f"/appointments/book/{house.visit_type.slug}/?day={day}"
    assert fresh(held).status == Status.EXPIRED
    assert client.get(response["Location"]).status_code == 200


def test_what_was_typed_waits_for_the_next_time_of_the_same_browser(client, house):
    book = f"/appointments/book/{house.visit_type.slug}/"
    first = client.post(book, {"start": at().isoformat(), "opening": str(uuid.uuid4())})
    other = Client().post(book, {"start": at("13:00").isoformat(), "opening": str(uuid.uuid4())})
    client.post(first["Location"] + "release/", {"name": "Ann Pa", "email": "ann@"})
    second = client.post(book, {"start": at("12:00").isoformat(), "opening": str(uuid.uuid4())})
    assert 'value="Ann Pa"' in client.get(second["Location"]).content.decode()
    assert 'value="Ann Pa"' not in client.get(other["Location"]).content.decode()
    # It stays in one place: with the time that is held.
    client.post(second["Location"] + "release/")
    third = client.post(book, {"start": at("11:00").isoformat(), "opening": str(uuid.uuid4())})
    assert Appointment.objects.filter(typed__isnull=False).count() == 1
    assert third.status_code == 303


# Waiting for staff


def test_where_staff_confirm_the_button_asks_and_the_page_says_by_when(client, practice):
    house = make_house(by_staff=True)
    held = hold(house)
    token = hold_token(held)
    send(client, token)
    assert "Request this appointment" in words(client.get(address("held_check", token)))
    page = client.get(confirm(client, token)["Location"])
    assert fresh(held).status == Status.REQUESTED
    assert f"By {on_the_page(fresh(held).expires_at)} you hear from us." in words(page)
    assert "You are booked" not in words(page)


def test_too_many_that_wait_are_refused_in_words(client, practice):
    house = make_house(by_staff=True)
    for number in range(BookingRules().most_requested):
        by_link.booked(house, at(f"{12 + number}:00"))
    held = hold(house)
    token = hold_token(held)
    send(client, token)
    response = confirm(client, token)
    assert response.status_code == 422
    assert "You have bookings that wait for our answer already." in words(response)
    assert fresh(held).status == Status.HELD


# Limits and links


def test_one_network_books_only_so_many_and_nothing_is_lost(client, house):
    for number in range(20):
        held = hold(house, at("10:00", days=3 + number))
        token = hold_token(held)
        send(client, token)
        assert confirm(client, token, network="192.0.2.77").status_code == 303
    held = hold(house, at("15:00"))
    token = hold_token(held)
    send(client, token)
    response = confirm(client, token, network="192.0.2.77")
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3601
    assert fresh(held).status == Status.HELD
    assert confirm(client, token, network="192.0.2.78").status_code == 303


def test_when_the_diary_is_busy_the_answer_is_503_and_nothing_is_lost(client, house, held, token, monkeypatch):
    send(client, token)

    def busy(**wish):
        raise diary.DiaryBusy

    monkeypatch.setattr(diary, "confirm_hold", busy)
    response = confirm(client, token)
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert fresh(held).typed["email"] == ANN.email


@pytest.mark.parametrize("name", ["held", "held_check"])
def test_unknown_and_foreign_tokens_are_404_and_ended_ones_410(client, held, name):
    foreign = mail_links.mint(Link("appointments.request", held.pk, "appointments:held", None), now=timezone.now())
    managing = by_link.manage_token(held)
    old = mail_links.mint(hold_link(held), now=timezone.now() - timedelta(days=1, minutes=1))
    answers = [client.get(address(name, token)) for token in ("no-such-token", foreign, managing, old)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 410]
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
    assert all("Send my link again" in words(answer) for answer in answers)


def test_a_hold_that_was_swept_away_is_410(client, held, token):
    held.changes.all().delete()
    held.allocations.all().delete()
    held.delete()
    assert MailLink.objects.filter(purpose=HOLD).count() == 1
    assert client.get(address("held", token)).status_code == 410
