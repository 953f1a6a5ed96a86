"""Choosing what and when, until a time is held."""

import re
import threading
import uuid
from datetime import datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format

from appointments.availability import load_plan
from appointments.models import Allocation, Appointment, BookingRules, HoursException, VisitType
from appointments.nearest import nearest_times, plan_around
from appointments.services import claims, diary
from clinic.models import MailLink, RateLimit
from tests import factories
from tests.appointments.steps import words

NEW_YORK = ZoneInfo("America/New_York")
BOOK = "/appointments/book/"
VISIT = "/appointments/book/consultation/"
REQUEST = "/appointments/request/"
# Of a house that is open from 9 to 12, for half an hour each.
CLOCKS = ["9 a.m.", "9:30 a.m.", "10 a.m.", "10:30 a.m.", "11 a.m.", "11:30 a.m."]
EVERY_DAY = [(day, time(9), time(12)) for day in range(7)]


def day(number):
    """So many days from today; from the day after tomorrow on, nothing is too soon whatever the hour of this test."""
    return timezone.now().astimezone(NEW_YORK).date() + timedelta(days=number)


def at(number, clock="10:00", zone=NEW_YORK):
    return datetime.combine(day(number), time.fromisoformat(clock), zone)


def spoken(on):
    return date_format(on, "l, F j")


@pytest.fixture
def house(practice):
    return factories.make_location(name="Oak House", slug="oak", hours=EVERY_DAY)


@pytest.fixture
def helen(house):
    return factories.make_person(provider=factories.make_provider(name="Helen Ash", slug="helen"), location=house)


@pytest.fixture
def visit(house, helen):
    return make_visit([helen], [house])


def make_visit(people, places, **fields):
    named = {"name": "Consultation", "slug": "consultation", "step_minutes": 30, **fields}
    return factories.make_visit_type(people=people, locations=places, **named)


@pytest.fixture
def ida(house):
    return factories.make_person(provider=factories.make_provider(name="Ida Birch", slug="ida"), location=house)


def shown(response):
    """The times of the chosen day as buttons show them."""
    found = re.findall(r'<button form="[^"]*" name="start"[^>]*>(.*?)</button>', response.content.decode(), re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", button).split()) for button in found]


def values(response):
    return re.findall(r'name="start" value="([^"]+)"', response.content.decode())


def days_shown(response):
    """What a screen reader hears of each day, and whether it is a link."""
    found = re.findall(r'<li>\s*<(a|div)\b[^>]*>\s*<span class="visually-hidden">([^<]*)', response.content.decode())
    return {heard: tag == "a" for tag, heard in found}


def heading(response):
    return re.search(r'<h2 id="times"[^>]*>(.*?)</h2>', response.content.decode(), re.DOTALL)[1].strip()


def press(client, starts_at, *, path=VISIT, network="192.0.2.1", **fields):
    start = starts_at.isoformat() if isinstance(starts_at, datetime) else starts_at
    sent = {"start": start, "location": "oak", "provider": "", **fields}
    return client.post(path, sent, REMOTE_ADDR=network)


def take(visit, starts_at, **fields):
    """Somebody else is faster."""
    return diary.hold(
        visit_type=visit.pk,
        starts_at=starts_at,
        location=fields.get("location"),
        provider=fields.get("provider"),
        submission=uuid.uuid4(),
        holder=None,
        now=timezone.now(),
    )


# What can be booked


def test_consultations_come_first_then_the_catalogue(client, house, helen):
    category = factories.make_category(name="Injectables", slug="injectables")
    filler = factories.make_treatment(category=category, slug="filler")
    make_visit([helen], [house], name="Lip filler", slug="lips", treatment=filler, price_from=450, minutes=45)
    make_visit([helen], [house], name="First talk", slug="talk", price_from=0, minutes=20)
    make_visit([helen], [house], name="Hidden visit", slug="hidden", is_published=False)
    factories.make_location(name="Elm House")
    text = words(client.get(BOOK)).partition("begin with a consultation.")[2]
    expected = (
        "Consultations First talk Oak House free of charge 20 min Injectables Lip filler Oak House from $450 45 min"
    )
    assert text.startswith(" " + expected)
    assert "Hidden visit" not in text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?treatment=filler", {"lips"}),
        ("?category=injectables", {"lips", "toxin"}),
        ("?treatment=unheard-of", {"lips", "toxin", "talk"}),
        ("?category=%00", {"lips", "toxin", "talk"}),
        ("", {"lips", "toxin", "talk"}),
    ],
)
def test_the_list_can_be_narrowed(client, house, helen, query, names):
    category = factories.make_category(slug="injectables")
    for treatment, slug in [("filler", "lips"), ("botulinum", "toxin")]:
        of = factories.make_treatment(category=category, slug=treatment)
        make_visit([helen], [house], slug=slug, treatment=of)
    make_visit([helen], [house], slug="talk")
    page = client.get(BOOK + query).content.decode()
    assert set(re.findall(r'href="/appointments/book/([a-z]+)/"', page)) == names


