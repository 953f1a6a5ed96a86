"""The front desk runs a day from one list."""

from datetime import time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment, Resource
from appointments.services import diary
from clinic.models import User
from tests import factories
from tests.appointments.desk import (
    ALL_DAY,
    DAY,
    HERE,
    at,
    lines,
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


def status(appointment):
    appointment.refresh_from_db()
    return appointment.status


def buttons(response, appointment):
    line = next(line for line in response.context["lines"] if line.appointment == appointment)
    return [str(button.label) for button in line.buttons]


def history(appointment):
    return [(c.was, c.became, c.by and c.by.username, c.reason) for c in appointment.changes.all()]


# What it shows


def test_it_lists_a_day_in_order_with_what_the_desk_needs(desk, house):
    late = house.book(at(15, 30, days=1), name="Ben Late", phone="(212) 555-0100", person=house.beech)
    early = house.book(at(9, 40, days=1).replace(minute=45), name="Ann Early", phone="(212) 555-0111")
    house.book(at(9, days=2), name="Cat Elsewhen")
    Appointment.objects.filter(pk=early.pk).update(is_coming_at=timezone.now())
    response = desk.get(DAY, {"date": today(1)})
    assert lines(response) == [early.reference, late.reference]
    text = words(response)
    told = f"9:45 a.m. until 10:15 a.m. Ann Early (212) 555-0111 {house.visit.name} {house.ash.name} {house.room.name}"
    assert told in text
    assert f"Elm House confirmed confirmed they are coming Cancel {early.reference}" in text
    assert "Cat Elsewhen" not in text
    assert "2 appointments 2 confirmed" in text


def test_a_time_that_is_only_held_is_nobodys_line(desk, house):
    diary.hold(
        visit_type=house.visit.pk,
        starts_at=at(9, days=1),
        location=None,
        provider=None,
        submission=uuid4(),
        holder=uuid4(),
        now=timezone.now(),
    )
    assert lines(desk.get(DAY, {"date": today(1)})) == []


def test_it_is_narrowed_to_a_location_and_to_a_person_also_one_who_only_helps(desk, house):
    elsewhere = factories.make_location(hours=ALL_DAY)
    for person in (house.ash, house.beech):
        person.provider.locations.add(elsewhere)
    house.visit.locations.add(elsewhere)
    house.visit.needs.last().resources.add(factories.make_room(elsewhere))
    helped = factories.make_visit_type(people=[house.ash], rooms=[house.room], locations=[house.location])
    helped.needs.last().resources.set([house.beech])
    first = house.book(at(9, days=1))
    second = house.book(at(10, days=1), person=house.beech, location=elsewhere)
    third = house.book(at(11, days=1), visit=helped)

    def shown(**chosen):
        return lines(desk.get(DAY, {"date": today(1), **chosen}))

    assert shown() == [first.reference, second.reference, third.reference]
    assert shown(location=elsewhere.pk) == [second.reference]
    assert shown(provider=house.beech.pk) == [second.reference, third.reference]
    assert shown(location=house.location.pk, provider=house.ash.pk) == [first.reference, third.reference]


def test_a_location_with_a_clock_of_its_own_has_its_own_days(desk, house):
    zone = "Pacific/Auckland"
    far = factories.make_location(hours=ALL_DAY, time_zone=zone)
    person = factories.make_person(location=far)
    visit = factories.make_visit_type(people=[person], locations=[far])
    there = house.book(at(8, days=2, zone=ZoneInfo(zone)), visit=visit, person=person, location=far)
    assert there.starts_at.astimezone(HERE).date() == today(1)
    assert lines(desk.get(DAY, {"date": today(1)})) == []
    response = desk.get(DAY, {"date": today(2)})
    assert lines(response) == [there.reference]
    assert "8 a.m. until 8:30 a.m. Auckland time" in words(response)


def test_it_opens_today_and_turns_to_the_days_beside_it(desk, house):
    response = desk.get(DAY, {"location": house.location.pk})
    chosen = f"&location={house.location.pk}"
    assert [response.context[name] for name in ("previous", "here", "next")] == [
        f"{DAY}?date={day}{chosen}" for day in (today(-1), today(), today(1))
    ]


@pytest.mark.parametrize("typed", ["9999-12-31", "0001-01-01", "2026-02-30", "yesterday", "\x00", "2026-1-1" * 99])
def test_a_day_that_there_is_not_is_today(desk, house, typed):
    response = desk.get(DAY, {"date": typed, "location": typed, "provider": "9" * 40})
    assert (response.status_code, response.context["wanted"].day) == (200, today())


def test_an_empty_day_says_so_and_where_to_look(desk, house):
    text = words(desk.get(DAY, {"date": today(9), "location": house.location.pk}))
    assert "0 appointments Nobody is booked for this day. Look at all locations and everybody" in text


def test_it_asks_the_same_number_of_questions_however_long_the_day_is(desk, house, django_assert_num_queries):
    house.book(at(3, 30, days=1))
    desk.get(DAY)
    with django_assert_num_queries(9):
        desk.get(DAY, {"date": today(1)})
    for hour in range(4, 14):
        house.book(at(hour, days=1), name=f"Ann {hour}", person=house.beech)
    with django_assert_num_queries(9):
        desk.get(DAY, {"date": today(1)})


# One click


def test_one_click_marks_who_has_arrived_and_comes_back_to_the_line(desk, house):
    booked = house.book(at(12))
    here = desk.get(DAY, {"provider": house.ash.pk}).context["here"]
    response = step(desk, booked, "arrived", back=here)
    assert (response.status_code, response["Location"]) == (302, f"{here}#a-{booked.pk}")
    assert status(booked) == "arrived"
    assert history(booked)[1:] == [("confirmed", "arrived", "fred", "")]


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        (["arrived"], "confirmed"),
        (["arrived", "completed"], "arrived"),
        (["no_show"], "confirmed"),
        (["cancel"], "reinstate"),
    ],
)
def test_a_click_can_be_undone_in_the_message_and_on_the_line(desk, house, steps, last):
    booked = house.book(at(12, days=1 if steps == ["cancel"] else 0))
    before = []
    for name in steps:
        before.append(status(booked))
        step(desk, booked, name)
    button = f'form="steps-{booked.pk}" name="step" value="{last}">Undo</button>'
    response = desk.get(DAY, {"date": today(1 if steps == ["cancel"] else 0)})
    assert button in str(list(response.context["messages"])[-1])
    assert "Undo" in buttons(response, booked)
    assert f'id="steps-{booked.pk}"' in response.content.decode()
    step(desk, booked, last)
    assert status(booked) == before[-1]


