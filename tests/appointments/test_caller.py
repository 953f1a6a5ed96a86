"""The front desk books for somebody on the phone, and books what somebody asked for."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, Patient
from appointments.services import diary
from clinic.models import Letter, User
from tests import factories
from tests.appointments.desk import BOOK, LIST, at, make_house, page, provider_account, said, signed_in, today
from tests.appointments.steps import chosen, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(practice):
    return make_house()


@pytest.fixture
def desk(practice):
    return signed_in(factories.front_desk())


def slot(house, starts_at, provider=None):
    return f"{starts_at.isoformat()}~{house.location.pk}~{provider.pk if provider else ''}"


def grow(client, **fields):
    """A click on anything but “Book”."""
    return client.post(BOOK, fields)


def book(client, house, **fields):
    sent = {"book": "1", "opening": uuid4(), "visit_type": house.visit.pk, "slot": slot(house, at(9, days=1))}
    return client.post(BOOK, {**sent, **fields})


def new(**fields):
    return {"patient": "new", "name": "Nora New", "phone": "704 555 0142", **fields}


def offered(response):
    """The patients to choose from, and which is chosen."""
    found = re.findall(r'name="patient" value="(\w+)"( checked)?', response.content.decode())
    return [value for value, _checked in found], [value for value, checked in found if checked]


def codes(response):
    return re.findall(r'name="slot" value="([^"]+)"', response.content.decode())


def clocks(board):
    return [chip.clock for row in board.rows for chip in row.chips]


# Who


def test_it_belongs_to_those_who_book_and_see_everybody(practice, house):
    answers = {}
    for user in (factories.front_desk(), factories.manager(), factories.marketing(), provider_account(house.ash)):
        client = signed_in(user)
        answers[user.username] = [client.get(BOOK).status_code, book(client, house, **new()).status_code]
    mine = f"account-{house.ash.pk}"
    assert answers == {"fred": [200, 302], "max": [200, 422], "mary": [403, 403], mine: [403, 403]}
    assert Appointment.objects.count() == 1


def test_one_who_books_but_sees_only_their_own_cannot_look_through_patients(house):
    factories.make_patient(name="Ann Secret")
    user = provider_account(house.ash, may=["add_appointment", "change_appointment", "view_patient"])
    response = signed_in(user).post(BOOK, {"find": "Ann"})
    assert (response.status_code, b"Secret" in response.content) == (403, False)


def test_a_search_lists_who_it_may_be_with_what_tells_them_apart(desk, house):
    ann = factories.make_patient(name="Ann Patient", phone="(212) 555-0111", email="ann@one.example")
    twin = factories.make_patient(name="Ann Patient", phone="", phone_e164="", email="ann@two.example")
    factories.make_patient(name="Ben Other", phone="(212) 555-0122", phone_e164="+12125550122", email="")
    house.book(at(9, days=3), name=ann.name, email=ann.email, phone=ann.phone)
    ann = Appointment.objects.get().patient
    response = grow(desk, find="ann patient")
    text = words(response)
    assert "(212) 555-0111 · ann@one.example next visit" in text
    assert re.search(r"next visit \w+ \d+(, \d{4})?, 9 a\.m\.", text)
    assert "ann@two.example no visit yet" in text
    assert "Ben Other" not in text
    assert {str(ann.pk), str(twin.pk), "new"} <= set(offered(response)[0])
    assert offered(response)[1] == []


def test_the_only_one_found_is_chosen(desk, house):
    ann = factories.make_patient(phone_e164="+12125550111")
    factories.make_patient(name="Ben Other", phone_e164="+12125550122", email="")
    response = grow(desk, find="212 555 0111")
    assert offered(response) == ([str(ann.pk), "new"], [str(ann.pk)])
    assert response.context["next_step"] == "visit"


@pytest.mark.parametrize(
    ("typed", "field"), [("Nora New", "name"), ("704 555 0142", "phone"), ("nora@example.com", "email")]
)
def test_whom_nobody_finds_is_somebody_new_and_is_not_typed_twice(desk, house, typed, field):
    response = grow(desk, find=typed)
    assert offered(response) == (["new"], ["new"])
    assert response.context["form"][field].value() == typed


def test_another_search_chooses_anew_and_the_same_one_leaves_the_choice_alone(desk, house):
    ann = factories.make_patient(name="Ann Patient")
    ben = factories.make_patient(name="Ben Other", email="", phone="1", phone_e164="+12125550122")
    again = grow(desk, find="ann", searched="ann", patient="new", name="Ann Else")
    assert offered(again)[1] == ["new"]
    assert offered(grow(desk, find="ben", searched="ann", patient=ann.pk))[1] == [str(ben.pk)]


def test_a_long_list_is_cut_and_says_so(desk, house):
    for number in range(12):
        factories.make_patient(name=f"Ann {number}", email="", phone_e164=f"+1212555010{number:02}")
    response = grow(desk, find="ann")
    assert len(offered(response)[0]) == 9
    assert "There are more: type more of the name or the number." in words(response)


def test_a_search_asks_the_same_number_of_questions_however_many_it_finds(desk, house, django_assert_num_queries):
    for number in range(8):
        booked = house.book(at(number + 4, days=1), name=f"Ann {number}", phone=f"(212) 555-01{number:02}")
        if number == 1:
            grow(desk, find="ann")
            with django_assert_num_queries(13):
                grow(desk, find="ann")
    with django_assert_num_queries(13):
        assert booked.patient.name in words(grow(desk, find="ann"))


# What and when


def test_days_show_how_many_times_they_have_and_one_day_its_times(desk, house):
    house.location.hours.all().delete()
    day = today(3)
    house.location.hours.create(weekday=day.weekday(), opens="09:00", closes="10:00")
    response = grow(desk, visit_type=house.visit.pk)
    board = response.context["board"]
    assert {tab.day: tab.count for tab in board.tabs if tab.count} == {day: 3, day + timedelta(days=7): 3}
    assert (board.day, [chip.clock for row in board.rows for chip in row.chips]) == (
        day,
        ["9 a.m.", "9:15 a.m.", "9:30 a.m."],
    )
    assert f"{day.day} 3 times" in words(response)
    house.book(at(9, days=3), name="Ann", person=house.ash)
    taken = grow(desk, visit_type=house.visit.pk, provider=house.ash.pk).context["board"]
    assert clocks(taken) == ["9:30 a.m."]


def test_a_full_fortnight_says_when_the_next_time_is_free(desk, house):
    house.location.hours.all().delete()
    factories.ResourceHours.objects.create(
        resource=house.ash,
        location=house.location,
        weekday=today(30).weekday(),
        opens="09:00",
        closes="10:00",
        valid_from=today(30),
    )
    for room in (house.room, house.other_room):
        for weekday in range(7):
            factories.ResourceHours.objects.create(
                resource=room, location=house.location, weekday=weekday, opens="08:00", closes="18:00"
            )
    board = grow(desk, visit_type=house.visit.pk).context["board"]
    assert (board.next_free, board.rows) == (today(30), [])


def test_staff_are_offered_what_patients_are_not_yet_or_no_longer(desk, practice):
    house = make_house(notice_hours=48, horizon_days=2, is_published=False)
    response = grow(desk, visit_type=house.visit.pk, first=today(20))
    assert slot(house, at(9, days=20)) in codes(response)
    response = book(desk, house, **new(slot=slot(house, at(9, days=20))))
    assert response.status_code == 302


def test_who_does_not_do_this_visit_is_not_offered_for_it(desk, house):
    stranger = factories.make_person(location=house.location)
    response = grow(desk, visit_type=house.visit.pk, provider=stranger.pk)
    assert chosen(response, "provider") == ""
    assert f'<option value="{stranger.pk}"' not in response.content.decode()
    assert codes(response) != []


def test_a_visit_that_needs_nothing_has_no_times_and_says_so(desk, house):
    empty = factories.make_visit_type(locations=[house.location], phases=[])
    response = grow(desk, visit_type=empty.pk)
    assert response.status_code == 200
    assert codes(response) == []


# Booked


def test_a_known_patient_is_booked_and_nothing_of_theirs_is_changed(desk, house):
    ann = factories.make_patient(name="Ann Patient", note="Prefers mornings")
    before = Patient.objects.values().get()
    response = book(desk, house, patient=ann.pk, name="Eve", email="eve@example.com", note="Has a dog with her")
    booked = Appointment.objects.get()
    assert (response.status_code, response["Location"]) == (302, page("change", booked))
    assert (booked.patient, booked.status, booked.starts_at) == (ann, "confirmed", at(9, days=1))
    assert (booked.booked_by.username, booked.message) == ("fred", "Has a dog with her")
    assert Patient.objects.values().get() == before
    assert [letter.to for letter in Letter.objects.all()] == ["ann@patient.example"]
    assert "and the confirmation goes out by email." in said(desk)[0]


def test_a_new_patient_is_added_with_the_booking(desk, house):
    response = book(desk, house, **new())
    booked = Appointment.objects.get()
    assert (response.status_code, booked.patient.name, booked.patient.phone_e164) == (302, "Nora New", "+17045550142")
    assert Letter.objects.count() == 0
    assert "no email address, so tell them the reference." in said(desk)[0]


def test_somebody_new_who_may_be_known_is_asked_about_once(desk, house):
    ann = factories.make_patient(name="Ann Patient", phone_e164="+17045550142", email="")
    response = book(desk, house, **new())
    assert response.status_code == 422
    assert "Somebody with this phone number or email address is in the books." in words(response)
    assert offered(response) == ([str(ann.pk), "new"], ["new"])
    assert (Appointment.objects.count(), Patient.objects.count()) == (0, 1)
    assert book(desk, house, **new(is_somebody_else="on")).status_code == 302
    added = Appointment.objects.get().patient
    assert (added.name, added.looks_like_another) == ("Nora New", True)


def test_who_comes_at_that_time_already_is_asked_about_once(desk, house):
    there = house.book(at(9, days=1), name="Yara Specimen", email="yara@example.com", person=house.beech)
    taken = {"patient": there.patient.pk, "slot": slot(house, at(9, 15, days=1), house.ash)}
    taken |= {"provider": house.ash.pk, "day": today(1)}
    response = book(desk, house, **taken)
    assert response.status_code == 422
    assert "Yara Specimen already comes at 9 a.m. that day. Nothing was booked yet. Book anyway" in words(response)
    assert taken["slot"] in [code for code in codes(response) if f'value="{code}" checked' in response.content.decode()]
    assert Appointment.objects.count() == 1
    assert book(desk, house, **taken, book=f"anyway-{there.pk + 1}").status_code == 422
    assert book(desk, house, **taken, book=response.context["overlap"].answer).status_code == 302
    assert Appointment.objects.count() == 2


@pytest.mark.parametrize("hour", [8.5, 9.5])
def test_visits_that_only_touch_or_were_cancelled_are_not_asked_about(desk, house, hour):
    there = house.book(at(9, days=1), person=house.beech)
    beside = slot(house, at(int(hour), 30, days=1), house.ash)
    assert book(desk, house, patient=there.patient.pk, slot=beside).status_code == 302
    diary.cancel(appointment=there.pk, by=User.objects.get(username="fred"), now=timezone.now())
    again = slot(house, at(9, days=1), house.beech)
    assert book(desk, house, patient=there.patient.pk, slot=again).status_code == 302


def test_what_staff_book_waits_for_nobody(desk, practice):
    house = make_house(confirmation="by_staff")
    assert book(desk, house, **new()).status_code == 302
    assert Appointment.objects.get().status == "confirmed"


def test_a_double_click_books_once(desk, house):
    opening = uuid4()
    clicks = [book(desk, house, **new(opening=opening)) for _click in range(2)]
    booked = Appointment.objects.get()
    assert [(click.status_code, click["Location"]) for click in clicks] == [(302, page("change", booked))] * 2
    assert Patient.objects.count() == 1


def test_who_goes_back_and_chooses_another_time_books_that_one_too(desk, house):
    ann, opening = factories.make_patient(), uuid4()
    for hour in (9, 10):
        book(desk, house, patient=ann.pk, opening=opening, slot=slot(house, at(hour, days=1)))
    assert [one.starts_at for one in Appointment.objects.order_by("pk")] == [at(9, days=1), at(10, days=1)]


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({}, ["Find the patient, or add a new one."]),
        ({"patient": "77777"}, ["Choose a patient from the list."]),
        ({"patient": "9" * 40}, ["Choose a patient from the list."]),
        ({"patient": "new"}, ["Enter the name.", "Enter a phone number or an email address."]),
        (new(phone="555"), ["Enter a phone number, like 704-555-0142 or +44 20 7946 0018."]),
        (new(name="Eve\nAdams"), ["Write this on one line, without hidden characters."]),
        (new(visit_type=""), ["Choose a visit."]),
        (new(slot=""), ["Choose a time."]),
        (new(slot="soon"), ["Choose a time from the list."]),
        (new(slot="2026-01-01T10:00:00~1~"), ["Choose a time from the list."]),
        (new(slot="9999-12-31T23:59:00-12:00~1~"), ["Choose a time from the list."]),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_stored(desk, house, fields, messages):
    response = book(desk, house, **fields)
    assert (response.status_code, [message for message, _place in response.context["errors"]]) == (422, messages)
    assert (Appointment.objects.count(), Patient.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("days", "minute", "words_of_it"),
    [
        (-1, 0, "That time has passed. Choose a later one."),
        (1, 7, "That is not one of our times. Choose one from the list."),
        (3000, 0, "Choose a time from the list: this one is too far away."),
    ],
)
def test_a_time_that_nobody_could_have_is_refused_in_words(desk, house, days, minute, words_of_it):
    response = book(desk, house, **new(slot=slot(house, at(9, minute, days=days))))
    assert (response.status_code, response.context["refusal"]) == (422, words_of_it)
    assert (Appointment.objects.count(), Patient.objects.count()) == (0, 0)


def test_a_time_that_was_lost_gives_the_nearest_and_nothing_is_typed_again(desk, house):
    house.book(at(9, days=1), name="Ben Faster", person=house.ash)
    lost = slot(house, at(9, days=1), house.ash)
    response = book(desk, house, **new(slot=lost, note="Has a dog with her"))
    assert response.status_code == 409
    assert "Another appointment has just taken that time. Nothing was booked." in words(response)
    others = [chip.code for chip in response.context["others"]]
    assert slot(house, at(9, 30, days=1), house.ash) in others
    assert slot(house, at(9, days=1), house.beech) in others
    source = response.content.decode()
    kept = ['value="Nora New"', 'value="704 555 0142"', "Has a dog with her", f'value="{house.visit.pk}" selected']
    assert [word for word in kept if word not in source] == []
    assert offered(response)[1] == ["new"]
    assert (Appointment.objects.count(), Patient.objects.filter(name="Nora New").exists()) == (1, False)
    assert book(desk, house, **new(slot=others[0])).status_code == 302


def test_anybody_is_booked_with_whoever_is_free(desk, house):
    house.book(at(9, days=1), name="Ben Faster", person=house.ash)
    assert book(desk, house, **new()).status_code == 302
    assert Appointment.objects.get(patient__name="Nora New").provider == house.beech


# A request


def asked_for(house, **fields):
    treatment = factories.make_treatment()
    house.visit.treatment = treatment
    house.visit.save()
    return factories.make_request(
        name="Rita Asks",
        email="rita@example.com",
        phone="(212) 555-0188",
        phone_e164="+12125550188",
        treatment=treatment,
        location=house.location,
        provider=house.beech.provider,
        **fields,
    )


def test_a_request_opens_it_filled_in(desk, house):
    asked = asked_for(house)
    asked.preferred_times.create(day=today(-1), part="any")
    asked.preferred_times.create(day=today(5), part="morning")
    there = reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])
    assert f'href="{BOOK}?request={asked.pk}"' in desk.get(there).content.decode()
    response = desk.get(BOOK, {"request": asked.pk})
    form, board = response.context["form"], response.context["board"]
    assert [form[name].value() for name in ("name", "phone", "email")] == [
        "Rita Asks",
        "(212) 555-0188",
        "rita@example.com",
    ]
    assert (board.plan.visit_type_pk, board.day) == (house.visit.pk, today(5))
    assert [chosen(response, name) for name in ("location", "provider")] == [
        str(house.location.pk),
        str(house.beech.pk),
    ]
    assert offered(response) == (["new"], ["new"])
    assert str(asked.preferred_times.last()) in words(response)


def test_a_patient_of_the_books_is_recognised_in_a_request(desk, house):
    asked = asked_for(house)
    mother = factories.make_patient(name="Mona Asks", email="rita@example.com", phone_e164="+12125550188")
    assert offered(desk.get(BOOK, {"request": asked.pk})) == ([str(mother.pk), "new"], ["new"])
    rita = factories.make_patient(name="rita  ASKS", email="rita@example.com", phone_e164="+12125550188")
    assert offered(desk.get(BOOK, {"request": asked.pk}))[1] == [str(rita.pk)]


def test_booking_a_request_links_both_and_ends_its_waiting(desk, house):
    asked = asked_for(house)
    details = {"name": asked.name, "email": asked.email, "phone": asked.phone}
    assert book(desk, house, **new(**details, request=asked.pk)).status_code == 302
    booked = Appointment.objects.get()
    asked.refresh_from_db()
    assert (booked.request, asked.status) == (asked, "booked")
    assert [(c.was, c.became, c.by.username) for c in asked.status_changes.all()] == [("new", "booked", "fred")]
    there = reverse("admin:appointments_appointmentrequest_change", args=[asked.pk])
    response = desk.get(there)
    assert booked.reference in words(response)
    assert "Book this request" not in words(response)
    assert asked.reference in words(desk.get(page("change", booked)))


def test_a_request_that_a_colleague_has_ended_is_not_booked_again(desk, house):
    asked = asked_for(house)
    asked.close(by=User.objects.get(username="fred"), now=factories.NOON)
    response = book(desk, house, **new(request=asked.pk))
    assert response.status_code == 409
    told = f"Request {asked.reference} is closed already; it cannot become booked. Nothing was booked:"
    assert told in words(response)
    assert "A colleague has ended this request already." in words(response)
    assert (Appointment.objects.count(), Patient.objects.count(), Letter.objects.count()) == (0, 0, 0)


def test_a_lost_time_leaves_the_request_open(desk, house):
    asked = asked_for(house)
    house.book(at(9, days=1), name="Ben Faster", person=house.beech)
    lost = slot(house, at(9, days=1), house.beech)
    response = book(desk, house, **new(request=asked.pk, slot=lost))
    assert (response.status_code, f'name="request" value="{asked.pk}"' in response.content.decode()) == (409, True)
    asked.refresh_from_db()
    assert asked.status == "new"


def test_what_a_patient_asked_is_kept_from_those_who_may_not_read_requests(house):
    asked = asked_for(house, message="Something private")
    user = factories._staff("booker", "Provider")
    user.user_permissions.add(*Permission.objects.filter(codename__in=["add_appointment", "see_whole_diary"]))
    for response in (
        signed_in(user).get(BOOK, {"request": asked.pk}),
        signed_in(user).post(BOOK, {"request": asked.pk}),
    ):
        assert [secret for secret in ("Rita", "private", "555-0188") if secret in words(response)] == []


# Addresses and logs


def test_neither_addresses_nor_messages_nor_djangos_log_name_anybody(desk, house):
    response = book(desk, house, **new(name="Nora Secret", email="nora@secret.example"))
    told = "".join([*said(desk), response["Location"], str(desk.cookies)])
    told += "".join(entry.object_repr + entry.change_message for entry in LogEntry.objects.all())
    assert LogEntry.objects.count() == 1
    assert [secret for secret in ("Secret", "secret", "0142") if secret in told] == []
    source = desk.get(BOOK).content.decode()
    assert re.findall(r'<form[^>]+method="(\w+)"[^>]*novalidate', source) == ["post"]


def test_a_name_in_the_address_is_not_taken(desk, house):
    source = desk.get(BOOK, {"find": "Ann", "name": "Ann", "phone": "704 555 0142"}).content.decode()
    assert [typed for typed in ('value="Ann"', "704 555 0142") if typed in source] == []


@pytest.mark.parametrize("typed", ["x", "\x00", "9" * 40, "-1", date.max.isoformat(), date.min.isoformat()])
def test_an_address_that_makes_no_sense_opens_the_page_all_the_same(desk, house, typed):
    given = dict.fromkeys(("patient", "visit_type", "location", "provider", "day", "request", "first"), typed)
    assert desk.get(BOOK, given).status_code == 200
    assert grow(desk, **{**given, "visit_type": house.visit.pk, "find": typed}).status_code == 200


def test_it_is_found_from_the_list_the_day_and_the_dashboard(desk, house):
    for url in (LIST, page("day"), "/admin/"):
        assert f'href="{BOOK}' in desk.get(url).content.decode()
