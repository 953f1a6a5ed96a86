"""What the dashboard says of the diary: how full today is, and who may be in the books twice."""

import re

import pytest
from django.utils import timezone

from appointments.admin import panels
from appointments.models import Appointment, Status
from tests.appointments.visits import HOUR, at, book, cancel, make_house
from tests.factories import NOON, front_desk, make_patient, manager, stranger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def new_york(practice):
    with timezone.override(practice.zone):
        yield


def lines(panel):
    return [(row.text, row.remark, row.url) for row in panel.rows]


def test_the_visits_of_today_are_counted_by_location(django_assert_num_queries):
    oak, fir = make_house(name="Oak House"), make_house(name="Fir House")
    for house, hours in ((oak, ("08:00", "09:00", "10:00")), (fir, ("17:30",))):
        for clock in hours:
            book(house, at(2, clock), now=NOON - HOUR)
    book(oak, at(3, "08:00"))
    cancel(book(oak, at(2, "11:00")), now=NOON, by=front_desk())
    Appointment.objects.filter(starts_at=at(2, "08:00")).update(status=Status.ARRIVED)
    Appointment.objects.filter(starts_at=at(2, "09:00")).update(status=Status.NO_SHOW)

    with django_assert_num_queries(1):
        panel = panels.visits_today(at(2, "23:30"))

    day = "/admin/appointments/appointment/day/"
    assert (panel.total, panel.url) == (3, day)
    assert lines(panel) == [
        ("Fir House", "1 visit", f"{day}?location={fir.location.pk}"),
        ("Oak House", "2 visits", f"{day}?location={oak.location.pk}"),
    ]
    assert panels.visits_today(at(2, "00:30", month=4)).total == 0


def test_patients_who_may_be_in_the_books_twice_are_named_until_somebody_has_looked():
    make_patient(name="Bea Single")
    alike = make_patient(name="Ann Double", looks_like_another=True)

    panel = panels.patients_to_compare(NOON)
    assert (panel.total, panel.url) == (1, "/admin/appointments/patient/?looks_like_another__exact=1")
    assert lines(panel) == [("Ann Double", "", f"/admin/appointments/patient/{alike.pk}/change/")]

    alike.looks_like_another = False
    alike.save()
    assert panels.patients_to_compare(NOON) is None


@pytest.mark.parametrize("who", [front_desk, manager])
def test_the_dashboard_shows_both_and_its_links_work(client, who):
    book(make_house(), at(2, "10:00"), now=NOON)
    make_patient(name="Ann Double", looks_like_another=True)
    client.force_login(who())

    page = client.get("/admin/").content.decode()

    assert ("Visits today" in page, "Ann Double" in page) == (True, True)
    for address in re.findall(r'href="(/admin/appointments/(?:patient|appointment)/[^"]*)"', page):
        assert client.get(address.replace("&amp;", "&")).status_code == 200, address


def test_whoever_sees_only_their_own_appointments_sees_neither(client):
    make_patient(name="Ann Double", looks_like_another=True)
    user = stranger()
    user.is_staff = True
    user.save()
    client.force_login(user)

    page = client.get("/admin/").content.decode()
    assert ("Visits today" in page, "Ann Double" in page) == (False, False)