def test_what_cannot_be_booked_leads_to_the_request_form(client, visit):
    response = client.get(BOOK + "?treatment=facelift")
    assert "This has no online booking yet" in words(response)
    assert f'href="{REQUEST}?treatment=facelift"' in response.content.decode()


def test_while_nothing_can_be_booked_the_page_leads_to_the_request_form(client, practice):
    response = client.get(BOOK)
    assert "Nothing can be booked online yet." in words(response)
    assert f'class="button quiet" href="{REQUEST}"' in response.content.decode()
    assert "two-ways" not in client.get(REQUEST).content.decode()


def test_both_ways_lead_to_each_other_and_keep_the_wish(client, visit):
    page = client.get(REQUEST + "?treatment=filler&provider=helen").content.decode()
    assert f'<a href="{BOOK}?treatment=filler">' in page
    assert f'<a href="{REQUEST}?treatment=filler" aria-current="page">' in page
    assert f'<a href="{REQUEST}?category=lasers">' in client.get(BOOK + "?category=lasers").content.decode()


def test_a_treatment_leads_to_its_times_or_to_the_request_form(client, house, helen):
    treatment = factories.make_treatment(slug="filler")
    address = "/treatments/filler/"
    assert f'class="button" href="{REQUEST}?treatment=filler"' in client.get(address).content.decode()
    make_visit([helen], [house], slug="lips", treatment=treatment)
    page = client.get(address).content.decode()
    assert f'class="button" href="{BOOK}lips/"' in page
    assert f'href="{REQUEST}?treatment=filler">Or ask us to find one' in page
    make_visit([helen], [house], slug="cheeks", treatment=treatment)
    assert f'class="button" href="{BOOK}?treatment=filler"' in client.get(address).content.decode()
    VisitType.objects.update(is_published=False)
    assert f'class="button" href="{REQUEST}?treatment=filler"' in client.get(address).content.decode()


# Days and times


def test_each_day_says_how_many_times_are_free(client, visit):
    take(visit, at(3, "09:30"))
    HoursException.objects.create(starts_on=day(4), ends_on=day(4))
    for clock in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30"):
        take(visit, at(5, clock))
    response = client.get(f"{VISIT}?day={day(3)}")
    assert heading(response) == f"{spoken(day(3))}: 5 free times"
    assert shown(response) == ["9 a.m.", "10 a.m.", "10:30 a.m.", "11 a.m.", "11:30 a.m."]
    assert values(response)[0] == at(3, "09:00").isoformat()
    heard = days_shown(response)
    assert len(heard) == 14
    assert heard[f"{spoken(day(2))}: 6 free times"] is True
    assert heard[f"{spoken(day(3))}: 5 free times"] is True
    assert heard[f"{spoken(day(4))}: closed"] is False
    assert heard[f"{spoken(day(5))}: nothing free"] is False
    page = response.content.decode()
    assert re.findall(r'day=([\d-]+)#times" hx-get="[^"]+" aria-current="true"', page) == [str(day(3))]


def test_the_page_opens_on_the_first_day_with_a_free_time(client, visit):
    HoursException.objects.create(starts_on=day(0), ends_on=day(16))
    response = client.get(VISIT)
    assert heading(response) == f"{spoken(day(17))}: 6 free times"
    assert f"{spoken(day(14))}: closed" in days_shown(response)


def test_pages_of_days_end_today_and_at_the_horizon(client, house, helen):
    make_visit([helen], [house], horizon_days=20)

    def turns(query):
        found = re.findall(r'<a href="([^"#]+)#days"[^>]*>(\w+)</a>', client.get(VISIT + query).content.decode())
        return [(word, address) for address, word in found]

    assert turns(f"?day={day(3)}") == [("Later", f"{VISIT}?from={day(14)}")]
    assert turns(f"?from={day(14)}") == [("Earlier", f"{VISIT}?from={day(0)}")]
    assert len(days_shown(client.get(f"{VISIT}?from={day(14)}"))) == 7


