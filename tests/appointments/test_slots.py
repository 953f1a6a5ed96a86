"""Free times for other people's tools."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from appointments.models import VisitType
from clinic.models import RateLimit
from tests import factories
from tests.appointments.test_choose import EVERY_DAY, at, day, make_visit, take

SLOTS = "/appointments/slots.json"


@pytest.fixture
def visit(practice):
    house = factories.make_location(name="Oak House", slug="oak", hours=EVERY_DAY)
    elm = factories.make_location(
        name="Elm House",
        slug="elm",
        position=1,
        time_zone="America/Chicago",
        hours=[(n, time(11), time(12)) for n in range(7)],
    )
    helen = factories.make_person(provider=factories.make_provider(name="Helen Ash", slug="helen"), location=house)
    ida = factories.make_person(provider=factories.make_provider(name="Ida Birch", slug="ida"), location=elm)
    return make_visit([helen, ida], [house, elm], minutes=60, step_minutes=60)


def ask(client, *, network="192.0.2.1", **asked):
    return client.get(SLOTS, {"visit_type": "consultation", **asked}, REMOTE_ADDR=network)


def errors(response):
    assert response.status_code == 400
    return response.json()["errors"]


def slot(starts_at, provider, location):
    ends_at = starts_at + timedelta(hours=1)
    return {
        "start": starts_at.isoformat(),
        "end": ends_at.isoformat(),
        "provider": provider,
        "location": location,
    }


def test_free_times_as_the_contract_has_them(client, visit):
    take(visit, at(3, "10:00"))
    response = ask(client, start=day(3), days=1)
    assert response.json() == {
        "visit_type": "consultation",
        "timezone": "America/New_York",
        "slots": [
            slot(at(3, "09:00"), "helen", "oak"),
            slot(at(3, "11:00"), "helen", "oak"),
            slot(at(3, "11:00", ZoneInfo("America/Chicago")), "ida", "elm"),
        ],
    }
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_person_and_place_narrow_them(client, visit):
    assert ask(client, start=day(3), days=1, location="elm").json() == {
        "visit_type": "consultation",
        "timezone": "America/Chicago",
        "slots": [slot(at(3, "11:00", ZoneInfo("America/Chicago")), "ida", "elm")],
    }
    found = ask(client, start=day(3), days=2, provider="helen", location="").json()["slots"]
    assert found == [slot(at(3 + n, clock), "helen", "oak") for n in (0, 1) for clock in ("09:00", "10:00", "11:00")]


def test_a_visit_that_needs_no_person_names_none(client, visit):
    house = VisitType.objects.get().locations.get(slug="oak")
    make_visit([], [house], rooms=[factories.make_room(house)], slug="room-only", minutes=180)
    found = ask(client, visit_type="room-only", start=day(3), days=1).json()["slots"]
    assert [(each["provider"], each["location"]) for each in found] == [(None, "oak")]


def test_without_start_and_days_it_is_a_week_from_today(client, visit):
    starts = [datetime.fromisoformat(each["start"]) for each in ask(client).json()["slots"]]
    assert {start.date() for start in starts} - {day(0)} == {day(n) for n in range(1, 7)}
    assert min(starts) > timezone.now()


def test_days_that_have_passed_have_no_times(client, visit):
    found = ask(client, start=day(-5), days=8).json()["slots"]
    assert {datetime.fromisoformat(each["start"]).date() for each in found} - {day(0)} == {day(1), day(2)}


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"visit_type": ""}, "visit_type", "Name a visit type by its slug."),
        ({"visit_type": "unheard-of"}, "visit_type", "This visit cannot be booked online any more."),
        ({"visit_type": "\0"}, "visit_type", "Null characters are not allowed."),
        ({"visit_type": "x" * 5000}, "visit_type", "Ensure this value has at most 100 characters (it has 5000)."),
        ({"start": "9999-12-31"}, "start", "Nothing can be booked so far ahead."),
        ({"start": "0001-01-01"}, "start", "0001-01-01 has passed."),
        ({"start": "2026-02-30"}, "start", "Write the day like 2026-12-01."),
        ({"start": "2026-12-01T09:00"}, "start", "Write the day like 2026-12-01."),
        ({"start": "12/01/2026"}, "start", "Write the day like 2026-12-01."),
        ({"start": "\0"}, "start", "Write the day like 2026-12-01."),
        ({"days": "0"}, "days", "Give a whole number of days, from 1 to 31."),
        ({"days": "32"}, "days", "Give a whole number of days, from 1 to 31."),
        ({"days": "abc"}, "days", "Give a whole number of days, from 1 to 31."),
        ({"days": "9" * 5000}, "days", "Give a whole number of days, from 1 to 31."),
        ({"provider": "nobody"}, "provider", "This visit is not with that person. Choose one from the list."),
        ({"provider": "\0"}, "provider", "Null characters are not allowed."),
        ({"location": "nowhere"}, "location", "This visit is not at that location. Choose one from the list."),
        ({"provider": "ida", "location": "oak"}, "provider", "Ida Birch does not see patients at Oak House."),
    ],
)
def test_a_bad_parameter_is_named(client, visit, asked, field, message):
    assert errors(ask(client, **asked)) == {field: message}


def test_all_that_is_wrong_is_told_at_once(client, visit):
    assert set(errors(ask(client, start="soon", days="many", provider="nobody"))) == {"start", "days", "provider"}


def test_a_week_that_has_passed_and_one_beyond_the_horizon_are_told(client, visit):
    assert errors(ask(client, start=day(-10), days=3)) == {"start": f"{day(-10)} has passed."}
    assert errors(ask(client, start=day(61))) == {"start": f"This visit can be booked until {day(60)}."}
    assert ask(client, start=day(60), days=31).json()["slots"]


def test_what_was_taken_off_the_site_is_told(client, visit):
    VisitType.objects.update(is_published=False)
    assert errors(ask(client)) == {"visit_type": "This visit cannot be booked online any more."}


def test_three_queries_with_the_limit_whatever_there_is(client, visit, django_assert_num_queries):
    with django_assert_num_queries(3):
        ask(client, days=31)
    for number in range(5):
        take(visit, at(3 + number, "09:00"))
        person = factories.make_person(location=visit.locations.first())
        visit.needs.get().resources.add(person)
    with django_assert_num_queries(3):
        assert len(ask(client, days=31).json()["slots"]) > 100


def test_one_network_may_ask_so_often_and_no_more(client, visit):
    for _again in range(120):
        ask(client, visit_type="")
    response = ask(client)
    assert response.status_code == 429
    assert list(response.json()) == ["errors"]
    assert 0 < int(response["Retry-After"]) <= 61
    assert ask(client, network="198.51.100.7").status_code == 200
    assert RateLimit.objects.count() == 2


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_can_only_be_read(client, visit, method):
    assert getattr(client, method)(SLOTS).status_code == 405
