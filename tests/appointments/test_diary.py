"""Holding, booking, moving and giving up a time, through the only functions that write it."""

import uuid
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from appointments.availability import Audience
from appointments.models import BLOCKING, Allocation, Appointment, BookingRules, Patient, Status, StepRefused
from appointments.services import diary
from clinic.models import Closure, Letter
from tests import factories

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=NEW_YORK)
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=NEW_YORK)
HOUR = timedelta(hours=1)
ADA = diary.Details(name="Ada Byron", email="ada@example.com", phone="(704) 555-0142")


@pytest.fixture
def house(db):
    factories.make_practice()
    return factories.make_location(hours=[(0, time(9), time(12)), (1, time(9), time(12))])


@pytest.fixture
def person(house):
    return factories.make_person(location=house)


@pytest.fixture
def visit(house, person):
    return factories.make_visit_type(people=[person], locations=[house], minutes=60, step_minutes=30)


@pytest.fixture
def fred(db):
    return factories.front_desk()


def hold(visit, starts_at=NINE, *, now=NOW, submission=None, location=None, provider=None):
    return diary.hold(
        visit_type=visit.slug, starts_at=starts_at, location=location, provider=provider,
        submission=submission or uuid.uuid4(), holder=None, now=now,
    )  # fmt: skip


def book(visit, starts_at=NINE, *, now=NOW, details=ADA, **fields):
    wish = {"patient": None, "by": None, "audience": Audience.PATIENTS, "location": None, "provider": None}
    return diary.book(
        **{"visit_type": visit.slug, "starts_at": starts_at, "details": details, "submission": uuid.uuid4(), "now": now}
        | wish
        | fields
    )


