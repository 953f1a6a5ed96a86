"""Many want the same time in the same moment, each with a connection of their own: one gets it, the others are told.

At the end are the negative controls: the same crowds with the guards off.
"""

import uuid
from datetime import date, time
from functools import partial
from itertools import islice, pairwise
from random import Random

import pytest
from django.db import transaction

from appointments.availability import Audience
from appointments.models import Allocation, Appointment, HoursException
from appointments.services import diary
from clinic.models import OpeningHours
from tests import factories
from tests.appointments.race import BOOKED_TWICE as TWICE
from tests.appointments.race import (
    DAY,
    HOUR,
    LOST,
    MINUTE,
    NINE,
    NOW,
    ROUNDS,
    assert_diary_is_sound,
    at_once,
    book,
    count,
    details,
    hold,
    make_house,
    move,
    standing,
    winners,
    without_asking_again,
    without_constraint,
    without_locks,
)

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 50


@pytest.fixture
def house():
    return make_house()


@pytest.fixture(autouse=True)
def sound_afterwards(db):
    yield
    assert_diary_is_sound()


def crowd(house, starts_at, size=CROWD):
    return [partial(book, house.visit, starts_at, number) for number in range(size)]


def test_of_fifty_who_want_one_hour_one_gets_it(house):
    for hour in islice(house.hours(), ROUNDS):
        assert len(winners(at_once(crowd(house, hour)), losing=(diary.SlotTaken,))) == 1
        assert standing(hour).count() == 1


def test_of_fifty_who_want_any_of_ten_people_ten_get_one_each():
    house = make_house(people=10)
    for hour in islice(house.hours(), ROUNDS):
        won = winners(at_once(crowd(house, hour)), losing=(diary.SlotTaken,))
        assert sorted(appointment.provider.pk for appointment in won) == [person.pk for person in house.people]


def test_starts_that_overlap_in_part_exclude_each_other(house):
    """8:00, 8:30, ... 10:00: of visits of an hour two or three fit between 8 and 11, and nothing fits between them."""
    for start in islice(house.hours(), 0, 5 * ROUNDS, 5):
        starts = [start + number % 5 * HOUR / 2 for number in range(40)]
        won = winners(at_once(partial(book, house.visit, each, n) for n, each in enumerate(starts)))
        begins = sorted(appointment.starts_at for appointment in won)
        assert all(later - earlier >= HOUR for earlier, later in pairwise(begins))
        wanted_in_vain = [each for each in starts if all(abs(each - taken) >= HOUR for taken in begins)]
        assert (wanted_in_vain, 2 <= len(begins) <= 3) == ([], True)


def test_visits_of_three_pools_wanted_in_any_order_fill_the_scarcest_and_nobody_waits_for_ever():
    """Ten people, five rooms, three lasers; some name their person, some take any, some want half an hour later."""
    house = make_house(people=10, rooms=5, devices=3)
    chance = Random(7)
    for hour in islice(house.hours(), 0, 2 * ROUNDS, 2):
        tasks = [
            partial(book, house.visit, hour, number, provider=chance.choice([None, *(p.pk for p in house.people)]))
            for number in range(CROWD)
        ]
        chance.shuffle(tasks)
        won = winners(at_once(tasks), losing=(diary.SlotTaken,))
        assert (len(won), Allocation.objects.filter(appointment__in=won).count()) == (3, 9)


def test_phases_of_several_visit_types_that_share_rooms_and_lasers_are_never_twice():
    """Numbing, laser, rest: who comes when the laser is free may find the room taken, and the other way round."""
    house = make_house(people=2, rooms=2, devices=1)
    shared = {need.name: list(need.resources.all()) for need in house.visit.needs.all()}
    laser = factories.make_visit_type(
        people=shared["person"], rooms=shared["room"], devices=shared["device"], locations=[house.location],
        step_minutes=15, buffer_after=10,
        phases=[(30, True, ["room"]), (30, True, ["person", "room", "device"]), (15, False, ["room"])],
    )  # fmt: skip
    chance = Random(11)
    for start in islice(house.hours(), 0, 5 * ROUNDS, 5):
        starts = [start + chance.randrange(8) * 15 * MINUTE for _n in range(40)]
        wishes = [(laser if number % 2 else house.visit, each) for number, each in enumerate(starts)]
        answers = at_once(partial(book, visit, each, n) for n, (visit, each) in enumerate(wishes))
        assert winners(answers)
        assert_diary_is_sound()


