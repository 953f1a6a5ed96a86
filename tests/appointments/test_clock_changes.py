"""The days on which a clock jumps or shows an hour twice: what is offered, and that it is booked and read back.

What is expected is counted minute by minute in UTC (tests.appointments.naive), never taken from the code under test.
"""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointments.availability import Audience, load_plan, timetable
from appointments.models import Allocation, Appointment, Phase, ResourceHours, VisitType
from appointments.services import diary
from clinic.models import OpeningHours
from tests import factories
from tests.appointments.naive import minute, moment, on_clock, passing, shown

DAY = timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# How many minutes the local day has, and between which times the clock jumps or goes back.
CHANGES = [
    ("America/New_York", date(2026, 3, 8), 1380, "02:00", "03:00"),
    ("America/New_York", date(2026, 11, 1), 1500, "01:00", "02:00"),
    ("America/New_York", date(2027, 3, 14), 1380, "02:00", "03:00"),
    ("America/New_York", date(2027, 11, 7), 1500, "01:00", "02:00"),
    ("Europe/Berlin", date(2026, 3, 29), 1380, "02:00", "03:00"),
    ("Europe/Berlin", date(2026, 10, 25), 1500, "02:00", "03:00"),
    ("Europe/Berlin", date(2027, 3, 28), 1380, "02:00", "03:00"),
    ("Europe/Berlin", date(2027, 10, 31), 1500, "02:00", "03:00"),
    ("Australia/Lord_Howe", date(2026, 4, 5), 1470, "01:30", "02:00"),
    ("Australia/Lord_Howe", date(2026, 10, 4), 1410, "02:00", "02:30"),
    ("Australia/Lord_Howe", date(2027, 4, 4), 1470, "01:30", "02:00"),
    ("Australia/Lord_Howe", date(2027, 10, 3), 1410, "02:00", "02:30"),
    ("Pacific/Chatham", date(2026, 4, 5), 1500, "02:45", "03:45"),
    ("Pacific/Chatham", date(2026, 9, 27), 1380, "02:45", "03:45"),
    ("Pacific/Chatham", date(2027, 4, 4), 1500, "02:45", "03:45"),
    ("Pacific/Chatham", date(2027, 9, 26), 1380, "02:45", "03:45"),
    # Midnight does not exist, and the last hour before midnight comes twice.
    ("Africa/Cairo", date(2026, 4, 24), 1380, "00:00", "01:00"),
    ("Africa/Cairo", date(2026, 10, 29), 1500, "23:00", "23:59"),
    # The first hour after midnight comes twice.
    ("America/Havana", date(2026, 11, 1), 1500, "00:00", "01:00"),
    # The last hour before midnight does not exist.
    ("America/Nuuk", date(2026, 3, 28), 1380, "23:00", "23:59"),
    # Nothing happens.
    ("America/Phoenix", date(2026, 3, 8), 1440, "02:00", "03:00"),
    ("America/Phoenix", date(2026, 11, 1), 1440, "01:00", "02:00"),
    ("Asia/Kolkata", date(2026, 3, 29), 1440, "02:00", "03:00"),
    ("Asia/Kolkata", date(2026, 10, 25), 1440, "02:00", "03:00"),
]
each_change = pytest.mark.parametrize(
    ("zone", "day", "length", "begins", "ends"), CHANGES, ids=[f"{zone}-{day}" for zone, day, *_rest in CHANGES]
)
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def visit(db):
    """30 minutes with one person in a house without hours yet."""
    factories.make_practice()
    house = factories.make_location(hours=[])
    return factories.make_visit_type(people=[factories.make_person(location=house)], locations=[house])


def open_house(visit, zone, opens, closes, days):
    house = visit.locations.get()
    house.time_zone = zone
    house.save()
    OpeningHours.objects.all().delete()
    for weekday in {day.weekday() for day in days}:
        OpeningHours.objects.create(location=house, weekday=weekday, opens=clock(opens), closes=clock(closes))