def test_parts_of_the_day_have_headings_and_times_the_zone_of_the_location(client, house, helen):
    lisbon = factories.make_location(
        name="Lisbon",
        slug="lisbon",
        city="Lisbon",
        time_zone="Europe/Lisbon",
        hours=[(n, time(11), time(18)) for n in range(7)],
    )
    helen.provider.locations.set([lisbon])
    make_visit([helen], [lisbon], step_minutes=60, minutes=60)
    response = client.get(f"{VISIT}?day={day(3)}")
    assert re.findall(r"<h3[^>]*>(.*?)</h3>", response.content.decode()) == ["Morning", "Afternoon", "Evening"]
    assert shown(response) == ["11 a.m.", "noon", "1 p.m.", "2 p.m.", "3 p.m.", "4 p.m.", "5 p.m."]
    assert values(response)[0] == at(3, "11:00", ZoneInfo("Europe/Lisbon")).isoformat()
    assert "Times are Lisbon time (Lisbon)." in words(response)


def test_the_zone_and_the_minutes_for_which_a_time_is_held_are_named(client, visit):
    BookingRules.objects.create(hold_minutes=7)
    text = words(client.get(VISIT))
    assert "Times are Eastern Time (Elmford). A time that you choose is kept for you for 7 minutes" in text


def test_with_anybody_a_time_is_shown_once(client, house, helen, ida):
    make_visit([helen, ida], [house])
    assert shown(client.get(f"{VISIT}?day={day(3)}")) == CLOCKS


def test_person_and_place_narrow_the_times(client, house, helen, ida):
    elm = factories.make_location(
        name="Elm House", slug="elm", position=1, hours=[(n, time(11), time(13)) for n in range(7)]
    )
    ida.provider.locations.set([elm])
    make_visit([helen, ida], [house, elm])

    def times(query):
        return shown(client.get(f"{VISIT}?day={day(3)}{query}"))

    oak = [f"{clock} Oak House" for clock in CLOCKS]
    assert times("") == [*oak, "noon Elm House", "12:30 p.m. Elm House"]
    assert times("&location=oak") == CLOCKS
    assert times("&location=elm") == ["11 a.m.", "11:30 a.m.", "noon", "12:30 p.m."]
    assert times("&provider=ida") == [f"{c} Elm House" for c in ("11 a.m.", "11:30 a.m.", "noon", "12:30 p.m.")]
    page = client.get(f"{VISIT}?day={day(3)}&location=elm&provider=ida").content.decode()
    assert '<input type="hidden" name="location" value="elm">' in page
    assert '<input type="hidden" name="provider" value="ida">' in page


def test_a_day_without_times_offers_the_nearest_with_some(client, visit):
    HoursException.objects.create(starts_on=day(5), ends_on=day(7))
    response = client.get(f"{VISIT}?day={day(6)}")
    assert heading(response) == f"{spoken(day(6))}: nothing free"
    near = re.findall(r'class="button quiet" href="[^"]*day=([\d-]+)#times"', response.content.decode())
    assert near == [str(day(4)), str(day(8))]


def test_the_nearest_day_is_found_across_months(client, house, helen):
    make_visit([helen], [house], horizon_days=300)
    HoursException.objects.create(starts_on=day(10), ends_on=day(200))
    response = client.get(f"{VISIT}?from={day(98)}")
    assert heading(response) == "Nothing is free on these days"
    near = re.findall(r'class="button quiet" href="[^"]*day=([\d-]+)#times"', response.content.decode())
    assert near == [str(day(9)), str(day(201))]
    HoursException.objects.update(starts_on=day(0))
    assert heading(client.get(VISIT)) == f"{spoken(day(201))}: 6 free times"


def test_when_nothing_is_free_at_all_the_page_leads_to_the_request_form(client, house, helen, ida):
    elm = factories.make_location(name="Elm House", slug="elm", hours=())
    make_visit([helen, ida], [house, elm])
    response = client.get(f"{VISIT}?location=elm&provider=ida")
    assert f"Ida Birch has no free time at Elm House until {spoken(day(60))}." in words(response)
    page = response.content.decode()
    assert f'href="{VISIT}?provider=ida#times"' in page
    assert f'href="{REQUEST}?treatment=&amp;location=elm&amp;provider=ida"' in page


