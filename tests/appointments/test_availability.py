"""When a visit can begin: hours, pools, phases, buffers, and what is taken."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from appointments.availability import Audience, NotBookable, load_plan, timetable
from appointments.models import Allocation, Appointment, HoursException
from clinic.models import Closure
from tests import factories

NEW_YORK = ZoneInfo("America/New_York")
MONDAY = date(2026, 3, 2)
DAWN = datetime(2026, 3, 2, 5, 0, tzinfo=NEW_YORK)


def free(visit_type, *, first=MONDAY, days=1, now=DAWN, **narrowed):
    plan = load_plan(visit_type=visit_type.slug, first=first, days=days)
    return timetable(plan=plan, first=first, days=days, now=now, **narrowed)


def clock(table):
    return [f"{free.starts_at:%H:%M}" for free in table.times]


def occupy(visit_type, resource, starts, ends, *, day=MONDAY, status="confirmed", expires_at=None):
    location = visit_type.locations.first()
    span = [datetime.combine(day, at, location.zone) for at in (starts, ends)]
    appointment = Appointment.objects.create(
        visit_type=visit_type,
        location=location,
        patient=None if status == "held" else factories.make_patient(),
        status=status,
        starts_at=span[0],
        ends_at=span[1],
        expires_at=expires_at,
        created_at=DAWN,
    )
    Allocation.objects.create(appointment=appointment, resource=resource, occupied=span)
    return appointment


@pytest.fixture
def house(db):
    factories.make_practice()
    return factories.make_location(hours=[(0, time(9), time(12))])


@pytest.fixture
def person(house):
    return factories.make_person(location=house)


@pytest.fixture
def visit(house, person):
    return factories.make_visit_type(people=[person], locations=[house], minutes=60, step_minutes=30)


def test_a_person_without_hours_follows_the_house_and_a_visit_ends_before_it_closes(visit, person, house):
    table = free(visit)
    assert clock(table) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    first = table.times[0]
    assert (first.location, first.provider) == (house.pk, person.pk)
    assert first.ends_at - first.starts_at == timedelta(hours=1)
    assert table.counts() == {MONDAY: 5}


def test_what_is_taken_is_left_out_and_a_neighbour_is_not(visit, person):
    occupy(visit, person, time(10), time(10, 30))
    assert clock(free(visit)) == ["09:00", "10:30", "11:00"]


def test_a_cancelled_appointment_takes_nothing(visit, person):
    appointment = occupy(visit, person, time(9), time(12))
    assert clock(free(visit)) == []
    Appointment.objects.filter(pk=appointment.pk).update(status="cancelled")
    assert len(clock(free(visit))) == 5


def test_a_hold_takes_its_time_until_it_runs_out_though_nobody_has_swept_it(visit, person):
    occupy(visit, person, time(9), time(12), status="held", expires_at=DAWN + timedelta(minutes=10))
    assert clock(free(visit, now=DAWN + timedelta(minutes=9))) == []
    assert len(clock(free(visit, now=DAWN + timedelta(minutes=10)))) == 5


def test_own_hours_stand_for_the_houses_and_hold_between_their_dates(visit, house, person):
    factories.ResourceHours.objects.create(
        resource=person, location=house, weekday=0, opens=time(14), closes=time(15, 30),
        valid_from=date(2026, 3, 9), valid_until=date(2026, 3, 15),
    )  # fmt: skip
    assert clock(free(visit)) == []
    assert clock(free(visit, first=date(2026, 3, 9))) == ["14:00", "14:30"]
    assert clock(free(visit, first=date(2026, 3, 16))) == []


def test_starts_are_on_the_clock_and_not_counted_from_a_gap(visit, person):
    occupy(visit, person, time(9), time(9, 10))
    assert clock(free(visit)) == ["09:30", "10:00", "10:30", "11:00"]


def test_notice_and_horizon_bind_patients_and_not_staff(visit):
    visit.notice_hours, visit.horizon_days = 5, 7
    visit.save()
    assert clock(free(visit)) == ["10:30", "11:00"]
    assert len(clock(free(visit, audience=Audience.STAFF))) == 5
    assert len(clock(free(visit, first=date(2026, 3, 9)))) == 5
    assert clock(free(visit, first=date(2026, 3, 16))) == []
    assert len(clock(free(visit, first=date(2026, 3, 16), audience=Audience.STAFF))) == 5


def test_staff_book_nothing_that_is_past(visit):
    ten = datetime(2026, 3, 2, 10, 0, tzinfo=NEW_YORK)
    assert clock(free(visit, now=ten, audience=Audience.STAFF)) == ["10:00", "10:30", "11:00"]


def test_an_unpublished_visit_is_for_staff_alone(visit):
    visit.is_published = False
    visit.save()
    assert clock(free(visit)) == []
    assert len(clock(free(visit, audience=Audience.STAFF))) == 5


def test_a_treatment_that_left_the_site_takes_its_visits_along(visit):
    visit.treatment = factories.make_treatment(is_published=False)
    visit.save()
    assert clock(free(visit)) == []


def test_closures_and_exceptions_close_and_open(visit, house, person):
    Closure.objects.create(starts_on=date(2026, 3, 9), ends_on=date(2026, 3, 9))
    HoursException.objects.create(resource=person, starts_on=MONDAY, ends_on=MONDAY, opens=time(9), closes=time(10))
    HoursException.objects.create(
        kind="open", resource=person, location=house, starts_on=date(2026, 3, 7), ends_on=date(2026, 3, 7),
        opens=time(9), closes=time(10),
    )  # fmt: skip
    table = free(visit, days=8)
    assert [f"{free.starts_at:%a %H:%M}" for free in table.times] == [
        "Mon 10:00", "Mon 10:30", "Mon 11:00", "Sat 09:00",
    ]  # fmt: skip
    assert [table.is_open(MONDAY + timedelta(days=n)) for n in (0, 1, 5, 7)] == [True, False, True, False]


def test_a_house_that_opens_extra_opens_for_those_who_follow_its_hours(visit, house, person):
    other = factories.make_person(location=house, hours=[(0, time(9), time(10))])
    visit.needs.get().resources.add(other)
    HoursException.objects.create(
        kind="open",
        location=house,
        starts_on=date(2026, 3, 7),
        ends_on=date(2026, 3, 7),
        opens=time(9),
        closes=time(10),
    )
    assert [free.provider for free in free(visit, first=date(2026, 3, 7)).times] == [person.pk]


def test_closed_beats_open(visit, house, person):
    HoursException.objects.create(
        kind="open", resource=person, location=house, starts_on=MONDAY, ends_on=MONDAY, opens=time(8), closes=time(13)
    )
    HoursException.objects.create(location=house, starts_on=MONDAY, ends_on=MONDAY)
    assert clock(free(visit)) == []


def test_one_of_several_people_is_enough_and_one_can_be_chosen(visit, house, person):
    other = factories.make_person(location=house, hours=[(0, time(10), time(12))])
    visit.needs.get().resources.add(other)
    assert clock(free(visit)) == ["09:00", "09:30", "10:00", "10:00", "10:30", "10:30", "11:00", "11:00"]
    assert free(visit).counts() == {MONDAY: 5}
    assert clock(free(visit, provider=other.pk)) == ["10:00", "10:30", "11:00"]
    assert clock(free(visit, provider=0)) == []


def test_everything_a_visit_needs_has_to_be_free(visit, house, person):
    room = factories.make_room(house)
    visit = factories.make_visit_type(people=[person], rooms=[room], locations=[house], minutes=60, step_minutes=30)
    occupy(visit, room, time(9), time(10))
    occupy(visit, person, time(11), time(12))
    assert clock(free(visit)) == ["10:00"]


def test_a_person_is_free_while_the_cream_works(house, person):
    """Numbing takes the room, the laser takes everything, cleaning takes the room without the patient."""
    room, laser = factories.make_room(house), factories.make_device(house)
    visit = factories.make_visit_type(
        people=[person], rooms=[room], devices=[laser], locations=[house], step_minutes=15,
        phases=[(30, True, ["room"]), (30, True, ["person", "room", "device"]), (15, False, ["room"])],
    )  # fmt: skip
    assert visit.minutes == 60
    occupy(visit, person, time(9), time(9, 30))
    occupy(visit, laser, time(10, 30), time(10, 45))
    assert clock(free(visit)) == ["09:00", "09:15", "09:30", "10:15", "10:30", "10:45"]


def test_buffers_lie_inside_the_hours(house, person):
    visit = factories.make_visit_type(
        people=[person], locations=[house], minutes=60, step_minutes=30, buffer_before=10, buffer_after=20
    )
    assert clock(free(visit)) == ["09:30", "10:00", "10:30"]


def test_two_nurses_are_two_people(house, person):
    """Both needs may be served by anybody of the pool, but not by the same person."""
    visit = factories.make_visit_type(people=[person], rooms=[person], locations=[house], minutes=60)
    assert clock(free(visit)) == []
    other = factories.make_person(location=house, hours=[(0, time(9), time(10))])
    for need in visit.needs.all():
        need.resources.add(other)
    assert clock(free(visit)) == ["09:00", "09:00"]


def test_a_person_is_at_one_location_at_a_time(visit, house, person):
    away = factories.make_location(hours=[(0, time(9), time(12))])
    factories.ResourceHours.objects.create(resource=person, location=away, weekday=0, opens=time(9), closes=time(10))
    visit.locations.add(away)
    assert [free.location for free in free(visit).times] == [away.pk]
    assert clock(free(visit, location=house.pk)) == []


def test_a_visit_that_occupies_nothing_is_never_free(house):
    visit = factories.make_visit_type(locations=[house])
    assert clock(free(visit)) == []


def test_two_queries_whatever_there_is(visit, house, person, django_assert_num_queries):
    for number in range(20):
        occupy(visit, person, time(9), time(10), day=MONDAY + timedelta(days=7 * number))
        visit.needs.get().resources.add(factories.make_person(location=house))
    with django_assert_num_queries(2):
        # 21 people on 5 Mondays, and the one who is taken for an hour and the half hour before it.
        assert len(free(visit, days=31).times) == 21 * 5 * 5 - 2 * 5


def test_a_visit_that_does_not_exist_says_so(db):
    with pytest.raises(NotBookable):
        load_plan(visit_type="gone", first=MONDAY, days=1)


def test_the_practices_zone_holds_unless_the_house_has_its_own(visit, house):
    house.time_zone = "Asia/Kolkata"
    house.save()
    start = free(visit, now=datetime(2026, 3, 1, tzinfo=UTC)).times[0].starts_at
    assert start == datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
    assert start.tzname() == "IST"