def clock(minutes):
    return time(minutes // 60, minutes % 60)


def takes(visit, *, step, minutes):
    VisitType.objects.filter(pk=visit.pk).update(step_minutes=step)
    Phase.objects.filter(visit_type=visit).update(minutes=minutes)


def free(visit, day, *, days=1, now=LONG_AGO, audience=Audience.STAFF):
    plan = load_plan(visit_type=visit.pk, first=day, days=days)
    return timetable(plan=plan, first=day, days=days, now=now, audience=audience).times


def counted(zone, days, opens, closes, step, minutes):
    """The starts on the grid of these days from which every minute of the visit is open."""
    there = frozenset().union(*(shown(day, opens, closes, zone) for day in days))
    marks = [m for day in days for m, wall in passing(day, zone) if wall % step == 0]
    return [start for start in marks if all(m in there for m in range(start, start + minutes))]


def book(visit, starts_at, *, now=LONG_AGO, audience=Audience.STAFF, location=None):
    return diary.book(
        visit_type=visit.pk, starts_at=starts_at, location=location, provider=None, details=None,
        patient=factories.make_patient(), by=None, submission=uuid.uuid4(), audience=audience, now=now,
    )  # fmt: skip


def lasts(free_time):
    """In real minutes: Python subtracts two times of the same zone on the clock."""
    return (free_time.ends_at.timestamp() - free_time.starts_at.timestamp()) / 60


@each_change
def test_exactly_what_the_clock_leaves_open_is_offered(visit, zone, day, length, begins, ends):
    """Hours across the change, up to and from its edges, and those that begin or end while it happens."""
    begin, end = (on_clock(time.fromisoformat(edge)) for edge in (begins, ends))
    assert len(passing(day, ZoneInfo(zone))) == length
    inside, early, late = (begin + end) // 2, max(begin - 90, 0), min(end + 120, 24 * 60 - 1)
    openings = {
        (early, late), (early, begin), (early, inside), (early, end), (begin, late), (inside, late), (end, late),
        (begin, end), (inside, end), (30, 300),
    }  # fmt: skip
    for opens, closes in sorted(span for span in openings if span[0] < span[1]):
        open_house(visit, zone, opens, closes, [day])
        for step, minutes in [(5, 30), (15, 90), (20, 30), (30, 90), (60, 30)]:
            takes(visit, step=step, minutes=minutes)
            times = free(visit, day)
            expected = counted(ZoneInfo(zone), [day], opens, closes, step, minutes)
            said = (clock(opens), clock(closes), step, minutes)
            assert [minute(free_time.starts_at) for free_time in times] == expected, said
            assert {lasts(free_time) for free_time in times} <= {minutes}, said
            assert all(free_time.starts_at.date() == day for free_time in times), said
            for written in (edge for free_time in times for edge in (free_time.starts_at, free_time.ends_at)):
                assert written.isoformat() == moment(minute(written), ZoneInfo(zone)).isoformat(), said


@each_change
def test_what_is_offered_around_the_change_is_booked_and_read_back(visit, zone, day, length, begins, ends):
    zone_, begin, end = ZoneInfo(zone), *(on_clock(time.fromisoformat(edge)) for edge in (begins, ends))
    opens, closes = max(begin - 60, 0), min(end + 60, 24 * 60 - 1)
    open_house(visit, zone, opens, closes, [day])
    takes(visit, step=15, minutes=30)
    expected = counted(zone_, [day], opens, closes, 15, 30)
    # As it was offered, in the location's zone, and as an address carries it.
    ways = [lambda start: start, lambda start: datetime.fromisoformat(start.isoformat())]
    number = 0
    while times := free(visit, day):
        assert [minute(free_time.starts_at) for free_time in times] == expected
        chosen = times[0]
        booked = book(visit, ways[number % 2](chosen.starts_at))
        stored = Appointment.objects.get(pk=booked.pk)
        occupied = Allocation.objects.get(appointment=booked).occupied
        assert (minute(stored.starts_at), minute(stored.ends_at)) == (expected[0], expected[0] + 30)
        assert (minute(occupied.lower), minute(occupied.upper)) == (expected[0], expected[0] + 30)
        assert stored.local_start.isoformat() == chosen.starts_at.isoformat()
        assert stored.local_end.isoformat() == chosen.ends_at.isoformat()
        expected = [start for start in expected if start >= expected[0] + 30]
        number += 1
    assert expected == []
    assert number == len(shown(day, opens, closes, zone_)) // 30


@pytest.mark.parametrize("audience", Audience)
def test_both_times_of_a_doubled_hour_are_offered_and_are_two_visits(visit, audience):
    open_house(visit, "America/New_York", 60, 120, [AUTUMN])
    takes(visit, step=30, minutes=30)
    now = datetime(2026, 10, 31, 12, tzinfo=UTC)
    times = free(visit, AUTUMN, audience=audience, now=now)
    assert [free_time.starts_at.isoformat() for free_time in times] == [
        "2026-11-01T01:00:00-04:00", "2026-11-01T01:30:00-04:00",
        "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00",
    ]  # fmt: skip
    assert [free_time.ends_at.isoformat() for free_time in times] == [
        "2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00",
        "2026-11-01T01:30:00-05:00", "2026-11-01T02:00:00-05:00",
    ]  # fmt: skip
    for free_time in times:
        book(visit, free_time.starts_at, audience=audience, now=now)
    assert free(visit, AUTUMN, audience=audience, now=now) == []
    assert Appointment.objects.count() == 4


def test_a_visit_across_the_jump_lasts_its_real_minutes(visit):
    open_house(visit, "America/New_York", 60, 300, [SPRING])
    takes(visit, step=60, minutes=90)
    booked = book(visit, free(visit, SPRING)[0].starts_at)
    stored = Appointment.objects.get(pk=booked.pk)
    assert (stored.local_start.isoformat(), stored.local_end.isoformat()) == (
        "2026-03-08T01:00:00-05:00",
        "2026-03-08T03:30:00-04:00",
    )
    assert stored.length == timedelta(minutes=90)
    assert [free_time.starts_at.isoformat() for free_time in free(visit, SPRING)] == []


def test_a_time_that_no_clock_shows_is_never_offered_and_means_the_instant_that_it_names(visit):
    """02:30 by the offset of the winter, as a page that was opened the day before may say it, is 03:30."""
    open_house(visit, "America/New_York", 60, 240, [SPRING])
    takes(visit, step=30, minutes=30)
    clocks = [f"{free_time.starts_at:%H:%M}" for free_time in free(visit, SPRING)]
    assert clocks == ["01:00", "01:30", "03:00", "03:30"]
    booked = book(visit, datetime(2026, 3, 8, 2, 30, tzinfo=NEW_YORK))
    assert Appointment.objects.get(pk=booked.pk).local_start.isoformat() == "2026-03-08T03:30:00-04:00"
    with pytest.raises(diary.SlotTaken):
        book(visit, datetime.fromisoformat("2026-03-08T02:30:00-05:00"))


@pytest.mark.parametrize("as_said_in", [UTC, NEW_YORK])
@pytest.mark.parametrize("day", [SPRING, AUTUMN])
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 12])
def test_hours_of_notice_are_real_hours(visit, day, hour, as_said_in):
    open_house(visit, "America/New_York", 0, 240, [day])
    visit.notice_hours, visit.horizon_days = 24, 400
    visit.save()
    takes(visit, step=15, minutes=30)
    now = datetime.combine(day - DAY, time(hour), NEW_YORK).astimezone(as_said_in)
    times = free(visit, day, now=now, audience=Audience.PATIENTS)
    after = minute(now) + 24 * 60
    expected = [start for start in counted(NEW_YORK, [day], 0, 240, 15, 30) if start > after]
    assert [minute(free_time.starts_at) for free_time in times] == expected
    for start in counted(NEW_YORK, [day], 0, 240, 60, 30):
        if start not in expected:
            with pytest.raises(diary.NotOffered, match="24 hours"):
                book(visit, moment(start, NEW_YORK), now=now, audience=Audience.PATIENTS)
    if expected:
        booked = book(visit, moment(expected[0], NEW_YORK), now=now, audience=Audience.PATIENTS)
        assert minute(booked.starts_at) == expected[0]