def test_the_summary_says_what_was_chosen(client, house, helen, ida):
    make_visit([helen, ida], [house], price_from=0, minutes=45)
    text = words(client.get(VISIT + "?provider=ida")).partition("while you type your details.")[2]
    place = f"Oak House, {house.street}, Elmford"
    expected = f"Visit Consultation With Ida Birch Location {place} Length and price 45 min, free of charge Change"
    assert text.startswith(" " + expected)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"day": "2020-01-01"}, "That day has passed."),
        ({"day": "9999-12-31"}, "You can book until"),
        ({"from": "9999-12-31"}, "You can book until"),
        ({"day": "tomorrow"}, "Write the day like 2026-12-01."),
        ({"day": "2026-02-30"}, "Write the day like 2026-12-01."),
        ({"day": "\0"}, "Write the day like 2026-12-01."),
        ({"from": "1" * 5000}, "Write the day like 2026-12-01."),
        ({"location": "nowhere"}, "This visit is not at that location."),
        ({"location": "\0"}, "Null characters are not allowed."),
        ({"provider": "nobody"}, "This visit is not with that person."),
        ({"provider": "x" * 5000}, "Ensure this value has at most 100 characters"),
    ],
)
def test_a_bad_address_is_told_and_shows_free_times_all_the_same(client, visit, query, sentence):
    response = client.get(f"{VISIT}?{urlencode(query)}")
    assert response.status_code == 422
    assert sentence in words(response)
    assert shown(response)


def test_an_unknown_visit_is_not_found_and_one_that_was_taken_off_is_gone(client, visit):
    assert client.get("/appointments/book/unheard-of/").status_code == 404
    VisitType.objects.update(is_published=False)
    for response in (client.get(VISIT), press(client, at(3))):
        assert response.status_code == 410
        assert "This visit cannot be booked online any more" in words(response)


def test_htmx_gets_the_part_that_changes(client, visit):
    whole, part = client.get(VISIT), client.get(VISIT, headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div class="choosing"')
    assert shown(part) == shown(whole)
    assert "<html" not in part.content.decode()
    assert "unsafe" not in whole["Content-Security-Policy"]


def test_looking_writes_nothing_and_nobody_keeps_the_pages(client, visit):
    for path in (BOOK, VISIT):
        assert client.get(path)["Cache-Control"] == "no-store"
    assert not Appointment.objects.exists()
    assert not MailLink.objects.exists()
    assert not RateLimit.objects.exists()


def test_the_pages_ask_the_same_few_questions_however_much_there_is(client, visit, helen, django_assert_num_queries):
    def look(path, number):
        with django_assert_num_queries(number):
            client.get(path)

    look(VISIT, 7)
    look(BOOK, 9)
    for number in range(5):
        place = factories.make_location(hours=EVERY_DAY)
        person = factories.make_person(location=place)
        take(visit, at(3 + number, "09:30"))
        make_visit([helen, person], [place], slug=f"other-{number}")
    look(VISIT, 7)
    look(BOOK, 9)


# Holding a time


def test_a_chosen_time_is_held_and_the_next_page_asks_for_the_details(client, visit, helen):
    response = press(client, at(3))
    assert response.status_code == 303
    assert re.fullmatch(r"/appointments/held/[\w-]{32}/", response["Location"])
    held = Appointment.objects.get()
    assert (held.status, held.starts_at, held.provider) == ("held", at(3), helen)
    assert Allocation.objects.filter(appointment=held, blocking=True).count() == 1
    cookie = response.cookies["holder"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")
    assert str(held.holder) in cookie.value
    assert "consultation" not in response["Location"]


def test_a_double_click_holds_one_time(client, visit):
    opening = str(uuid.uuid4())
    first, second = press(client, at(3), opening=opening), press(client, at(3), opening=opening)
    assert [first.status_code, second.status_code] == [303, 303]
    assert Appointment.objects.count() == 1
    assert press(client, at(3, "11:00"), opening=opening).status_code == 303
    assert Appointment.objects.count() == 2


def test_each_opened_page_is_another_one(client, visit):
    openings = {re.search(r'name="opening" value="([^"]+)"', client.get(VISIT).content.decode())[1] for _ in range(2)}
    assert len(openings) == 2


def test_without_its_token_a_form_is_refused(visit):
    assert press(Client(enforce_csrf_checks=True), at(3)).status_code == 403
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        ("", "Choose a time."),
        ("noon", "That is not a time that we can read."),
        ("\0", "That is not a time that we can read."),
        ("x" * 5000, "That is not a time that we can read."),
        ("2026-12-01T10:00", "That time does not say in which time zone it is."),
        ("9999-12-31T23:59:59-12:00", "That time is too far ahead."),
        ("0001-01-01T00:00:00+14:00", "That time has passed."),
        ("2020-01-01T10:00:00-05:00", "That time has passed."),
    ],
)
def test_a_start_that_is_none_is_told(client, visit, start, sentence):
    response = press(client, start)
    assert response.status_code == 422
    assert sentence in words(response)
    assert shown(response)
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    ("number", "clock", "sentence"),
    [
        (-1, "10:00", "passed"),
        (3, "10:07", "That is not one of our times."),
        (3, "15:00", "outside the hours"),
        (3, "11:45", "That is not one of our times."),
        (70, "10:00", "You can book until"),
    ],
)
def test_a_time_that_is_not_offered_is_told(client, visit, number, clock, sentence):
    response = press(client, at(number, clock))
    assert response.status_code == 422
    assert sentence in words(response)
    assert not Appointment.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("provider", "stranger", "This visit is not with that person."),
        ("provider", "\0", "Null characters are not allowed."),
        ("location", "elm", "This visit is not at that location."),
        ("location", "x" * 5000, "Ensure this value has at most 100 characters"),
        ("opening", "not-a-uuid", "Choose a time on this page."),
    ],
)
def test_a_wrong_person_or_place_is_told(client, visit, field, value, sentence):
    factories.make_person(provider=factories.make_provider(slug="stranger"))
    factories.make_location(slug="elm")
    response = press(client, at(3), **{field: value})
    assert response.status_code == 422
    assert sentence in words(response)
    assert not Appointment.objects.exists()


