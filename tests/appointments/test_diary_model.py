"""The diary against one that is kept with a pencil (tests.appointments.naive): whatever happens, both agree.

After every step: nothing is occupied twice, and exactly the times that the naive one would give are offered; what is
offered is booked for real now and then, and what is not is refused with the right words.

A short run is the same each time. A long one is not: DIARY_EXAMPLES=120 pytest tests/appointments/test_diary_model.py
"""

import os
import uuid
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from appointments.availability import Audience, load_plan, timetable
from appointments.models import (
    Allocation,
    Appointment,
    BookingRules,
    HoursException,
    Need,
    Resource,
    ResourceHours,
    StepRefused,
    VisitType,
)
from appointments.models import Phase as Part
from appointments.services import diary
from clinic.models import Closure, Location, OpeningHours
from tests import factories
from tests.appointments import naive
from tests.appointments.naive import minute, moment, on_clock

EXAMPLES = int(os.environ.get("DIARY_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 16,
    stateful_step_count=40 if EXAMPLES else 20,
    derandomize=not EXAMPLES,
    database=None,
    print_blob=False,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
DAY = timedelta(days=1)
# An ordinary week, and those in which one of the two houses' clocks goes forward or back on the second day.
FIRST_DAYS = [date(2026, 6, 1), date(2026, 3, 7), date(2026, 10, 31), date(2026, 4, 4), date(2026, 9, 26)]
HOME, AWAY = ZoneInfo("America/New_York"), ZoneInfo("Pacific/Chatham")
HOLD, ANSWER = 10, 120  # minutes
SUNDAY = 6
LENGTHS = [5, 15, 20, 30, 45]
OVERLAPS = """
SELECT count(*) FROM appointments_allocation a JOIN appointments_allocation b
ON a.id < b.id AND a.resource_id = b.resource_id AND a.occupied && b.occupied WHERE a.blocking AND b.blocking
"""

clocks = st.sampled_from([time(h, m) for h in (0, 1, 2, 3, 7, 8, 9, 10, 11) for m in (0, 30)] + [time(23, 59)])


@st.composite
def spans(draw):
    opens, closes = sorted(draw(st.lists(clocks, min_size=2, max_size=2, unique=True)))
    return opens, closes


@st.composite
def visits(draw, pools, houses):
    names = ["one", "two", "three"][: draw(st.integers(1, 3))]
    part = st.tuples(st.sampled_from(LENGTHS), st.booleans(), st.lists(st.sampled_from(names), min_size=1, unique=True))
    whole = (draw(st.sampled_from(LENGTHS)), True, names)
    parts = [*draw(st.lists(part, max_size=2)), whole, *draw(st.lists(part, max_size=1))]
    return naive.Visit(
        houses=draw(st.lists(st.sampled_from(houses), min_size=1, unique=True)),
        parts=parts,
        pools={
            name: draw(st.lists(st.sampled_from(draw(st.sampled_from(pools))), min_size=1, unique=True))
            for name in names
        },
        step=draw(st.sampled_from([5, 10, 15, 20, 30, 60])),
        before=draw(st.sampled_from([0, 5, 30])),
        after=draw(st.sampled_from([0, 10, 45])),
        notice_hours=draw(st.sampled_from([0, 0, 1, 24])),
        horizon_days=draw(st.sampled_from([1, 2, 60])),
        is_published=draw(st.sampled_from([True, True, False])),
        is_confirmed_by_staff=draw(st.booleans()),
    )


@contextmanager
def undone():
    """Nothing that is done inside stays. What is durable may be done, as in Django's own TestCase."""
    around = transaction.atomic()
    around._from_testcase = True
    with around:
        yield
        transaction.set_rollback(True)


class World:
    """A practice with two houses, two people, four rooms and a laser, and the same with a pencil."""

    def __init__(self):
        factories.make_practice(time_zone=HOME.key)
        BookingRules.objects.create(
            hold_minutes=HOLD, request_hours=ANSWER // 60, most_requested=1000, cutoff_hours=0, reminder_days=""
        )
        self.fred = factories.front_desk()
        self.patient = factories.make_patient(email="")
        mornings = [(day, time(8), time(10, 30)) for day in range(7)]
        nights = [(day, time(1), time(4, 30)) for day in range(7)]
        home = factories.make_location(hours=[*mornings, (SUNDAY, time(0, 30), time(3, 30))])
        away = factories.make_location(hours=nights, time_zone=AWAY.key)
        ann, ben = factories.make_person(location=home), factories.make_person(location=home)
        ann.provider.locations.add(away)
        rooms = [factories.make_room(home), factories.make_room(home), factories.make_room(away)]
        laser = factories.make_device(home)
        self.dated = [rooms[1].pk, laser.pk]
        self.pools = [[ann.pk, ben.pk], [room.pk for room in rooms], [laser.pk]]
        self.naive = naive.Diary(
            days=[],
            zones={home.pk: HOME, away.pk: AWAY},
            opening={house.pk: [] for house in (home, away)},
            stands_in={ann.pk: {home.pk, away.pk}, ben.pk: {home.pk}, laser.pk: {home.pk}}
            | {room.pk: {room.location_id} for room in rooms},
            people={ann.pk, ben.pk},
        )
        for line in OpeningHours.objects.all():
            self.naive.opening[line.location_id].append((line.weekday, on_clock(line.opens), on_clock(line.closes)))
        both, people = [home.pk, away.pk], self.pools[0]
        for visit in [
            naive.Visit(both, [(30, True, ["who"])], {"who": people}, before=5, after=10, horizon_days=1),
            naive.Visit(
                [home.pk],
                [(20, True, ["room"]), (30, True, ["who", "room", "laser"]), (10, False, ["room"])],
                {"who": [ann.pk], "room": self.pools[1], "laser": [laser.pk]},
            ),
            naive.Visit([home.pk], [(45, True, ["one", "two"])], {"one": people, "two": people}, step=20),
            naive.Visit(both, [(60, True, ["room"])], {"room": self.pools[1][1:]}, step=30),
            naive.Visit(
                [home.pk], [(15, True, ["who"])], {"who": people[1:]}, notice_hours=2, is_confirmed_by_staff=True
            ),
        ]:
            add_visit(self.naive, visit)


def add_visit(pencil, visit):
    stored = factories.make_visit_type(locations=visit.houses)
    design(pencil, stored.pk, visit)


def design(pencil, key, visit):
    """Gives a visit type the needs, phases and numbers of `visit`."""
    VisitType.objects.filter(pk=key).update(
        step_minutes=visit.step,
        buffer_before=visit.before,
        buffer_after=visit.after,
        notice_hours=visit.notice_hours,
        horizon_days=visit.horizon_days,
        is_published=visit.is_published,
        confirmation="by_staff" if visit.is_confirmed_by_staff else "at_once",
    )
    Need.objects.filter(visit_type=key).delete()
    Part.objects.filter(visit_type=key).delete()
    VisitType(pk=key).locations.set(visit.houses)
    needs = {}
    for position, (name, pool) in enumerate(visit.pools.items()):
        needs[name] = Need.objects.create(visit_type_id=key, name=name, position=position)
        needs[name].resources.set(pool)
    for position, (minutes, is_told, names) in enumerate(visit.parts):
        part = Part.objects.create(
            visit_type_id=key, name="Part", minutes=minutes, is_with_patient=is_told, position=position
        )
        part.needs.set([needs[name] for name in names])
    pencil.visits[key] = visit


class DiaryMachine(RuleBasedStateMachine):
    def __init__(self, world):
        super().__init__()
        self.world = world
        self.pencil = deepcopy(world.naive)
        self.days = []
        self.now = 0  # a minute, see tests.appointments.naive
        self.after = ExitStack()
        self.after.enter_context(undone())

    def teardown(self):
        self.after.close()

    @initialize(data=st.data(), first=st.sampled_from(FIRST_DAYS), hour=st.sampled_from([0, 2, 6, 8, 18]))
    def begin(self, data, first, hour):
        self.days = [first + number * DAY for number in range(3)]
        self.pencil.days = [first + number * DAY for number in range(-2, 6)]
        self.now = minute(datetime.combine(first, time(hour), HOME))
        self.closes(max(self.pencil.zones), self.days[2], self.days[2])
        # One from the second day on, and one until then.
        home, line = min(self.pencil.zones), (time(8), time(10, 30))
        for resource, valid in zip(
            self.world.dated, [{"valid_from": first + DAY}, {"valid_until": first + DAY}], strict=True
        ):
            self.gives_own_hours(resource, [(home, day, *line, valid) for day in self.days])
        for _number in range(3):
            self.somebody_books(data)

    @rule(data=st.data())
    def somebody_books(self, data):
        key = data.draw(st.sampled_from(sorted(self.pencil.visits)), label="visit")
        who = data.draw(st.sampled_from(["patient", "staff", "holder"]), label="who")
        is_staff = who == "staff"
        start, house, provider = self.wish(data, key, is_staff=is_staff)
        booked = self.gets(
            lambda: self.service(key, moment(start, HOME), house, provider, who),
            None, key=key, start=start, house=house, provider=provider, is_staff=is_staff,
        )  # fmt: skip
        if booked is None:
            return
        booked.has_patient = who != "holder"
        if who == "holder":
            booked.expires = self.now + HOLD
        elif self.pencil.visits[key].is_confirmed_by_staff and not is_staff:
            booked.status, booked.expires = "requested", self.now + ANSWER
        else:
            booked.status = "confirmed"

    # What happens to an appointment; `pk` is one of those that `booked` knows.

    def keep(self, data, pk, booked):
        if booked.status == "held" and not booked.has_run_out(self.now) and booked.times_kept < 10:
            diary.keep(appointment=pk, now=self.clock)
            booked.expires, booked.times_kept = self.now + HOLD, booked.times_kept + 1
        else:
            with pytest.raises(diary.HoldEnded):
                diary.keep(appointment=pk, now=self.clock)

    def retake(self, data, pk, booked):
        def retake():
            return diary.retake(appointment=pk, now=self.clock)

        if not self.is_lost(booked):
            retake()
        elif self.takes_again(pk, retake, is_staff=False):
            booked.becomes("held", self.now + HOLD)
            booked.times_kept = 0

    def confirm(self, data, pk, booked):
        name = data.draw(st.sampled_from(["Ada", "Bo"]), label="name")
        details = diary.Details(name=name, email=f"{name}@example.com", phone="")

        def confirm():
            return diary.confirm_hold(appointment=pk, details=details, now=self.clock)

        if not self.is_lost(booked):
            confirm()
        elif not self.takes_again(pk, confirm, is_staff=False):
            return
        else:
            booked.becomes("held")
        if not booked.has_patient:
            booked.has_patient = True
            by_staff = self.pencil.visits[booked.visit].is_confirmed_by_staff
            booked.becomes("requested" if by_staff else "confirmed", self.now + ANSWER if by_staff else None)

    def let_go(self, data, pk, booked):
        diary.let_go(appointment=pk, now=self.clock)
        if booked.status == "held":
            booked.becomes("expired")

    def move(self, data, pk, booked):
        is_staff = data.draw(st.booleans(), label="by staff")
        start, house, provider = self.wish(data, booked.visit, is_staff=is_staff, ignoring=pk)

        def move():
            return diary.move(
                appointment=pk, starts_at=moment(start), location=house, provider=provider, now=self.clock,
                by=self.world.fred if is_staff else None, audience=self.audience(is_staff),
            )  # fmt: skip

        if booked.status not in {"requested", "confirmed"} or booked.has_run_out(self.now):
            with pytest.raises(StepRefused):
                move()
        elif not is_staff and self.now > booked.start:
            with pytest.raises(diary.TooLate):
                move()
        else:
            wanted = {"key": booked.visit, "start": start, "house": house, "provider": provider}
            self.gets(move, pk, is_staff=is_staff, **wanted)

    def cancel(self, data, pk, booked):
        by = data.draw(st.sampled_from([None, self.world.fred]), label="by")
        if by is None and self.now > booked.start:
            with pytest.raises(diary.TooLate):
                diary.cancel(appointment=pk, by=by, now=self.clock)
        elif booked.status in {"requested", "confirmed"}:
            diary.cancel(appointment=pk, by=by, now=self.clock)
            booked.becomes("cancelled")
        else:
            with pytest.raises(StepRefused):
                diary.cancel(appointment=pk, by=by, now=self.clock)

    def answer(self, data, pk, booked):
        answer = data.draw(st.sampled_from(["confirmed", "declined"]), label="answer")
        say = diary.accept if answer == "confirmed" else diary.decline
        is_late = answer == "confirmed" and booked.has_run_out(self.now)
        if booked.status == "requested" and not is_late:
            say(appointment=pk, by=self.world.fred, now=self.clock)
            booked.becomes(answer)
        else:
            with pytest.raises(StepRefused):
                say(appointment=pk, by=self.world.fred, now=self.clock)

    def reinstate(self, data, pk, booked):
        by = data.draw(st.sampled_from([None, self.world.fred]), label="by")
        waits_again = booked.status == "cancelled" and ("requested", "cancelled") in booked.changes

        def reinstate():
            return diary.reinstate(appointment=pk, by=by, now=self.clock)

        if booked.status not in {"cancelled", "declined", "expired"} or not booked.has_patient:
            with pytest.raises(StepRefused):
                reinstate()
        elif self.takes_again(pk, reinstate, is_staff=True, is_past_allowed=by is not None):
            booked.becomes("requested" if waits_again else "confirmed", self.now + ANSWER if waits_again else None)

    @precondition(lambda self: self.pencil.booked)
    @rule(data=st.data(), act=st.sampled_from([keep, retake, confirm, confirm, let_go, answer]))
    def a_patient_or_the_desk_answers(self, data, act):
        pk = data.draw(st.sampled_from(sorted(self.pencil.booked)), label="appointment")
        act(self, data, pk, self.pencil.booked[pk])

    @precondition(lambda self: self.pencil.booked)
    @rule(data=st.data(), act=st.sampled_from([move, move, cancel, reinstate]))
    def a_visit_is_changed(self, data, act):
        pk = data.draw(st.sampled_from(sorted(self.pencil.booked)), label="appointment")
        act(self, data, pk, self.pencil.booked[pk])

    @rule(minutes=st.sampled_from([5, HOLD, 45, ANSWER, 10 * 60]))
    def time_passes(self, minutes):
        self.now += minutes

    @rule()
    def release_run_out(self):
        run_out = [
            booked for booked in self.pencil.booked.values()
            if booked.status in {"held", "requested"} and booked.has_run_out(self.now)
        ]  # fmt: skip
        assert diary.release_run_out(now=self.clock) == len(run_out)
        for booked in run_out:
            booked.becomes("expired")

    # What the practice changes.

    def close(self, data):
        self.closes(*self.some_days(data, [None, *self.pencil.zones]))

    def closes(self, house, first, last):
        closure = Closure.objects.create(location_id=house, starts_on=first, ends_on=last)
        self.pencil.others["closure", closure.pk] = naive.Other(False, None, house, first, last)

    def close_for_hours_or_open(self, data):
        kind = data.draw(st.sampled_from(["closed", "open"]), label="kind")
        resource = data.draw(st.sampled_from([None, *self.pencil.stands_in]), label="resource")
        span = data.draw(spans(), label="span")
        if kind == "closed":
            span = data.draw(st.sampled_from([(None, None), span]), label="all day or not")
        house, first, last = self.some_days(
            data, [*self.pencil.zones] if kind == "open" else [None, *self.pencil.zones]
        )
        stored = HoursException.objects.create(
            kind=kind, resource_id=resource, location_id=house, starts_on=first, ends_on=last,
            opens=span[0], closes=span[1],
        )  # fmt: skip
        minutes = [edge and on_clock(edge) for edge in span]
        self.pencil.others["exception", stored.pk] = naive.Other(kind == "open", resource, house, first, last, *minutes)

    def take_back_an_exception(self, data):
        if self.pencil.others:
            table, pk = data.draw(st.sampled_from(sorted(self.pencil.others)), label="exception")
            (Closure if table == "closure" else HoursException).objects.get(pk=pk).delete()
            del self.pencil.others[table, pk]

    def change_opening_hours(self, data):
        house = data.draw(st.sampled_from(sorted(self.pencil.zones)), label="house")
        lines = [(day.weekday(), *data.draw(spans(), label="span")) for day in self.days]
        OpeningHours.objects.filter(location=house).delete()
        for weekday, opens, closes in lines:
            OpeningHours.objects.create(location_id=house, weekday=weekday, opens=opens, closes=closes)
        self.pencil.opening[house] = [(weekday, on_clock(opens), on_clock(closes)) for weekday, opens, closes in lines]

    def change_own_hours(self, data):
        """A line for each day that is looked at, or none: the house's hours again."""
        resource = data.draw(st.sampled_from(sorted(self.pencil.stands_in)), label="resource")
        lines = []
        for day in self.days if data.draw(st.booleans(), label="own hours") else []:
            house = data.draw(st.sampled_from(sorted(self.pencil.stands_in[resource])), label="house")
            edge = data.draw(st.sampled_from(self.days), label="edge")
            valid = data.draw(st.sampled_from([{}, {"valid_from": edge}, {"valid_until": edge}]), label="valid")
            lines.append((house, day, *data.draw(spans(), label="span"), valid))
        self.gives_own_hours(resource, lines)

    def gives_own_hours(self, resource, lines):
        ResourceHours.objects.filter(resource=resource).delete()
        self.pencil.hours[resource] = []
        for house, day, opens, closes, valid in lines:
            weekday = day.weekday()
            ResourceHours.objects.create(
                resource_id=resource, location_id=house, weekday=weekday, opens=opens, closes=closes, **valid
            )
            self.pencil.hours[resource].append(naive.Hours(house, weekday, on_clock(opens), on_clock(closes), **valid))

    def redesign_a_visit(self, data):
        key = data.draw(st.sampled_from(sorted(self.pencil.visits)), label="visit")
        design(self.pencil, key, data.draw(visits(self.world.pools, sorted(self.pencil.zones)), label="as"))

    def take_out_of_use_or_back(self, data):
        what = [("house", pk) for pk in self.pencil.zones] + [("resource", pk) for pk in self.pencil.stands_in]
        kind, pk = data.draw(st.sampled_from(what), label="what")
        is_back = pk in self.pencil.not_in_use[kind]
        (Location if kind == "house" else Resource).objects.filter(pk=pk).update(is_active=is_back)
        self.pencil.not_in_use[kind] ^= {pk}

    @rule(
        data=st.data(),
        act=st.sampled_from(
            [close, close_for_hours_or_open, take_back_an_exception, change_opening_hours, change_own_hours,
             redesign_a_visit, take_out_of_use_or_back]
        ),
    )  # fmt: skip
    def the_practice_changes(self, data, act):
        act(self, data)
        self.pencil.known.clear()

    # What has to hold.

    @rule(data=st.data(), is_staff=st.booleans())
    def narrow_what_is_offered(self, data, is_staff):
        self.agrees(
            data.draw(st.sampled_from(sorted(self.pencil.visits)), label="visit"),
            is_staff=is_staff,
            house=data.draw(st.sampled_from([None, *self.pencil.zones]), label="house"),
            provider=data.draw(st.sampled_from([None, *sorted(self.pencil.people)]), label="provider"),
            ignoring=data.draw(st.sampled_from([None, *self.pencil.booked]), label="ignoring"),
        )

    @rule(data=st.data(), who=st.sampled_from(["patient", "staff", "holder"]))
    def whatever_is_offered_can_be_booked(self, data, who):
        key = data.draw(st.sampled_from(sorted(self.pencil.visits)), label="visit")
        times = self.table(key, is_staff=who == "staff").times
        if not times:
            return
        for number in data.draw(st.lists(st.integers(0, len(times) - 1), min_size=1, max_size=4), label="times"):
            free_time = times[number]
            with undone():
                booked = self.service(key, free_time.starts_at, free_time.location, free_time.provider, who)
                booked.refresh_from_db()
                assert (booked.starts_at, booked.location_id, booked.provider_id) == (
                    moment(minute(free_time.starts_at)), free_time.location, free_time.provider,
                )  # fmt: skip

    @invariant()
    def nothing_is_occupied_twice(self):
        with connection.cursor() as cursor:
            cursor.execute(OVERLAPS)
            assert cursor.fetchone() == (0,)

    @invariant()
    def both_know_the_same_appointments(self):
        fields = "pk", "status", "starts_at", "ends_at", "location", "provider"
        stored = {
            pk: (status, minute(starts_at), minute(ends_at), house, provider)
            for pk, status, starts_at, ends_at, house, provider in Appointment.objects.values_list(*fields)
        }
        for pk, booked in self.pencil.booked.items():
            # Somebody who wanted its time has released it.
            if booked.has_run_out(self.now) and stored[pk][0] == "expired":
                booked.becomes("expired")
        assert stored == {
            pk: (booked.status, booked.start, booked.start + booked.minutes, booked.house, booked.provider)
            for pk, booked in self.pencil.booked.items()
        }
        lines = Allocation.objects.filter(blocking=True).values_list("appointment", "resource", "occupied")
        assert sorted((pk, resource, m) for pk, resource, span in lines for m in each_minute(span)) == sorted(
            (pk, *taken)
            for pk, booked in self.pencil.booked.items()
            if booked.status in {"held", "requested", "confirmed"}
            for taken in booked.taken
        )

    @invariant()
    def exactly_what_can_be_booked_is_offered(self):
        if self.days:
            for key in self.pencil.visits:
                self.agrees(key)

    # How both are asked.

    @property
    def clock(self):
        return moment(self.now)

    def audience(self, is_staff):
        return Audience.STAFF if is_staff else Audience.PATIENTS

    def table(self, key, *, is_staff=False, house=None, provider=None, ignoring=None):
        return timetable(
            plan=load_plan(visit_type=key, first=self.days[0], days=3), first=self.days[0], days=3, now=self.clock,
            audience=self.audience(is_staff), location=house, provider=provider, ignoring=ignoring,
        )  # fmt: skip

    def agrees(self, key, **asked):
        table, expected = self.table(key, **asked), self.pencil.offered(key, self.days, self.now, **asked)
        offered = [(minute(free_time.starts_at), free_time.location, free_time.provider) for free_time in table.times]
        assert set(offered) == expected
        assert len(offered) == len(expected)
        minutes = self.pencil.visits[key].minutes
        assert all(minute(free_time.ends_at) - minute(free_time.starts_at) == minutes for free_time in table.times)
        local = {(moment(start, self.pencil.zones[house]).date(), start) for start, house, _provider in expected}
        assert table.counts() == {day: len([start for on, start in local if on == day]) for day in self.days}

    def wish(self, data, key, **asked):
        """A time that is offered, or that somebody has, or any; whoever and wherever, or just the one."""
        midnight = minute(datetime.combine(self.days[0], time(), UTC))
        times = {
            "free": sorted(self.pencil.offered(key, self.days, self.now, **asked), key=str),
            "had": [(booked.start, booked.house, booked.provider) for booked in self.pencil.booked.values()],
            "any": [
                (start, house, provider)
                for start in range(midnight, midnight + 3 * 24 * 60, 5)
                for house in sorted(self.pencil.zones)
                for provider in sorted(self.pencil.people)
            ],
        }
        kind = data.draw(st.sampled_from(["free"] * 4 + ["had"] * 3 + ["any"]), label="kind")
        start, house, provider = data.draw(st.sampled_from(times[kind] or times["free"] or times["any"]), label="wish")
        is_given = data.draw(st.tuples(st.booleans(), st.booleans()), label="house and person are given")
        return start, house if is_given[0] else None, provider if is_given[1] else None

    def service(self, key, starts_at, house, provider, who):
        asked = {"visit_type": key, "starts_at": starts_at, "location": house, "provider": provider, "now": self.clock}
        if who == "holder":
            return diary.hold(**asked, submission=uuid.uuid4(), holder=None)
        return diary.book(
            **asked, details=None, patient=self.world.patient, by=self.world.fred if who == "staff" else None,
            submission=uuid.uuid4(), audience=self.audience(who == "staff"),
        )  # fmt: skip

    def gets(self, act, pk, *, key, start, house, provider, is_staff, as_of=None):
        """Does what gives an appointment this time, or sees it fail, as the pencil says. What was booked, if anything.

        `pk` is None for a new one; what is asked `as_of` an earlier minute may be past.
        """
        as_of = self.now if as_of is None else as_of
        asked = {"house": house, "provider": provider, "is_staff": is_staff, "only": start}
        found = self.pencil.offered(key, self.pencil.days, as_of, ignoring=pk, **asked)
        if not found:
            is_real = self.pencil.offered(key, self.pencil.days, as_of, is_empty=True, **asked)
            with pytest.raises(diary.SlotTaken if is_real else diary.NotOffered):
                act()
            return None
        stored = Appointment.objects.get(pk=act().pk)
        assert (minute(stored.starts_at), stored.location_id, stored.provider_id) in found
        lines = stored.allocations.values_list("resource", "occupied")
        taken = [(resource, m) for resource, span in lines for m in each_minute(span)]
        lead = self.pencil.chosen_from(key)
        ways = self.pencil.ways(key, start, stored.location_id, self.pencil.taken(as_of, pk))
        fitting = [self.pencil.occupied_by(key, start, way) for way in ways if way.get(lead) == stored.provider_id]
        assert set(taken) in fitting
        assert len(taken) == len(set(taken))
        booked = self.pencil.booked.setdefault(stored.pk, naive.Booked(visit=key))
        booked.start, booked.minutes, booked.taken = start, self.pencil.visits[key].minutes, set(taken)
        booked.house, booked.provider = stored.location_id, stored.provider_id
        return booked

    def is_lost(self, booked):
        return not booked.has_patient and (booked.status == "expired" or booked.has_run_out(self.now))

    def takes_again(self, pk, act, *, is_staff, is_past_allowed=False):
        booked = self.pencil.booked[pk]
        wanted = {"key": booked.visit, "start": booked.start, "house": booked.house, "provider": booked.provider}
        as_of = min(self.now, booked.start - 1) if is_past_allowed else self.now
        return self.gets(act, pk, is_staff=is_staff, as_of=as_of, **wanted)

    def some_days(self, data, houses):
        first, last = sorted(data.draw(st.tuples(*[st.sampled_from(self.days)] * 2), label="days"))
        return data.draw(st.sampled_from(houses), label="house"), first, last


def each_minute(span):
    return range(minute(span.lower), minute(span.upper))


def test_the_diary_agrees_with_one_that_is_kept_with_a_pencil(db):
    world = World()
    run_state_machine_as_test(lambda: DiaryMachine(world), settings=SETTINGS)


@pytest.fixture
def visit(db):
    factories.make_practice()
    house = factories.make_location(hours=[(day, time(9), time(12)) for day in range(7)])
    return factories.make_visit_type(people=[factories.make_person(location=house)], locations=[house])


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WISH = {"location": None, "provider": None, "by": None, "audience": Audience.PATIENTS}


def book(visit, **fields):
    start = datetime(2026, 6, 4, 9, tzinfo=HOME)
    asked = {"details": None, "patient": factories.make_patient(), "submission": uuid.uuid4(), "now": NOON}
    return diary.book(**{"visit_type": visit.pk, "starts_at": start} | WISH | asked | fields)


@pytest.mark.parametrize("is_swept", [True, False])
def test_what_nobody_confirmed_in_time_cannot_be_moved_whether_it_is_swept_or_not(visit, is_swept):
    VisitType.objects.filter(pk=visit.pk).update(confirmation="by_staff")
    waiting, later = book(visit), NOON + timedelta(hours=48)
    if is_swept:
        assert diary.release_run_out(now=later) == 1
    with pytest.raises(StepRefused):
        diary.move(appointment=waiting.pk, starts_at=waiting.starts_at + DAY, now=later, **WISH)


def test_somebody_who_does_not_do_a_visit_is_refused_though_nobody_is_needed_for_it(visit):
    person, house = visit.needs.get().resources.get(), visit.locations.get()
    alone = factories.make_visit_type(rooms=[factories.make_room(house)], locations=[house])
    asked = {"plan": load_plan(visit_type=alone.pk, first=NOON.date(), days=3), "first": NOON.date(), "days": 3}
    assert timetable(**asked, now=NOON).times
    assert timetable(**asked, now=NOON, provider=person.pk).times == []
    with pytest.raises(diary.NotOffered, match="person"):
        book(alone, provider=person.pk)
    assert book(alone).provider is None