def occupied():
    """(resource, from, until) of all that blocks, as minutes after NINE."""
    return sorted(
        (row.resource_id, *((edge - NINE) // timedelta(minutes=1) for edge in (row.occupied.lower, row.occupied.upper)))
        for row in Allocation.objects.filter(blocking=True)
    )


def test_a_booking_is_an_appointment_with_its_allocations_history_and_one_letter(visit, person, house):
    appointment = Appointment.objects.get(pk=book(visit).pk)
    assert (appointment.starts_at, appointment.ends_at) == (NINE, NINE + HOUR)
    assert (appointment.status, appointment.location, appointment.provider) == ("confirmed", house, person)
    assert occupied() == [(person.pk, 0, 60)]
    assert [(change.was, change.became) for change in appointment.changes.all()] == [("", "confirmed")]
    assert Letter.objects.get().to == "ada@example.com"
    assert (appointment.told_status, appointment.told_starts_at, appointment.tell_at) == ("confirmed", NINE, None)


@pytest.mark.parametrize("people", [1, 10])
def test_a_booking_takes_at_most_twelve_statements(visit, house, people):
    for _number in range(people - 1):
        visit.needs.get().resources.add(factories.make_person(location=house))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        book(visit)
    statements = [
        query["sql"].strip()[:90] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
    ]
    assert len(statements) <= 12, statements


def test_every_phase_occupies_what_it_needs_and_no_more(house, person):
    room, laser = factories.make_room(house), factories.make_device(house)
    visit = factories.make_visit_type(
        people=[person], rooms=[room], devices=[laser], locations=[house], buffer_after=5,
        phases=[(30, True, ["room"]), (30, True, ["person", "room", "device"]), (15, False, ["room"])],
    )  # fmt: skip
    appointment = book(visit)
    assert appointment.ends_at == NINE + HOUR
    assert occupied() == sorted([(person.pk, 30, 60), (laser.pk, 30, 60), (room.pk, 0, 80)])


def test_a_taken_time_is_refused_and_leaves_nothing(visit):
    book(visit)
    with pytest.raises(diary.SlotTaken):
        book(visit, NINE + HOUR / 2, details=diary.Details(name="Bo", email="bo@example.com"))
    assert Appointment.objects.count() == Patient.objects.count() == Letter.objects.count() == 1


@pytest.mark.parametrize(
    ("starts_at", "words"),
    [
        (NOW - HOUR, "has passed"),
        (NOW, "has passed"),
        (NINE + timedelta(minutes=10), "not one of our times"),
        (NINE + timedelta(seconds=1), "not one of our times"),
        (NINE - HOUR, "outside the hours"),
        (NINE + 2.5 * HOUR, "outside the hours"),
        (NINE.replace(hour=3), "outside the hours"),
        (NINE + timedelta(days=6), "outside the hours"),
        (NINE + timedelta(days=70), "You can book until Thursday, April 30."),
        (NINE.replace(year=9999), "too far away"),
        (datetime(9999, 12, 31, 23, 59, tzinfo=ZoneInfo("Etc/GMT+12")), "too far away"),
        (datetime(1, 1, 1, tzinfo=ZoneInfo("Etc/GMT-14")), "too far away"),
    ],
)  # fmt: skip
def test_what_is_never_offered_says_why(visit, starts_at, words):
    for attempt in (hold, book):
        with pytest.raises(diary.NotOffered, match=words):
            attempt(visit, starts_at)
    assert not Appointment.objects.exists()


def test_a_wrong_person_place_or_visit_says_so(visit, house):
    stranger, away = factories.make_person(location=house), factories.make_location()
    with pytest.raises(diary.NotOffered, match="person"):
        book(visit, provider=stranger.pk)
    with pytest.raises(diary.NotOffered, match="location"):
        book(visit, location=away.pk)
    with pytest.raises(diary.NotBookable):
        book(visit, visit_type="gone")
    visit.is_published = False
    visit.save()
    with pytest.raises(diary.NotOffered, match="cannot be booked online any more"):
        book(visit)
    visit.is_published, visit.notice_hours = True, 48
    visit.save()
    with pytest.raises(diary.NotOffered, match="48 hours"):
        book(visit)


def test_any_person_is_whoever_is_free(visit, house, person):
    other = factories.make_person(location=house)
    visit.needs.get().resources.add(other)
    assert {book(visit).provider.pk, book(visit).provider.pk} == {person.pk, other.pk}
    with pytest.raises(diary.SlotTaken):
        book(visit)


def test_any_person_is_the_one_whose_day_stays_whole(visit, house, person):
    other = factories.make_person(location=house)
    book(visit, provider=None, starts_at=NINE + HOUR)
    visit.needs.get().resources.add(other)
    assert book(visit).provider == person


def test_a_double_click_is_one_appointment(visit, house):
    visit.needs.get().resources.add(factories.make_person(location=house))
    once = uuid.uuid4()
    assert book(visit, submission=once) == book(visit, submission=once)
    assert hold(visit, NINE + HOUR, submission=uuid.UUID(int=1)) == hold(
        visit, NINE + HOUR, submission=uuid.UUID(int=1)
    )
    assert (Appointment.objects.count(), Letter.objects.count()) == (2, 1)


def test_a_hold_keeps_its_time_and_becomes_the_patients(visit):
    held = hold(visit)
    assert (held.status, held.patient, held.expires_at) == ("held", None, NOW + timedelta(minutes=10))
    with pytest.raises(diary.SlotTaken):
        book(visit)
    diary.save_typed(appointment=held.pk, typed={"name": "Ada"}, now=NOW)
    booked = diary.confirm_hold(appointment=held.pk, details=ADA, now=NOW)
    booked.refresh_from_db()
    assert (booked.status, booked.patient.name, booked.typed, booked.expires_at) == (
        "confirmed",
        "Ada Byron",
        None,
        None,
    )
    assert diary.confirm_hold(appointment=held.pk, details=ADA, now=NOW) == booked
    assert Letter.objects.count() == 1
    assert [change.became for change in booked.changes.all()] == ["held", "confirmed"]


def test_a_hold_is_kept_ten_times_and_not_after_it_ran_out(visit):
    held = hold(visit)
    for number in range(1, 11):
        kept = diary.keep(appointment=held.pk, now=NOW + number * timedelta(minutes=9))
        assert kept.expires_at == NOW + number * timedelta(minutes=9) + timedelta(minutes=10)
    with pytest.raises(diary.HoldEnded):
        diary.keep(appointment=held.pk, now=NOW + timedelta(minutes=95))
    with pytest.raises(diary.HoldEnded):
        diary.keep(appointment=hold(visit, NINE + HOUR).pk, now=NOW + timedelta(minutes=10))


@pytest.mark.parametrize("is_swept", [True, False])
def test_a_hold_that_ran_out_is_taken_again_while_it_is_free(visit, is_swept):
    held, later = hold(visit), NOW + timedelta(minutes=10)
    if is_swept:
        assert diary.release_run_out(now=later) == 1
    assert diary.retake(appointment=held.pk, now=later).expires_at == later + timedelta(minutes=10)
    with pytest.raises(diary.SlotTaken):
        book(visit, now=later)


@pytest.mark.parametrize("is_swept", [True, False])
def test_a_hold_that_ran_out_is_confirmed_while_it_is_free_and_else_refused(visit, is_swept):
    held, other, later = hold(visit), hold(visit, NINE + HOUR), NOW + timedelta(minutes=10)
    if is_swept:
        assert diary.release_run_out(now=later) == 2
    assert diary.confirm_hold(appointment=held.pk, details=ADA, now=later).status == "confirmed"
    book(visit, NINE + HOUR, now=later, details=diary.Details(name="Bo", email="bo@example.com"))
    with pytest.raises(diary.SlotTaken):
        diary.confirm_hold(appointment=other.pk, details=ADA, now=later)
    other.refresh_from_db()
    assert (other.status, other.patient) == ("expired", None)


def test_what_is_let_go_is_free_at_once(visit):
    diary.let_go(appointment=hold(visit).pk, now=NOW)
    assert book(visit).status == "confirmed"


def test_a_hold_outlives_the_closing_of_its_day(visit):
    """The time was promised: staff see it in the closed day and call."""
    held = hold(visit)
    Closure.objects.create(starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 2))
    assert diary.confirm_hold(appointment=held.pk, details=ADA, now=NOW).status == "confirmed"
    with pytest.raises(diary.NotOffered):
        hold(visit, NINE + HOUR)


def test_where_staff_confirm_a_booking_waits_and_lapses_and_one_contact_has_few(visit, fred):
    visit.confirmation = "by_staff"
    visit.save()
    first, second = book(visit), book(visit, NINE + HOUR)
    # The visit is before the 48 hours are over, and even before the cut-off.
    assert (first.status, first.expires_at) == ("requested", NINE)
    with pytest.raises(diary.TooManyWaiting):
        book(visit, NINE + 2 * HOUR)
    assert diary.accept(appointment=first.pk, by=fred, now=NOW).status == "confirmed"
    assert diary.decline(appointment=second.pk, by=fred, now=NOW, reason="Full").status == "declined"
    third = diary.confirm_hold(appointment=hold(visit, NINE + HOUR).pk, details=ADA, now=NOW)
    assert third.status == "requested"
    later = NOW + timedelta(hours=48)
    assert diary.release_run_out(now=later) == 1
    third.refresh_from_db()
    assert (third.status, third.tell_at) == ("expired", later)
    with pytest.raises(StepRefused):
        diary.accept(appointment=third.pk, by=fred, now=later)
    assert book(visit, NINE + 2 * HOUR, by=fred, audience=Audience.STAFF).status == "confirmed"


def test_a_move_gives_up_the_old_time_and_may_overlap_it(visit, person, fred):
    appointment = book(visit)
    moved = diary.move(
        appointment=appointment.pk, starts_at=NINE + HOUR / 2, location=None, provider=None, by=fred,
        audience=Audience.STAFF, now=NOW, reason="Late train",
    )  # fmt: skip
    assert occupied() == [(person.pk, 30, 90)]
    assert (moved.sequence, moved.tell_at) == (1, NOW + timedelta(minutes=5))
    change = moved.changes.last()
    assert (change.was_at, change.became_at, change.by, change.reason) == (NINE, NINE + HOUR / 2, fred, "Late train")


def test_a_move_that_fails_keeps_the_old_time(visit, person):
    appointment = book(visit)
    book(visit, NINE + HOUR)
    with pytest.raises(diary.SlotTaken):
        diary.move(
            appointment=appointment.pk, starts_at=NINE + HOUR, location=None, provider=None, by=None,
            audience=Audience.PATIENTS, now=NOW - timedelta(days=1),
        )  # fmt: skip
    assert occupied() == [(person.pk, 0, 60), (person.pk, 60, 120)]


def test_a_cancellation_frees_the_time_keeps_the_row_and_can_be_taken_back(visit, person):
    yesterday = NOW - timedelta(days=1)
    appointment = book(visit, now=yesterday)
    cancelled = diary.cancel(appointment=appointment.pk, by=None, now=yesterday)
    assert (cancelled.status, cancelled.sequence, cancelled.tell_at) == (
        "cancelled",
        1,
        yesterday + timedelta(minutes=5),
    )
    assert occupied() == []
    assert diary.reinstate(appointment=appointment.pk, by=None, now=yesterday).status == "confirmed"
    assert occupied() == [(person.pk, 0, 60)]
    diary.cancel(appointment=appointment.pk, by=None, now=yesterday)
    book(visit, now=yesterday)
    with pytest.raises(diary.SlotTaken):
        diary.reinstate(appointment=appointment.pk, by=None, now=yesterday)


def test_patients_change_until_the_cut_off_and_staff_later(visit, fred):
    BookingRules.objects.create(cutoff_hours=24)
    appointment = book(visit, now=NOW - timedelta(days=2))
    for change in (diary.cancel, lambda **k: diary.move(**k, starts_at=NINE + HOUR, location=None, provider=None,
                                                        audience=Audience.PATIENTS)):  # fmt: skip
        with pytest.raises(diary.TooLate):
            change(appointment=appointment.pk, by=None, now=NINE - timedelta(hours=23))
    assert diary.cancel(appointment=appointment.pk, by=fred, now=NINE - HOUR).status == "cancelled"


def test_steps_of_the_day_are_recorded_and_taken_back_and_illegal_ones_refused(visit, fred):
    pk = book(visit).pk
    for status in ("arrived", "confirmed", "no_show", "arrived", "completed", "arrived"):
        diary.step(appointment=pk, status=Status(status), by=fred, now=NINE)
    with pytest.raises(StepRefused):
        diary.step(appointment=pk, status=Status.NO_SHOW, by=fred, now=NINE)
    with pytest.raises(StepRefused):
        diary.step(appointment=pk, status=Status.CANCELLED, by=fred, now=NINE)
    with pytest.raises(StepRefused):
        diary.cancel(appointment=pk, by=fred, now=NINE)
    history = Appointment.objects.get(pk=pk).changes.values_list("was", "became", "by")
    assert list(history)[1:3] == [("confirmed", "arrived", fred.pk), ("arrived", "confirmed", fred.pk)]


def test_the_database_refuses_an_overlap_whoever_asks(visit, person):
    appointment = book(visit)
    raw = Allocation(appointment=appointment, resource=person, occupied=(NINE + HOUR / 2, NINE + 2 * HOUR))
    with pytest.raises(IntegrityError, match="allocation_never_twice"), transaction.atomic():
        raw.save()
    cancelled = book(visit, NINE + HOUR)
    diary.cancel(appointment=cancelled.pk, by=factories.manager(), now=NOW)
    book(visit, NINE + HOUR)
    with pytest.raises(IntegrityError, match="allocation_never_twice"), transaction.atomic():
        Appointment.objects.filter(pk=cancelled.pk).update(status="confirmed")


@pytest.mark.parametrize(
    "written",
    ["empty", "[2026-03-02 09:00+00,)", "(,2026-03-02 09:00+00]", "[2026-03-02 09:00+00,infinity)",
     "[-infinity,2026-03-02 09:00+00)", "[2026-03-02 09:00+00,2026-03-02 10:00+00]",
     "(2026-03-02 09:00+00,2026-03-02 10:00+00)", "[2026-03-02 09:00+00,2026-03-03 09:00:01+00)"],
)  # fmt: skip
def test_the_database_refuses_what_is_no_span(visit, person, written):
    appointment = book(visit)
    with (
        pytest.raises(IntegrityError, match="allocation_is_a_span"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO appointments_allocation (appointment_id, resource_id, occupied, blocking)"
            " VALUES (%s, %s, %s, true)",
            [appointment.pk, person.pk, written],
        )


def test_one_address_serves_several_people_and_nobody_is_overwritten(visit):
    mother = book(visit).patient
    daughter = book(visit, NINE + HOUR, details=diary.Details("Anne Byron", ADA.email, ADA.phone)).patient
    again = book(
        visit, NINE + 2 * HOUR, details=diary.Details(" ada  BYRON", "Ada@example.com", "704.555.0142")
    ).patient
    assert again == mother
    assert (daughter == mother, daughter.looks_like_another, mother.looks_like_another) == (False, True, False)
    mother.refresh_from_db()
    assert (mother.name, mother.email) == ("Ada Byron", "ada@example.com")


def test_the_database_has_the_same_list_of_what_blocks(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT s FROM unnest(%s) AS s WHERE appointments_blocks(s)", [Status.values])
        assert {status for (status,) in cursor.fetchall()} == set(BLOCKING)