@each_change
def test_the_horizon_ends_with_a_local_day(visit, zone, day, length, begins, ends):
    zone_ = ZoneInfo(zone)
    open_house(visit, zone, 0, 24 * 60 - 1, [day - DAY, day, day + DAY])
    visit.horizon_days = 1
    visit.save()
    takes(visit, step=60, minutes=30)
    for today in (day - DAY, day):
        first, last = (passing(today, zone_)[edge][0] for edge in (0, -1))
        expected = {
            start: {s for d in (today, today + DAY) for s in counted(zone_, [d], 0, 1439, 60, 30) if s > start}
            for start in (first, last)
        }
        for now, starts in expected.items():
            times = free(visit, today, days=3, now=moment(now), audience=Audience.PATIENTS)
            assert {minute(free_time.starts_at) for free_time in times} == starts
    beyond, now = counted(zone_, [day + DAY], 0, 1439, 60, 30)[0], passing(day - DAY, zone_)[-1][0]
    with pytest.raises(diary.NotOffered, match="You can book until"):
        book(visit, moment(beyond, zone_), now=moment(now), audience=Audience.PATIENTS)


def test_each_house_has_the_horizon_of_its_own_clock(visit):
    """In the Chathams it is Monday afternoon already, and their Wednesday begins on New York's Tuesday morning."""
    open_house(visit, "America/New_York", 9 * 60, 11 * 60, [date(2026, 6, day) for day in (1, 2, 3)])
    chathams = factories.make_location(
        hours=[(day, time(9), time(11)) for day in range(7)], time_zone="Pacific/Chatham"
    )
    visit.locations.add(chathams)
    visit.needs.get().resources.get().provider.locations.add(chathams)
    VisitType.objects.filter(pk=visit.pk).update(step_minutes=60, horizon_days=1)
    now = datetime(2026, 6, 1, 0, tzinfo=NEW_YORK)
    plan = load_plan(visit_type=visit.pk, first=now.date(), days=3)
    asked = {"plan": plan, "first": now.date(), "days": 3, "now": now}
    for table in (timetable(**asked), timetable(**asked, location=chathams.pk)):
        days = [free_time.starts_at.isoformat() for free_time in table.times if free_time.location == chathams.pk]
        assert days == ["2026-06-02T09:00:00+12:45", "2026-06-02T10:00:00+12:45"]
    beyond = datetime(2026, 6, 3, 9, tzinfo=ZoneInfo("Pacific/Chatham"))
    with pytest.raises(diary.NotOffered, match="You can book until Tuesday, June 2"):
        book(visit, beyond, now=now, audience=Audience.PATIENTS, location=chathams.pk)


