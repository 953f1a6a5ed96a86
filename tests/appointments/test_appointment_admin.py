"""Staff find an appointment, read it, and move it to another time."""

import re
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from appointments.models import Allocation, Appointment, Patient
from appointments.services import diary
from tests import factories
from tests.appointments.desk import (
    ALL_DAY,
    DAY,
    LIST,
    at,
    make_house,
    page,
    provider_account,
    said,
    signed_in,
    step,
    today,
)
from tests.appointments.steps import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def desk(practice):
    return signed_in(factories.front_desk())


def found(response):
    return [appointment.reference for appointment in response.context["cl"].result_list]


def references(*appointments):
    return [appointment.reference for appointment in appointments]


def slot(starts_at, location, provider=None):
    return f"{starts_at.isoformat()}~{location.pk}~{provider.pk if provider else ''}"


def move(client, appointment, code, **fields):
    return client.post(page("move", appointment), {"move": "1", "slot": code, **fields})


# The list


def test_it_opens_with_what_is_to_come_the_nearest_first(desk, house):
    past, later, sooner = house.book(at(9, days=-2)), house.book(at(9, days=2)), house.book(at(9, days=1))
    assert found(desk.get(LIST)) == references(sooner, later)
    assert found(desk.get(LIST, {"when": "past"})) == references(past)
    assert found(desk.get(LIST, {"when": "all"})) == references(later, sooner, past)
    assert found(desk.get(LIST, {"when": "nonsense"})) == references(sooner, later)


def test_a_hold_without_a_patient_is_none(desk, house):
    held = diary.hold(
        visit_type=house.visit.pk,
        starts_at=at(9, days=1),
        location=None,
        provider=None,
        submission=uuid4(),
        holder=uuid4(),
        now=timezone.now(),
    )
    assert found(desk.get(LIST, {"when": "all"})) == []
    assert desk.get(page("change", held)).status_code == 404
    assert step(desk, held, "confirmed").status_code == 404


@pytest.mark.parametrize(
    "typed", ["ozturk", "Öztürk", "ay@patient", "(704) 555-0142", "7045550142", "+1 704.555.0142", "555 0142"]
)
def test_a_search_finds_by_name_mail_and_phone_in_any_format_also_what_is_past(desk, house, typed):
    past = house.book(at(9, days=-9), name="Ayşe Öztürk", phone="704 555 0142", email="ay@patient.example")
    house.book(at(9, days=1), name="Ben Other", phone="(212) 555-0100", email="ben@patient.example")
    assert found(desk.get(LIST, {"q": typed})) == references(past)


def test_a_search_finds_by_reference_however_it_is_typed(desk, house):
    booked = house.book(at(9, days=-9))
    house.book(at(9, days=1), name="Ben Other")
    typed = booked.reference.removeprefix("R-").replace("-", "").lower()
    assert found(desk.get(LIST, {"q": typed})) == references(booked)


def test_it_is_narrowed_by_status_location_and_person(desk, house):
    first = house.book(at(9, days=1))
    second = house.book(at(9, days=1), name="Ben Other", person=house.beech)
    step(desk, second, "cancel")
    assert found(desk.get(LIST, {"status": "cancelled"})) == references(second)
    assert found(desk.get(LIST, {"provider": house.ash.pk})) == references(first)
    assert found(desk.get(LIST, {"location__id__exact": house.location.pk})) == references(first, second)
    assert found(desk.get(LIST, {"status": "held", "provider": "x"})) == references(first, second)


def test_it_asks_the_same_number_of_questions_however_long_it_is(desk, house, django_assert_num_queries):
    house.book(at(3, 30, days=1))
    desk.get(LIST)
    with django_assert_num_queries(9):
        desk.get(LIST)
    for hour in range(4, 14):
        house.book(at(hour, days=1), name=f"Ann {hour}", person=house.beech)
    with django_assert_num_queries(9):
        desk.get(LIST)