def test_a_time_is_booked_or_moved_to_by_one(house):
    away = [book(house.visit, NINE + day * DAY, day) for day in range(1, 6)]
    for hour in islice(house.hours(), 0, ROUNDS):
        asked = [appointment for appointment in away if appointment.starts_at != hour]
        answers = at_once([*(partial(move, each, hour) for each in asked), *crowd(house, hour, 20)])
        assert len(winners(answers, losing=(diary.SlotTaken,))) == 1
        assert standing(hour).count() == 1
        for each in away:
            each.refresh_from_db()


def test_who_wants_to_swap_keeps_what_they_have(house):
    """Neither gives up a time before having the other; and they do not wait for each other for ever."""
    for number, hour in enumerate(islice(house.hours(), 0, 2 * ROUNDS, 2)):
        one, other = book(house.visit, hour, 2 * number), book(house.visit, hour + HOUR, 2 * number + 1)
        answers = at_once([partial(move, one, other.starts_at), partial(move, other, one.starts_at)] * 4)
        assert winners(answers, losing=(diary.SlotTaken,)) == []
        assert [standing(hour).get(), standing(hour + HOUR).get()] == [one, other]


def test_of_many_moves_to_one_free_hour_one_is_made_and_the_others_keep_theirs(house):
    before = [book(house.visit, hour, number) for number, hour in enumerate(islice(house.hours(), 8))]
    for hour in islice(house.hours(), 200, 200 + ROUNDS):
        kept = {each.pk: each.starts_at for each in Appointment.objects.all()}
        (moved,) = winners(at_once(partial(move, each, hour) for each in before), losing=(diary.SlotTaken,))
        assert {each.pk: each.starts_at for each in Appointment.objects.all()} == kept | {moved.pk: hour}


def test_one_appointment_that_several_windows_move_between_two_houses_is_where_one_of_them_moved_it(house):
    away = factories.make_location(hours=[(day, time(8), time(18)) for day in range(7)])
    house.visit.locations.add(away)
    house.visit.needs.get().resources.add(factories.make_person(location=away))
    appointment = book(house.visit, NINE)
    hours = list(islice(house.hours(), 10, 10 + 8))
    places = [house.location, away] * 4
    for _round in range(ROUNDS):
        moves = [partial(move, appointment, hour, location=place.pk) for hour, place in zip(hours, places, strict=True)]
        assert winners(at_once(moves)) == [appointment] * 8
        moved = standing().get()
        assert (moved.starts_at, moved.location) in list(zip(hours, places, strict=True))


def test_one_hold_is_given_and_its_confirmation_is_one_booking(house):
    for hour in islice(house.hours(), ROUNDS):
        (held,) = winners(at_once([partial(hold, house.visit, hour)] * CROWD), losing=(diary.SlotTaken,))
        assert standing(hour).get() == held
        confirm = partial(diary.confirm_hold, appointment=held.pk, details=details(0), now=NOW)
        assert winners(at_once([confirm] * 8)) == [held] * 8
        assert [change.became for change in held.changes.all()] == ["held", "confirmed"]


def test_a_hold_that_ran_out_is_confirmed_or_its_time_is_booked_by_another(house):
    for hour in islice(house.hours(), ROUNDS):
        held, later = hold(house.visit, hour), NOW + 11 * MINUTE
        confirm = partial(diary.confirm_hold, appointment=held.pk, details=details(99), now=later)
        others = [partial(book, house.visit, hour, number, now=later) for number in range(12)]
        won = winners(at_once([confirm, *others[:6], confirm, *others[6:]]), losing=(diary.SlotTaken,))
        assert {appointment.pk for appointment in won} == {standing(hour).get().pk}


def test_a_hold_that_runs_out_in_this_moment_is_swept_kept_confirmed_or_booked_over_but_one_has_it(house):
    """Clocks differ by a little: for one the hold has just ended, for the other it has not."""
    losing = (*LOST, diary.HoldEnded)
    for hour in islice(house.hours(), ROUNDS):
        held = hold(house.visit, hour)
        before, after = held.expires_at - MINUTE / 60, held.expires_at + MINUTE / 60
        confirm = partial(diary.confirm_hold, appointment=held.pk, details=details(99), now=before)
        sweep = partial(diary.release_run_out, now=after)
        keep = partial(diary.keep, appointment=held.pk, now=before)
        retake = partial(diary.retake, appointment=held.pk, now=after)
        others = [partial(book, house.visit, hour, number, now=after) for number in range(10)]
        winners(at_once([*others[:5], confirm, sweep, keep, retake, *others[5:]]), losing=losing)
        assert standing(hour).filter(patient__isnull=False).count() == 1


