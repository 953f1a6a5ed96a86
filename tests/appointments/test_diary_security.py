"""What somebody tries who does not want a visit: to keep all times, to read what is not theirs, to stop a letter."""

import threading
from datetime import time, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, BookingRules, Change, HoursException, ResourceHours, Status
from appointments.services import diary, telling
from clinic.models import Closure, Letter
from tests import factories
from tests.appointments import desk, visits
from tests.appointments.by_link import (
    MINUTE,
    TYPED,
    address,
    at,
    booked,
    hold,
    hold_token,
    let_it_run_out,
    manage_token,
)
from tests.appointments.visits import ANN, fresh

pytestmark = pytest.mark.django_db

HOLD_VIEWS = ["held", "held_check", "held_extension", "held_release", "held_again", "held_another"]
MANAGE_VIEWS = ["manage", "reschedule", "cancel", "manage_undo", "coming", "calendar"]


@pytest.fixture
def house(practice):
    return visits.make_house()


def held_now():
    return Appointment.objects.filter(status=Status.HELD, expires_at__gt=timezone.now()).count()


# All times of a practice, kept by somebody who never comes


def half_hours():
    for days in range(10, 14):
        for hour in range(8, 17):
            for minute in (0, 30):
                yield at(f"{hour:02}:{minute:02}", days)


def test_one_link_does_not_hold_time_after_time(client, house):
    """Each change to another time lets the old one go, whose own link takes it up again."""
    starts = half_hours()
    token, codes = hold_token(hold(house, next(starts))), []
    for start in starts:
        response = client.post(
            address("held_another", token), {"start": start.isoformat(), "location": house.location.slug}
        )
        codes.append(response.status_code)
        if response.status_code == 429:
            break
        codes.append(client.post(address("held_again", token)).status_code)
        token = response["Location"].split("/")[3]
    assert codes[-1] == 429
    assert 0 < int(response["Retry-After"]) <= 601
    assert response["Cache-Control"] == "no-store"
    assert len(codes) <= 31
    assert held_now() <= 17


@pytest.mark.parametrize("name", ["held_again", "held_extension", "held"])
def test_a_time_that_ran_out_is_not_taken_up_again_without_end(client, house, name):
    held = hold(house)
    token, codes = hold_token(held), []
    for _ in range(31):
        let_it_run_out(held)
        codes.append(client.post(address(name, token), TYPED).status_code)
    assert codes == [303] * 30 + [429]
    assert fresh(held).has_run_out(timezone.now())


def test_what_one_network_holds_at_once_is_bounded_by_the_hour(client, house, monkeypatch):
    now = timezone.now()
    page = reverse("appointments:book_visit", args=[house.visit_type.slug])
    codes = []
    for number in range(61):
        # Half an hour of patience after the first thirty.
        monkeypatch.setattr(timezone, "now", lambda late=now + MINUTE * 11 * (number // 30): late)
        codes.append(client.post(page, {"start": at("03:00").isoformat()}).status_code)
    assert codes == [422] * 60 + [429]


# Bookings that wait for staff


@pytest.mark.django_db(transaction=True)
def test_bookings_sent_at_the_same_moment_are_counted_too(practice):
    house = visits.make_house(by_staff=True)
    helds = [hold(house, at(f"{8 + number:02}:00"), provider=number % 2) for number in range(5)]
    results, start = [], threading.Barrier(len(helds))

    def confirm(held):
        try:
            start.wait(10)
            diary.confirm_hold(appointment=held.pk, details=ANN, now=timezone.now())
            results.append("booked")
        except diary.TooManyWaiting:
            results.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=confirm, args=[held]) for held in helds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == ["booked"] * BookingRules().most_requested + ["refused"] * 3


# Letters


def test_what_staff_move_is_told_in_time_whatever_a_stranger_books_for_the_same_mailbox(house):
    one = booked(house)
    for number in range(9):
        booked(house, at("10:00", 11 + number), details=diary.Details("Sam Stranger", ANN.email, "(212) 555-0111"))
    now = timezone.now()
    by = factories.front_desk()
    visits.move(house, one, at("09:00", 2), now=now, by=by)
    telling.tell_changes(now=now + timedelta(minutes=6))
    assert Letter.objects.filter(kind__endswith="/moved", to=ANN.email).count() == 1


def test_what_a_patient_moves_again_and_again_waits(house):
    one = booked(house)
    for number in range(9):
        booked(house, at("10:00", 11 + number))
    now = timezone.now()
    visits.move(house, one, at("09:00", 5), now=now)
    telling.tell_changes(now=now + timedelta(minutes=6))
    assert not Letter.objects.filter(kind__endswith="/moved").exists()
    assert fresh(one).tell_at is not None


# Links of one kind at the doors of the other


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", HOLD_VIEWS + MANAGE_VIEWS)
def test_a_link_opens_only_what_it_was_made_for(client, house, name, method):
    one = booked(house)
    token = manage_token(one) if name in HOLD_VIEWS else hold_token(one)
    response = getattr(client, method)(address(name, token))
    assert response.status_code in {404, 405}
    assert visits.is_confirmed(one)


# The desk


def test_pages_of_set_up_name_no_patients_to_who_sees_only_their_own(practice):
    house = desk.make_house()
    theirs = house.book(desk.at(10, days=2), name="Quentin Secretive", email="q@patient.example", person=house.beech)
    on = desk.today(2)
    closure = Closure.objects.create(starts_on=on, ends_on=on, reason="Inventory")
    away = HoursException.objects.create(kind=HoursException.Kind.CLOSED, starts_on=on, ends_on=on)
    # The appointment is outside of these hours.
    never = (on.weekday() + 3) % 7
    ResourceHours.objects.create(
        resource=house.beech, location=house.location, weekday=never, opens=time(9), closes=time(10)
    )
    pages = [
        reverse("admin:clinic_closure_change", args=[closure.pk]),
        reverse("admin:appointments_hoursexception_change", args=[away.pk]),
        reverse("admin:appointments_resource_change", args=[house.beech.pk]),
        reverse("admin:appointments_patient_change", args=[theirs.patient_id]),
    ]
    may = ["view_closure", "view_hoursexception", "view_resource", "view_patient"]
    provider = desk.signed_in(desk.provider_account(house.ash, may=may))
    front_desk = desk.signed_in(factories.front_desk())
    for page in pages:
        response = provider.get(page)
        assert response.status_code == 200
        assert desk.page("change", theirs) not in response.content.decode()
        assert desk.page("change", theirs) in front_desk.get(page).content.decode()
    assert all("Secretive" not in provider.get(page).content.decode() for page in pages[:3])


def test_a_patients_requests_are_for_who_may_read_requests(practice):
    house = desk.make_house()
    theirs = house.book(desk.at(10, days=2))
    asked = factories.make_request(patient=theirs.patient)
    user = desk.provider_account(house.ash, may=["view_patient"])
    page = reverse("admin:appointments_patient_change", args=[theirs.patient_id])
    assert asked.reference not in desk.signed_in(user).get(page).content.decode()
    user.user_permissions.add(Permission.objects.get(codename="view_appointmentrequest"))
    assert asked.reference in desk.signed_in(user).get(page).content.decode()


def test_a_reason_with_hidden_characters_is_kept_without_them(practice):
    house = desk.make_house()
    one = house.book(desk.at(10, days=2))
    client = desk.signed_in(factories.front_desk())
    assert desk.step(client, one, "cancel", reason="They\0 called\r\nand moved").status_code == 302
    assert Change.objects.filter(appointment=one).last().reason == "They called and moved"
