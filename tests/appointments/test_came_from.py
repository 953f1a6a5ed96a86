"""Requests and bookings that a mailing led to: its code goes from the link to the row, and no cookie holds it."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.availability import Audience
from appointments.models import Appointment, AppointmentRequest, Status
from appointments.services import diary
from clinic import came_from
from clinic.came_from import Came
from tests import factories
from tests.appointments.by_link import TYPED, address, at, booked, hold, hold_token, let_it_run_out
from tests.appointments.steps import FORM, send
from tests.appointments.visits import book, fresh, make_house

pytestmark = pytest.mark.django_db

BOOK = "/appointments/book/"
CODE, OTHER = "spr2ng26", "autumn77"
# What no mailing has for a code. Nothing of it may reach a row or a page.
NO_CODES = ["", "spr2ng2", "spr2ng267", "SPR2NG26", "spr-ng26", "spr2ng2\0", "spr2ng2\n", "spr2ng2٣", "'><b>abc"]


@pytest.fixture
def house(practice):
    return make_house()


def visit(house):
    return f"{BOOK}{house.visit_type.slug}/"


def links(response, start):
    found = re.findall(r'href="([^"]*)"', response.content.decode())
    return {unescape(link) for link in found if link.startswith(start)}


def hidden(response):
    return set(re.findall(r'<input type="hidden" name="came_from" value="([^"]*)"', response.content.decode()))


def press(client, house, starts_at=None, **fields):
    sent = {"start": (starts_at or at()).isoformat(), "location": house.location.slug, "provider": "", **fields}
    return client.post(visit(house), sent)


# A request


def test_the_link_of_a_mailing_is_a_field_of_the_form_and_then_of_the_request(client, practice):
    page = client.get(f"{FORM}?from={CODE}")
    assert hidden(page) == {CODE}
    send(client, came_from=CODE)
    assert AppointmentRequest.objects.get().came_from == CODE


def test_it_stays_through_errors(client, practice):
    wrong = send(client, came_from=CODE, name="")
    assert (wrong.status_code, hidden(wrong)) == (422, {CODE})


def test_without_a_mailing_there_is_nothing(client, practice):
    assert hidden(client.get(FORM)) == set()
    send(client)
    assert AppointmentRequest.objects.get().came_from == ""


@pytest.mark.parametrize("typed", NO_CODES)
def test_what_looks_like_no_code_is_left_out(client, practice, typed):
    pages = [client.get(FORM, {"from": typed}), client.get(BOOK, {"from": typed})]
    assert [(page.status_code, hidden(page), b"from=" in page.content) for page in pages] == [(200, set(), False)] * 2
    assert send(client, came_from=typed).status_code == 303
    assert AppointmentRequest.objects.get().came_from == ""


def test_a_code_goes_along_with_the_offer_and_between_the_two_ways(client, house):
    factories.make_offer(slug="spring")
    page = client.get(f"{FORM}?offer=spring&from={CODE}")
    assert hidden(page) == {CODE}
    assert links(page, f"{BOOK}?") == {f"{BOOK}?from={CODE}"}
    assert links(client.get(f"{BOOK}?from={CODE}&treatment=x"), f"{FORM}?") == {f"{FORM}?treatment=x&from={CODE}"}


# A booking


def test_from_a_link_to_a_booked_appointment(client, house):
    first = client.get(f"{BOOK}?from={CODE}")
    assert links(first, visit(house)) == {f"{visit(house)}?from={CODE}"}
    second = client.get(f"{visit(house)}?from={CODE}")
    assert (second.status_code, hidden(second)) == (200, {CODE})
    days = links(second, f"{visit(house)}?")
    assert days
    assert [link for link in days if f"came_from={CODE}" not in link] == []
    day = client.get(max(link for link in days if "day=" in link))
    assert (day.status_code, hidden(day)) == (200, {CODE})
    details = press(client, house, came_from=CODE)["Location"]
    assert Appointment.objects.get().came_from == CODE
    client.post(details, TYPED)
    client.post(f"{details}check/")
    made = Appointment.objects.get()
    assert (made.status, made.came_from) == (Status.CONFIRMED, CODE)


def test_another_page_of_days_keeps_the_code_and_its_own_first_day(client, house):
    later = max(link for link in links(client.get(f"{visit(house)}?from={CODE}"), f"{visit(house)}?from=2"))
    page = client.get(later)
    assert (page.status_code, hidden(page), later.partition("#")[0].endswith(f"&came_from={CODE}")) == (
        200,
        {CODE},
        True,
    )


def test_a_first_day_that_is_none_is_still_told(client, house):
    """The code is let through by its shape; whatever else stands there is an error as before."""
    assert [client.get(f"{visit(house)}?from={typed}").status_code for typed in ("2026-13-01", "soon", CODE)] == [
        422,
        422,
        200,
    ]


def test_no_cookie_holds_it(client, house):
    client.get(f"/?from={CODE}")
    client.get(f"{visit(house)}?from={CODE}")
    press(client, house, came_from=CODE)
    assert set(client.cookies) == {"csrftoken", "holder"}
    assert [cookie for cookie in client.cookies.values() if CODE in cookie.value] == []
    assert press(Client(), house, at("11:00")).status_code == 303
    assert [one.came_from for one in Appointment.objects.order_by("pk")] == [CODE, ""]


@pytest.mark.parametrize("typed", NO_CODES)
def test_a_forged_code_is_not_stored_with_a_hold(client, house, typed):
    assert press(client, house, came_from=typed).status_code == 303
    assert Appointment.objects.get().came_from == ""


def test_it_goes_along_to_another_time(client, house):
    """By all three ways: a time that was taken meanwhile, one that is given back, another one instead."""
    for provider in (0, 1):
        hold(house, at("12:00"), provider=provider)
    taken = press(client, house, at("12:00"), came_from=CODE)
    assert (taken.status_code, hidden(taken)) == (409, {CODE})
    press(client, house, came_from=CODE)
    held = Appointment.objects.latest("pk")
    token = hold_token(held)
    client.post(address("held_another", token), {"start": at("14:00").isoformat(), "location": "", "provider": ""})
    other = Appointment.objects.latest("pk")
    assert (other.pk != held.pk, other.came_from) == (True, CODE)
    released = client.post(address("held_release", hold_token(other)))
    assert (
        released["Location"].partition("?")[2]
        == f"day={at().astimezone(house.location.zone):%Y-%m-%d}&came_from={CODE}"
    )
    press(client, house, at("15:00"), came_from=CODE)
    let_go = client.post(BOOK, {"release": Appointment.objects.latest("pk").pk})
    assert let_go["Location"] == f"{visit(house)}?came_from={CODE}"


def test_a_time_taken_up_again_keeps_it(client, house):
    press(client, house, came_from=CODE)
    held = Appointment.objects.get()
    let_it_run_out(held)
    client.post(address("held_again", hold_token(held)))
    assert (fresh(held).status, fresh(held).came_from) == (Status.HELD, CODE)


def test_no_address_with_a_token_carries_it(client, house):
    details = press(client, house, came_from=CODE)
    asked = send(client, came_from=CODE)
    assert [CODE in response["Location"] for response in (details, asked)] == [False, False]


def test_what_staff_book_for_a_request_came_from_its_mailing(house):
    by = factories.front_desk()
    for code in (CODE, ""):
        asked = factories.make_request(came_from=code)
        made = diary.book(
            visit_type=house.visit_type.pk,
            starts_at=at("09:00" if code else "10:00"),
            location=None,
            provider=None,
            details=None,
            patient=factories.make_patient(),
            by=by,
            submission=asked.submission,
            audience=Audience.STAFF,
            now=timezone.now(),
            request=asked,
        )
        assert fresh(made).came_from == code


# What a report says


def test_totals_are_exact_and_name_every_code_that_was_asked_for(house, django_assert_num_queries):
    for code in (CODE, CODE, OTHER, "", "unaskedx"):
        factories.make_request(came_from=code)
    made = [booked(house, at(f"{hour}:00")) for hour in range(10, 15)]
    for one, code in zip(made, (CODE, OTHER, OTHER, OTHER, ""), strict=True):
        Appointment.objects.filter(pk=one.pk).update(came_from=code)
    diary.cancel(appointment=made[0].pk, by=factories.front_desk(), now=timezone.now())
    only_held = hold(house, at("15:00"))
    Appointment.objects.filter(pk=only_held.pk).update(came_from=CODE)
    with django_assert_num_queries(2):
        counted = came_from.totals([CODE, OTHER, "nobody22", CODE])
    assert counted == {CODE: Came(2, 1), OTHER: Came(1, 3), "nobody22": Came(0, 0)}


def test_totals_of_nothing_ask_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert came_from.totals([]) == {}


def test_both_are_counted_in_every_process():
    """The panels of reports are made in web processes and in tests alike: the admin's set-up registers the counters."""
    assert set(came_from._counters) == {"requests", "bookings"}


def test_a_count_reads_the_few_rows_of_mailings_alone(house):
    """However many codes are asked for: of more than a hundred PostgreSQL proves nothing by itself."""
    with CaptureQueriesContext(connection) as asked:
        came_from.totals([f"{number:08}" for number in range(300)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plans = []
        for query in asked.captured_queries:
            cursor.execute("EXPLAIN " + query["sql"])
            plans.append(" ".join(line for (line,) in cursor.fetchall()))
    assert [("request_came_from" in plan, "appointment_came_from" in plan) for plan in plans] == [
        (True, False),
        (False, True),
    ]


def test_staff_read_which_mailing_led_to_a_request(practice):
    staff = Client()
    staff.force_login(factories.front_desk())
    for code, words in ((CODE, f"the website, through a link of the mailing {CODE}"), ("", "the website<")):
        asked = factories.make_request(came_from=code)
        assert words in staff.get(f"/admin/appointments/appointmentrequest/{asked.pk}/change/").content.decode()


def test_a_booking_of_before_has_no_code(house):
    assert book(house, at(), now=timezone.now()).came_from == ""