def test_the_desk_and_the_site_never_give_one_time_to_two(house):
    fred = factories.front_desk()
    for hour in islice(house.hours(), ROUNDS):
        desk = [
            partial(book, house.visit, hour, 100 + n, by=fred, audience=Audience.STAFF, provider=house.people[0].pk)
            for n in range(10)
        ]
        public = crowd(house, hour, 20)
        holds = [partial(hold, house.visit, hour)] * 10
        assert len(winners(at_once([*desk, *public, *holds]), losing=(diary.SlotTaken,))) == 1
        assert standing(hour).count() == 1


def test_a_cancellation_is_taken_back_or_its_time_is_somebody_elses(house):
    fred = factories.front_desk()
    for hour in islice(house.hours(), ROUNDS):
        cancelled = book(house.visit, hour, 99)
        diary.cancel(appointment=cancelled.pk, by=fred, now=NOW)
        reinstate = partial(diary.reinstate, appointment=cancelled.pk, by=fred, now=NOW)
        answers = at_once([reinstate, *crowd(house, hour, 12)])
        assert len(winners(answers, losing=(diary.SlotTaken,))) == 1
        assert standing(hour).count() == 1


def test_a_double_click_is_one_appointment_however_free_the_diary_is():
    house = make_house(people=5)
    for hour in islice(house.hours(), ROUNDS):
        once = uuid.uuid4()
        answers = winners(at_once([partial(book, house.visit, hour, submission=once)] * 8))
        assert len({answer.pk for answer in answers}) == len(answers) / 8 == 1


def close_the_day(day):
    """Closes it, and returns the appointments that stand in it then: those are called, and there are no others."""
    with transaction.atomic():
        HoursException.objects.create(kind="closed", starts_on=day, ends_on=day)
        return set(Appointment.objects.filter(starts_at__date=day).values_list("pk", flat=True))


def shorten_the_day(house, weekday):
    with transaction.atomic():
        OpeningHours.objects.filter(location=house.location, weekday=weekday).delete()
        return set(standing().filter(starts_at__week_day=(weekday + 1) % 7 + 1).values_list("pk", flat=True))


def bookings_while(house, day, change):
    """How many were booked on that day, and who was seen by whoever changed it and who is there in the end."""
    hours = [NINE - HOUR + day * DAY + number * HOUR for number in range(10)]
    tasks = [partial(book, house.visit, hour, n) for n, hour in enumerate(hours * 4)]
    *answers, seen = at_once([*tasks, change])
    made = winners(answers)
    assert isinstance(seen, set), seen
    return seen, {appointment.pk for appointment in made}


def test_once_a_day_is_closed_nothing_is_booked_in_it_and_what_was_is_seen():
    house = make_house(people=3)
    for number in range(1, ROUNDS + 1):
        seen, made = bookings_while(house, number, partial(close_the_day, date(2026, 3, 2 + number)))
        assert made == seen


def test_once_hours_are_shortened_nothing_is_booked_outside_them_and_what_was_is_seen():
    house = make_house(people=3)
    for number in range(1, min(ROUNDS, 6) + 1):
        seen, made = bookings_while(house, number, partial(shorten_the_day, house, number % 7))
        assert made == seen


# The negative controls


def test_without_constraint_and_locks_the_same_crowd_books_one_hour_many_times(house):
    with without_constraint(), without_locks(), without_asking_again():
        won = winners(at_once(crowd(house, NINE)))
        assert len(won) > 1
        assert count(TWICE) == len(won) * (len(won) - 1) / 2


def test_without_constraint_and_locks_it_does_not_help_to_look_first(house):
    """What most booking systems do: look whether it is free, then write."""
    with without_constraint(), without_locks():
        assert max(len(winners(at_once(crowd(house, hour)))) for hour in islice(house.hours(), 5)) > 1
        assert count(TWICE) > 0


def test_the_locks_alone_keep_it_to_one(house):
    with without_constraint():
        for hour in islice(house.hours(), ROUNDS):
            assert len(winners(at_once(crowd(house, hour)), losing=(diary.SlotTaken,))) == 1
        assert count(TWICE) == 0


def test_the_constraint_alone_keeps_it_to_one_and_nobody_meets_an_error_of_the_database(house):
    with without_locks(), without_asking_again():
        for hour in islice(house.hours(), ROUNDS):
            answers = at_once(crowd(house, hour))
            assert len(winners(answers, losing=(diary.SlotTaken, diary.DiaryBusy))) == 1


def test_without_the_lock_on_hours_a_closed_day_is_booked():
    house = make_house(people=3)
    missed = set()
    with without_locks():
        for number in range(1, 9):
            seen, made = bookings_while(house, number, partial(close_the_day, date(2026, 3, 2 + number)))
            missed |= made - seen
            if missed:
                break
    assert missed