def nearest_groups(response):
    """The headings of the 409 page, each with (start, provider) of its buttons."""
    groups = {}
    for part in response.content.decode().split('class="time-choice nearest"')[1:]:
        name = re.search(r"<h2[^>]*>(.*?)</h2>", part)[1]
        people = re.findall(r'name="provider" value="([^"]*)"', part)
        groups[name] = list(zip(re.findall(r'name="start" value="([^"]+)"', part), people, strict=True))
    return groups


def test_a_time_that_was_taken_meanwhile_offers_the_nearest_with_the_same_and_with_others(client, house, helen, ida):
    visit = make_visit([helen, ida], [house])
    take(visit, at(3), provider=helen.pk)
    response = press(client, at(3), provider="helen")
    assert response.status_code == 409
    assert "That time has just been taken" in words(response)
    assert nearest_groups(response) == {
        "With Helen Ash": [(at(3, clock).isoformat(), "helen") for clock in ("09:00", "09:30", "10:30")],
        "With others": [(at(3, clock).isoformat(), "ida") for clock in ("09:30", "10:00", "10:30")],
    }
    assert Appointment.objects.count() == 1
    start, provider = nearest_groups(response)["With others"][1]
    assert press(client, start, provider=provider).status_code == 303
    assert Appointment.objects.get(provider=ida).starts_at == at(3)


def test_with_one_person_only_the_nearest_stand_under_one_heading(client, visit):
    take(visit, at(3))
    response = press(client, at(3))
    assert response.status_code == 409
    near = {"The nearest free times": [(at(3, clock).isoformat(), "helen") for clock in ("09:00", "09:30", "10:30")]}
    assert nearest_groups(response) == near


def test_another_person_at_the_wanted_place_is_nearer_than_one_elsewhere(house, helen, ida):
    elm = factories.make_location(slug="elm", name="A house before it", hours=EVERY_DAY)
    visit = make_visit([helen, ida, factories.make_person(location=elm)], [elm, house])
    found = nearest_times(plan_around(visit.pk, at(3)), at(3), now=timezone.now(), location=house.pk, provider=helen.pk)
    assert {(free.provider, free.location) for free in found.others} == {(ida.pk, house.pk)}


def test_the_nearest_times_need_one_reading_or_two(house, helen, ida, django_assert_num_queries):
    visit = make_visit([helen, ida], [house])
    wanted, now = at(20), timezone.now()

    def nearest(queries):
        plan = plan_around(visit.pk, wanted)
        with django_assert_num_queries(queries):
            return nearest_times(plan, wanted, now=now, location=None, provider=helen.pk)

    assert [len(nearest(1).same), len(nearest(1).others)] == [3, 3]
    HoursException.objects.create(resource=helen, starts_on=day(8), ends_on=day(40))
    found = nearest(2)
    assert [free.starts_at for free in found.same] == [at(41, clock) for clock in ("09:00", "09:30", "10:00")]
    assert {free.provider for free in found.others} == {ida.pk}


