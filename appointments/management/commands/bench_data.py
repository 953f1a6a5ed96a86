"""manage.py bench_data: a practice with a long past, to measure with. PostgreSQL makes the rows by itself."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from appointments.models import Appointment, Need, Patient, Phase, Resource, VisitType
from appointments.references import SIGNS
from clinic.models import Location, OpeningHours, Provider

PLACE = VISIT = "bench-data"
MAILBOXES = "@bench-data.invalid"
ZONE = "America/New_York"
OPENS, STEP = 8, 20  # o'clock, minutes
A_DAY = 30  # visits of one person, from 8 to 18 o'clock
A_WEEK = 6 * A_DAY  # closed on Sundays
MOST, MOST_EACH = 5_000_000, 500_000  # the latter in fifty years

PATIENTS = """
INSERT INTO appointments_patient (name, email, phone, phone_e164, note, looks_like_another, created_at)
SELECT 'Patient ' || number, 'patient' || number || %(mailboxes)s, '', '', '', false, now() - interval '1 year'
FROM generate_series(1, %(patients)s) AS number
"""
# People take turns. `place` is one of the places on the clock that a person has: of ten of them `of_ten` are taken,
# not the same ones by everybody. The past goes back from the Saturday before this week, the future on from next Monday.
APPOINTMENTS = """
WITH person AS (
    SELECT id, (row_number() OVER (ORDER BY id) - 1)::int AS number FROM appointments_resource
    WHERE id = ANY(%(people)s)
), patient AS (
    SELECT id, (row_number() OVER (ORDER BY id) - 1)::int AS number FROM appointments_patient
    WHERE email LIKE '%%' || %(mailboxes)s
), visit AS (
    SELECT %(first)s + turn AS number, person.id AS person,
        turn / %(many)s + turn / %(many)s / %(of_ten)s * (10 - %(of_ten)s) + person.number %% (11 - %(of_ten)s) AS place
    FROM generate_series(0, %(count)s - 1) AS turn JOIN person ON person.number = turn %% %(many)s
), timed AS (
    SELECT visit.*, (
        %(monday)s::date + %(direction)s * 7 * (place / %(a_week)s + 1)
        + place %% %(a_week)s / %(a_day)s + (%(opens)s || ':00')::time
        + place %% %(a_day)s * %(step)s * interval '1 minute'
    ) AT TIME ZONE %(zone)s AS starts_at, (number::bigint * 7919 + 12345) %% 148035889 AS drawn
    FROM visit
)
INSERT INTO appointments_appointment (
    reference, submission, patient_id, visit_type_id, location_id, provider_id, starts_at, ends_at, status,
    times_kept, message, consent_text, consent_version, created_at, settled_at, calendar_uid, sequence,
    told_status, told_starts_at, told_location_id, told_provider_id
)
SELECT
    'R-' || (SELECT string_agg(substr(%(signs)s, (drawn / power(23, sign)::int)::int %% 23 + 1, 1)
                               || CASE sign WHEN 2 THEN '-' ELSE '' END, '' ORDER BY sign DESC)
             FROM generate_series(0, 5) AS sign),
    gen_random_uuid(), patient.id, %(visit_type)s, %(location)s, person, starts_at,
    starts_at + %(step)s * interval '1 minute', status, 0, '', '', '', starts_at - interval '14 days',
    starts_at - interval '14 days', gen_random_uuid(), 0, status, starts_at, %(location)s, person
FROM timed
JOIN patient ON patient.number = timed.number %% %(patients)s
CROSS JOIN LATERAL (SELECT CASE
    WHEN %(direction)s > 0 THEN 'confirmed' WHEN timed.number %% 20 = 0 THEN 'cancelled'
    WHEN timed.number %% 33 = 0 THEN 'no_show' ELSE 'completed' END AS status) AS was