@each_change
def test_hours_that_begin_or_end_with_the_day_of_the_change(visit, zone, day, length, begins, ends):
    zone_, house = ZoneInfo(zone), visit.locations.get()
    open_house(visit, zone, 0, 1, [day])
    takes(visit, step=20, minutes=30)
    days = [day - DAY, day, day + DAY]
    for valid in ({"valid_until": day}, {"valid_from": day}, {"valid_from": day, "valid_until": day}):
        ResourceHours.objects.all().delete()
        for each in days:
            ResourceHours.objects.create(
                resource=visit.needs.get().resources.get(), location=house, weekday=each.weekday(),
                opens=time(0), closes=time(23, 59), **valid,
            )  # fmt: skip
        worked = [each for each in days if valid.get("valid_from", each) <= each <= valid.get("valid_until", each)]
        times = free(visit, days[0], days=3)
        assert [minute(free_time.starts_at) for free_time in times] == counted(zone_, worked, 0, 1439, 20, 30)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_a_whole_closed_day_is_closed_for_all_its_hours(visit, day):
    open_house(visit, "America/New_York", 0, 1439, [day - DAY, day, day + DAY])
    takes(visit, step=60, minutes=30)
    house = visit.locations.get()
    house.closures.create(starts_on=day, ends_on=day)
    times = free(visit, day - DAY, days=3)
    assert {free_time.starts_at.date() for free_time in times} == {day - DAY, day + DAY}
    assert len(times) == 2 * 24