def test_a_search_with_a_zero_byte_is_none(desk, house):
    booked = house.book(at(9, days=1))
    assert found(desk.get(LIST, {"q": "\x00", "when": "all"})) == references(booked)


@pytest.mark.parametrize("typed", ["%", "'", "9" * 400, "R-", "@", "\u202e"])
def test_an_odd_search_finds_nothing_and_breaks_nothing(desk, house, typed):
    house.book(at(9, days=1))
    response = desk.get(LIST, {"q": typed}, follow=True)
    assert (response.status_code, "Ann Patient" in words(response)) == (200, False)


# Its page


def test_its_page_tells_everything_and_calls_and_writes_with_one_click(desk, house):
    booked = house.book(
        at(9, 30, days=1),
        name="Ann <Patient>",
        email="o'ann+x@example.com",
        phone="(704) 555-0142",
        message="Left knee",
    )
    response = desk.get(page("change", booked))
    text, source = words(response), response.content.decode()
    assert "<h1><bdi>Ann &lt;Patient&gt;</bdi></h1>" in source
    assert "9:30 a.m. until 10 a.m., 30 minutes" in text
    assert f"{house.ash.name}, 9:30 a.m.–10 a.m. {house.room.name}, 9:30 a.m.–10 a.m." in text
    assert "Left knee" in text
    assert '<a href="tel:+17045550142"><bdi>(704) 555-0142</bdi></a>' in source
    subject = f"Your%20appointment%20{booked.reference}"
    assert f'href="mailto:o%27ann%2Bx@example.com?subject={subject}"' in source
    title = re.search("<title>(.*?)</title>", source, re.DOTALL)[1]
    assert (booked.reference in title, "Ann" in title) == (True, False)


def test_its_history_says_who_did_what_and_why(desk, house):
    booked = house.book(at(9, days=1), by=factories.manager())
    step(desk, booked, "cancel", reason="Has a cold")
    step(desk, booked, "reinstate")
    text = words(desk.get(page("change", booked)))
    assert "booked, confirmed max," in text
    assert "confirmed → cancelled (Has a cold) fred," in text
    assert "cancelled → confirmed fred," in text


@pytest.mark.parametrize(("became", "who"), [("cancelled", "the patient,"), ("expired", "automatic,")])
def test_its_history_tells_the_patient_from_what_happens_by_itself(desk, house, became, who):
    booked = house.book(at(9, days=1))
    booked.changes.create(at=timezone.now(), was="requested", became=became)
    assert f"→ {became} {who}" in words(desk.get(page("change", booked)))


def test_a_time_elsewhere_is_told_on_that_clock(desk, house):
    zone = "Pacific/Auckland"
    far = factories.make_location(hours=ALL_DAY, time_zone=zone)
    person = factories.make_person(location=far)
    visit = factories.make_visit_type(people=[person], locations=[far])
    there = house.book(at(8, days=2, zone=ZoneInfo(zone)), visit=visit, person=person, location=far)
    text = words(desk.get(page("change", there)))
    assert "8 a.m. Auckland time until 8:30 a.m., 30 minutes" in text
    assert f"{person.name}, 8 a.m.–8:30 a.m." in text
    assert "8 a.m. Auckland time" in words(desk.get(LIST))


def test_nothing_can_be_typed_into_it_added_or_deleted(desk, house):
    booked = house.book(at(9, days=1))
    before = Appointment.objects.values().get()
    forged = {"starts_at_0": "2030-01-01", "starts_at_1": "03:00", "status": "completed", "provider": house.beech.pk}
    assert desk.post(page("change", booked), forged).status_code == 403
    assert desk.post(page("delete", booked), {"post": "yes"}).status_code == 403
    assert desk.post(page("add"), forged).status_code == 403
    assert Appointment.objects.values().get() == before
    superuser = signed_in(factories.manager())
    assert superuser.post(page("change", booked), forged).status_code == 403
    assert superuser.post(page("delete", booked), {"post": "yes"}).status_code == 403