"""
# Each person has a room of their own.
ALLOCATIONS = """
INSERT INTO appointments_allocation (appointment_id, resource_id, occupied, blocking)
SELECT made.id, taken, tstzrange(starts_at, ends_at), appointments_blocks(status)
FROM appointments_appointment made
CROSS JOIN unnest(ARRAY[made.provider_id, (%(rooms)s::bigint[])[array_position(%(people)s, made.provider_id)]]) AS taken
WHERE visit_type_id = %(visit_type)s
"""
CHANGES = """
INSERT INTO appointments_change (appointment_id, at, was, became, became_at, reason)
SELECT id, created_at, '', 'confirmed', starts_at, '' FROM appointments_appointment
WHERE visit_type_id = %(visit_type)s
UNION ALL
SELECT id, starts_at, 'confirmed', status, NULL, '' FROM appointments_appointment
WHERE visit_type_id = %(visit_type)s AND status <> 'confirmed'
"""
OURS = "SELECT id FROM appointments_appointment WHERE location_id IN (SELECT id FROM clinic_location WHERE slug = %s)"
REMOVE = [
    f"DELETE FROM {table} WHERE appointment_id IN ({OURS})"  # noqa: S608 -- no value from outside
    for table in ("appointments_allocation", "appointments_change", "appointments_reminder")
] + [f"DELETE FROM appointments_appointment WHERE id IN ({OURS})"]  # noqa: S608 -- nor here
TABLES = "appointments_patient, appointments_appointment, appointments_allocation, appointments_change"


class Command(BaseCommand):
    help = (
        "Makes a practice with a long past, to measure with: a location, people with a room each, a visit type "
        "“bench-data” for any of them, that many appointments in the past, and the same for the next weeks whatever "
        "the size of the past. A million takes some minutes and 1.5 GB. It refuses to run where there are patients or "
        "appointments that it did not make. --remove takes away all that it made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--appointments", type=int, default=1_000_000, help="how many in the past (default: 1000000)"
        )
        parser.add_argument("--providers", type=int, default=10, help="how many people share them (default: 10)")
        parser.add_argument(
            "--ahead", type=int, default=8, help="how many weeks to come are booked for seven tenths (default: 8)"
        )
        parser.add_argument("--remove", action="store_true", help="remove what an earlier run made, and make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove"]:
            self._remove()
            return
        count, many, ahead = options["appointments"], options["providers"], options["ahead"]
        if not 0 < many <= 500 or not 0 < count <= min(MOST, many * MOST_EACH) or not 0 <= ahead <= 50:
            most = f"at most {MOST} appointments, {MOST_EACH} of one person"
            raise CommandError(f"Ask for 1 to 500 providers, {most}, and at most 50 weeks ahead.")
        if Appointment.objects.exists() or Patient.objects.exists():
            raise CommandError("There are patients or appointments here. Nothing was made; --remove removes only mine.")
        with transaction.atomic():
            made = _make(count, many, ahead)
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM ANALYZE {TABLES}")
        self.stdout.write(f"Made {made} appointments of {many} people. The visit type is {VISIT}.")

    def _remove(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in REMOVE:
                cursor.execute(statement, [PLACE])
            patients, _by_model = Patient.objects.filter(email__endswith=MAILBOXES, appointments=None).delete()
            VisitType.objects.filter(slug=VISIT).delete()
            Resource.objects.filter(location__slug=PLACE).delete()
            Provider.objects.filter(slug__startswith=f"{PLACE}-").delete()
            Location.objects.filter(slug=PLACE).delete()
        self.stdout.write(f"Removed {patients} patients with all that was made for them.")


def _make(count: int, many: int, ahead: int) -> int:
    location, visit_type, people, rooms = _practice(many)
    today = timezone.localdate()
    monday = today - timedelta(days=today.weekday())
    to_come = ahead * A_WEEK * 7 // 10 * many
    values: dict[str, Any] = {
        "mailboxes": MAILBOXES,
        "patients": max(1, (count + to_come) // 8),
        "people": people,
        "rooms": rooms,
        "many": many,
        "visit_type": visit_type,
        "location": location,
        "zone": ZONE,
        "opens": OPENS,
        "step": STEP,
        "a_day": A_DAY,
        "a_week": A_WEEK,
        "signs": SIGNS,
        "monday": monday,
    }
    with connection.cursor() as cursor:
        cursor.execute(PATIENTS, values)
        cursor.execute(APPOINTMENTS, {**values, "direction": -1, "first": 0, "count": count, "of_ten": 9})
        if to_come:
            ahead_of_us = {"direction": 1, "first": count, "count": to_come, "of_ten": 7}
            cursor.execute(APPOINTMENTS, {**values, **ahead_of_us})
        cursor.execute(ALLOCATIONS, values)
        cursor.execute(CHANGES, values)
    return count + to_come


def _practice(many: int) -> tuple[int, int, list[int], list[int]]:
    """The location, the visit type, and of each person the resource and that of their room."""
    location = Location.objects.create(name="Bench", slug=PLACE, street="1 Bench Street", city="Bench", time_zone=ZONE)
    OpeningHours.objects.bulk_create(
        OpeningHours(location=location, weekday=day, opens=f"{OPENS}:00", closes="18:00") for day in range(6)
    )
    people, rooms = [], []
    for number in range(many):
        name = f"Bench Person {number + 1}"
        provider = Provider.objects.create(name=name, slug=f"{PLACE}-{number + 1}", role="Nurse", position=900)
        provider.locations.add(location)
        people.append(Resource.objects.create(kind=Resource.Kind.PROVIDER, name=name, provider=provider))
        rooms.append(Resource.objects.create(kind=Resource.Kind.ROOM, name=f"Room {number + 1}", location=location))
    visit_type = VisitType.objects.create(
        name="Bench", slug=VISIT, step_minutes=STEP, notice_hours=0, horizon_days=60, position=900
    )
    visit_type.locations.add(location)
    phase = Phase.objects.create(visit_type=visit_type, name="Visit", minutes=STEP)
    for position, (name, pool) in enumerate({"Person": people, "Room": rooms}.items()):
        need = Need.objects.create(visit_type=visit_type, name=name, position=position)
        need.resources.set(pool)
        phase.needs.add(need)
    return location.pk, visit_type.pk, [person.pk for person in people], [room.pk for room in rooms]