def test_who_came_late_after_all_has_arrived(desk, house):
    booked = house.book(at(0, days=-1))
    step(desk, booked, "no_show")
    step(desk, booked, "arrived")
    assert status(booked) == "arrived"


def test_only_buttons_that_make_sense_are_there(desk, house):
    over = house.book(at(9, days=-1))
    assert buttons(desk.get(DAY, {"date": today(-1)}), over) == ["Arrived", "No-show", "Cancel"]
    to_come = house.book(at(9, days=1))
    assert buttons(desk.get(DAY, {"date": today(1)}), to_come) == ["Cancel"]


def test_a_cancellation_is_asked_about_first_in_words(desk, house):
    booked = house.book(at(9, days=1), name="Ann Asked", email="ann@patient.example")
    here = f"{DAY}?date={today(1)}"
    response = desk.get(page("sure", booked, "cancel"), {"back": here})
    text = words(response)
    assert "Cancel this appointment?" in text
    assert "Ann Asked" in text
    assert "They are told by email after 5 minutes; undone before that, nothing is sent." in text
    assert status(booked) == "confirmed"
    step(desk, booked, "cancel", back=response.context["back"], reason="Called: has a cold")
    assert status(booked) == "cancelled"
    assert history(booked)[-1] == ("confirmed", "cancelled", "fred", "Called: has a cold")


def test_who_has_no_mail_address_is_told_by_nobody_else(desk, house):
    booked = house.book(at(9, days=1))
    assert "nobody tells them but you" in words(desk.get(page("sure", booked, "cancel")))


def test_what_was_cancelled_does_not_come_back_over_another(desk, house):
    booked = house.book(at(9, days=1), name="Ann First")
    step(desk, booked, "cancel")
    house.book(at(9, days=1), name="Ben Second")
    step(desk, booked, "reinstate")
    told = f"Appointment {booked.reference}: another appointment has this time by now, so it cannot come back to it."
    assert told in said(desk)
    assert status(booked) == "cancelled"


def test_a_colleague_who_was_faster_is_told_in_words(desk, house):
    booked = house.book(at(12))
    step(desk, booked, "arrived")
    step(desk, booked, "no_show")
    told = f"Appointment {booked.reference}: This appointment is arrived; it cannot become did not come."
    assert told in said(desk)
    assert desk.get(page("sure", booked, "cancel")).status_code == 302
    assert status(booked) == "arrived"


@pytest.mark.parametrize("name", ["", "held", "expired", "requested", "fly", "cancelled"])
def test_a_step_that_there_is_not_changes_nothing(desk, house, name):
    booked = house.book(at(12))
    assert step(desk, booked, name).status_code == 302
    assert status(booked) == "confirmed"


def test_what_waits_for_the_practice_is_marked_and_answered(desk, practice):
    house = make_house(confirmation="by_staff")
    first = house.book(at(9, days=3), name="Ann Waiting", phone="(212) 555-0101")
    second = house.book(at(10, days=3), name="Ben Waiting", phone="(212) 555-0102")
    response = desk.get(DAY, {"date": today(3)})
    assert "2 appointments 2 waiting for us" in words(response)
    assert buttons(response, first) == ["Accept", "Decline", "Cancel"]
    assert "Ann Waiting" in words(desk.get("/admin/"))
    step(desk, first, "accept")
    assert desk.get(page("sure", second, "decline")).status_code == 200
    step(desk, second, "decline", reason="Needs a consultation first")
    assert (status(first), status(second)) == ("confirmed", "declined")
    assert "1 appointment 1 confirmed 1 declined" in words(desk.get(DAY, {"date": today(3)}))