def test_the_request_and_its_appointment_lead_to_each_other(desk, house):
    asked = factories.make_request(reference="R-2222-22")
    booked = house.book(at(9, days=1))
    Appointment.objects.filter(pk=booked.pk).update(request=asked)
    there = reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])
    assert f'href="{there}"' in desk.get(page("change", booked)).content.decode()
    assert f'href="{page("change", booked)}"' in desk.get(there).content.decode()


# Whose it is


def test_a_provider_finds_and_reads_their_own_alone(house):
    mine = house.book(at(9, days=1), name="Ann Mine", phone="(212) 555-0111")
    theirs = house.book(at(10, days=1), name="Ben Theirs", phone="(212) 555-0177", person=house.beech)
    client = signed_in(provider_account(house.ash))
    assert found(client.get(LIST, {"when": "all"})) == references(mine)
    searches = ["Theirs", "555-0177", theirs.reference, "a"]
    assert [found(client.get(LIST, {"q": typed})) for typed in searches] == [[], [], [], references(mine)]
    assert found(client.get(LIST, {"provider": house.beech.pk})) == []
    sly = client.get(LIST, {"patient__name__startswith": "B", "when": "all"}, follow=True)
    assert "Ben Theirs" not in words(sly)
    assert client.get(page("change", mine)).status_code == 200
    history = reverse("admin:appointments_appointment_history", args=[theirs.pk])
    for url in (page("change", theirs), history):
        response = client.get(url, follow=True)
        assert [secret for secret in ("Ben Theirs", "555-0177", theirs.reference) if secret in words(response)] == []
    assert client.get(page("change", theirs)).status_code == 404


def test_a_provider_books_nothing_and_sees_no_other_page_of_patients(house):
    mine = house.book(at(9, days=1), name="Ann Mine")
    client = signed_in(provider_account(house.ash, may=["add_appointment", "change_appointment"]))
    text = words(client.get(page("change", mine)))
    assert ("Book another visit" in text, "The patient" in text) == (False, False)
    assert client.get(page("book")).status_code == 403
    assert client.get(page("book"), {"patient": mine.patient_id}).status_code == 403
    assert "Ben Theirs" not in words(client.get("/admin/"))


def test_a_provider_of_a_dashboard_sees_no_names(practice):
    house = make_house(confirmation="by_staff")
    house.book(at(9, days=1), name="Ben Theirs", person=house.beech)
    text = words(signed_in(provider_account(house.ash)).get("/admin/"))
    assert ("Ben Theirs" in text, "Day list" in text) == (False, True)


# Another time


def test_the_desk_moves_it_and_the_old_time_is_free_again(desk, house):
    booked = house.book(at(9, days=1), name="Ann Moved")
    back = f"{DAY}?date={today(1)}"
    opened = desk.get(page("move", booked), {"back": back})
    assert "Ann Moved" in words(opened)
    code = slot(at(10, days=2), house.location, house.beech)
    response = move(desk, booked, code, back=opened.context["back"], reason="Doctor is ill")
    assert response["Location"] == f"{back}#a-{booked.pk}"
    booked.refresh_from_db()
    assert (booked.starts_at, booked.provider) == (at(10, days=2), house.beech)
    assert booked.changes.last().reason == "Doctor is ill"
    assert "(Doctor is ill) fred" in words(desk.get(page("change", booked)))
    assert house.book(at(9, days=1), name="Ben Next").status == "confirmed"
    assert LogEntry.objects.get().change_message == "Moved."


def test_its_own_time_does_not_stand_in_its_way(desk, house):
    booked = house.book(at(9, days=1))
    code = slot(at(9, 15, days=1), house.location, house.ash)
    assert (
        f'value="{code}"'
        in desk.post(page("move", booked), {"provider": house.ash.pk, "day": today(1)}).content.decode()
    )
    assert move(desk, booked, code).status_code == 302
    booked.refresh_from_db()
    assert booked.starts_at == at(9, 15, days=1)