def test_a_plan_of_fewer_days_gives_the_nearest_of_those(visit):
    plan = load_plan(visit_type=visit.pk, first=day(3), days=1)
    found = nearest_times(plan, at(9), now=timezone.now(), location=None, provider=None)
    assert [free.starts_at for free in found.same] == [at(3, clock) for clock in ("10:30", "11:00", "11:30")]
    assert found.others == []


def test_one_network_may_hold_so_many_and_no_more(client, visit):
    codes = [press(client, at(3, "15:00")).status_code for _ in range(31)]
    assert codes == [422] * 30 + [429]
    response = press(client, at(3))
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 601
    assert press(client, at(3), network="198.51.100.7").status_code == 303


@pytest.mark.django_db(transaction=True)
def test_a_diary_that_is_busy_for_too_long_says_so(client, visit, monkeypatch):
    # Staff change the hours, and do not finish.
    monkeypatch.setattr(claims, "MOST_BUSY", 1)
    own = connection.get_connection_params()
    other = psycopg2.connect(
        **{name: own[name] for name in ("dbname", "user", "host", "port", "password") if name in own}
    )
    try:
        other.cursor().execute("SELECT pg_advisory_xact_lock(7342, 0)")
        response = press(client, at(3))
    finally:
        other.close()
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "Nothing has been booked or changed." in words(response)
    assert not Appointment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_the_same_button_one_gets_the_time_and_one_the_nearest(visit):
    codes, start = [], threading.Barrier(2)

    def visitor(network):
        client = Client()
        start.wait(10)
        codes.append(press(client, at(3), network=network).status_code)
        connection.close()

    threads = [threading.Thread(target=visitor, args=[f"192.0.2.{n}"]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == [303, 409]


# What this browser holds


def test_the_pages_say_what_this_browser_holds(client, visit):
    press(client, at(3))
    held = Appointment.objects.get()
    for path in (BOOK, VISIT):
        text = words(client.get(path))
        assert f"You are holding {spoken(day(3))}, 10 a.m. at Oak House, until" in text
        assert "You are holding" not in words(Client().get(path))
    Appointment.objects.filter(pk=held.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "You are holding" not in words(client.get(VISIT))


def test_who_goes_on_comes_to_the_details_of_the_same_time(client, visit):
    first = press(client, at(3))["Location"]
    held = Appointment.objects.get()
    response = client.post(BOOK, {"on": held.pk})
    assert response.status_code == 303
    assert response["Location"].startswith("/appointments/held/")
    assert response["Location"] != first
    assert set(MailLink.objects.values_list("object_id", "purpose")) == {(held.pk, "appointments.hold")}


def test_a_time_that_is_let_go_is_free_for_others(client, visit):
    press(client, at(3))
    response = client.post(BOOK, {"release": Appointment.objects.get().pk})
    assert (response.status_code, response["Location"]) == (303, VISIT)
    assert Appointment.objects.get().status == "expired"
    assert press(Client(), at(3)).status_code == 303


def test_nobody_else_can_go_on_with_it_or_let_it_go(client, visit):
    press(client, at(3))
    held = Appointment.objects.get()
    stranger = Client()
    press(stranger, at(4))
    forged = Client()
    forged.cookies["holder"] = str(held.holder)
    for somebody in (Client(), stranger, forged):
        for wish in ("on", "release"):
            response = somebody.post(BOOK, {wish: held.pk})
            assert (response.status_code, response["Location"]) == (303, BOOK)
    assert Appointment.objects.get(pk=held.pk).status == "held"
    assert MailLink.objects.filter(object_id=held.pk).count() == 1


@pytest.mark.parametrize("sent", [{}, {"on": "x"}, {"release": "9" * 40}, {"on": "\0"}, {"release": "-1"}])
def test_a_number_that_is_none_does_nothing(client, visit, sent):
    press(client, at(3))
    response = client.post(BOOK, sent)
    assert (response.status_code, response["Location"]) == (303, BOOK)
    assert Appointment.objects.get().status == "held"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_another_method_is_refused(client, visit, method):
    assert {getattr(client, method)(path).status_code for path in (BOOK, VISIT)} == {405}