# Who


def test_it_belongs_to_those_who_may_see_appointments(practice, house):
    booked = house.book(at(9, days=1))
    addresses = [DAY, page("sure", booked, "cancel"), page("move", booked)]
    for user, expected in [(factories.marketing(), 403), (factories.manager(), 200), (factories.front_desk(), 200)]:
        assert [signed_in(user).get(url).status_code for url in addresses] == [expected] * 3
    outside = signed_in(factories.stranger())
    assert [outside.get(url).status_code for url in addresses] == [302] * 3


def test_who_may_only_look_gets_no_buttons_and_cannot_click(practice, house):
    booked = house.book(at(12))
    looker = provider_account(house.beech, may=["see_whole_diary"])
    client = signed_in(looker)
    response = client.get(DAY)
    assert (lines(response), buttons(response, booked)) == ([booked.reference], [])
    assert "What now" not in words(response)
    assert step(client, booked, "arrived").status_code == 403
    assert status(booked) == "confirmed"


def test_a_provider_sees_their_own_day_and_nobody_elses(practice, house):
    mine = house.book(at(9, days=1), name="Ann Mine")
    theirs = house.book(at(10, days=1), name="Ben Theirs", phone="(212) 555-0177", person=house.beech)
    client = signed_in(provider_account(house.ash))
    for chosen in ({}, {"provider": house.beech.pk}, {"location": house.location.pk}):
        response = client.get(DAY, {"date": today(1), **chosen})
        assert lines(response) == ([] if "provider" in chosen else [mine.reference])
        secrets = ["Ben Theirs", "555-0177", theirs.reference]
        assert [secret for secret in secrets if secret in response.content.decode()] == []


def test_a_provider_who_may_take_steps_takes_those_of_their_own(practice, house):
    mine, theirs = house.book(at(9)), house.book(at(10), person=house.beech)
    client = signed_in(provider_account(house.ash, may=["change_appointment"]))
    assert step(client, mine, "arrived").status_code == 302
    answers = [step(client, theirs, "arrived")]
    answers += [client.get(page("sure", theirs, "cancel")), client.get(page("move", theirs))]
    answers += [client.post(page("move", theirs), {"move": "1"})]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert (status(mine), status(theirs)) == ("arrived", "confirmed")


def test_an_account_that_is_no_providers_sees_nothing_by_that_permission_alone(practice, house):
    house.book(at(9, days=1))
    nobody = provider_account(house.ash)
    Resource.objects.get(pk=house.ash.pk).provider.__class__.objects.update(user=None)
    assert lines(signed_in(User.objects.get(pk=nobody.pk)).get(DAY, {"date": today(1)})) == []


# Safety


def test_a_step_is_only_ever_posted_with_a_token(house):
    booked = house.book(at(12))
    factories.front_desk()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(User.objects.get(username="fred"))
    assert careful.get(page("steps", booked)).status_code == 405
    assert step(careful, booked, "arrived").status_code == 403
    assert status(booked) == "confirmed"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/admin/", "javascript:alert(1)", ""])
def test_it_leads_back_to_the_diary_alone(desk, house, back):
    booked = house.book(at(12))
    assert step(desk, booked, "arrived", back=back)["Location"] == page("change", booked)


def test_neither_messages_nor_addresses_nor_djangos_log_name_anybody(desk, house):
    booked = house.book(at(12), name="Ann Secret", email="ann@secret.example")
    response = step(desk, booked, "arrived")
    step(desk, booked, "confirmed")
    told = "".join([*said(desk), response["Location"], str(desk.cookies)])
    told += "".join(entry.object_repr + entry.change_message for entry in LogEntry.objects.all())
    assert LogEntry.objects.count() == 2
    assert [secret for secret in ("Secret", "secret", "555") if secret in told] == []


def test_markup_of_a_visitor_is_shown_as_text(desk, house):
    evil = "<script>alert(1)</script>"
    booked = house.book(at(9, days=1), name=evil, message=evil)
    for url in (f"{DAY}?date={today(1)}", page("change", booked), page("sure", booked, "cancel"), page("move", booked)):
        assert evil not in desk.get(url).content.decode()


def test_a_visit_over_midnight_stands_on_the_day_on_which_it_begins(desk, practice):
    house = make_house(minutes=60)
    house.location.hours.all().delete()
    for weekday in range(7):
        house.location.hours.create(weekday=weekday, opens=time(0), closes=time(23, 59))
    last = house.book(at(22, 45, days=1))
    assert lines(desk.get(DAY, {"date": today(1)})) == [last.reference]
    assert lines(desk.get(DAY, {"date": today(2)})) == []
    assert last.ends_at - last.starts_at == timedelta(hours=1)