def test_moved_beside_another_visit_of_the_patient_it_is_asked_about_once(desk, house):
    booked = house.book(at(9, days=1), name="Ann Moved", email="ann@example.com")
    house.book(at(11, days=1), name="Ann Moved", email="ann@example.com", person=house.beech)
    assert Patient.objects.count() == 1
    code = slot(at(11, 15, days=1), house.location, house.ash)
    response = move(desk, booked, code)
    assert response.status_code == 422
    assert "Ann Moved already comes at 11 a.m. that day. Nothing was moved yet. Move anyway" in words(response)
    assert move(desk, booked, code, move=response.context["overlap"].answer).status_code == 302
    # Its own old time is none of the others.
    assert move(desk, booked, slot(at(12, days=1), house.location, house.ash)).status_code == 302
    assert move(desk, booked, slot(at(12, 15, days=1), house.location, house.ash)).status_code == 302


def test_another_provider_is_not_told_of_the_patients_other_visits(house):
    booked = house.book(at(9, days=1), name="Ann Moved", email="ann@example.com")
    house.book(at(11, days=1), name="Ann Moved", email="ann@example.com", person=house.beech)
    mine = signed_in(provider_account(house.ash, may=["change_appointment"]))
    assert move(mine, booked, slot(at(11, 15, days=1), house.location, house.ash)).status_code == 302


def test_it_cannot_be_moved_over_another_and_the_nearest_times_are_offered(desk, house):
    booked, other = house.book(at(9, days=1), name="Ann Moved"), house.book(at(11, days=1), name="Ben Stays")
    code = slot(other.starts_at, house.location, house.ash)
    response = move(desk, booked, code, reason="Doctor is ill")
    assert response.status_code == 409
    assert "Another appointment has just taken that time. Nothing was moved." in words(response)
    offered = [chip.code for chip in response.context["others"]]
    assert slot(at(10, 30, days=1), house.location, house.ash) in offered
    assert slot(at(11, days=1), house.location, house.beech) in offered
    assert 'value="Doctor is ill"' in response.content.decode()
    booked.refresh_from_db()
    assert booked.starts_at == at(9, days=1)
    assert Allocation.objects.filter(blocking=True).count() == 4
    assert move(desk, booked, offered[0]).status_code == 302


@pytest.mark.parametrize(
    "code",
    [
        "",
        "nonsense",
        "2026-01-01T10:00:00~1~1",
        "9999-12-31T23:59:00-12:00~1~1",
        "0001-01-01T00:00:00+14:00~1~1",
        "2030-01-01T10:00:00+00:00~x~1",
        "2030-01-01T10:00:00+00:00~1~1~1",
        "2030-01-01T10:00:00+00:00~99999999999999999999999~1",
        "2030-01-01T10:00:00+00:00~1~99999999999999999999999",
    ],
)
def test_what_is_no_time_of_the_diary_is_refused_in_words(desk, house, code):
    booked = house.book(at(9, days=1))
    response = move(desk, booked, code)
    assert (response.status_code, response.context["next_step"]) == (422, "error")
    booked.refresh_from_db()
    assert booked.starts_at == at(9, days=1)


def test_a_time_in_the_past_or_off_the_grid_is_refused_in_words(desk, house):
    booked = house.book(at(9, days=1))
    past = move(desk, booked, slot(at(9, days=-1), house.location))
    off = move(desk, booked, slot(at(9, 7, days=1), house.location))
    assert [(past.status_code, past.context["refusal"]), (off.status_code, off.context["refusal"])] == [
        (422, "That time has passed. Choose a later one."),
        (422, "That is not one of our times. Choose one from the list."),
    ]


def test_what_is_over_cannot_be_moved(desk, house):
    booked = house.book(at(9, days=1))
    step(desk, booked, "cancel")
    for answer in (desk.get(page("move", booked)), move(desk, booked, slot(at(10, days=1), house.location))):
        assert (answer.status_code, answer["Location"]) == (302, page("change", booked))
    assert f"Appointment {booked.reference} is cancelled; it cannot be moved." in said(desk)
