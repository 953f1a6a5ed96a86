"""The demo's appointments around today, made the way of every booking: by the diary, each in its own transaction.

The diary refuses the past, so each is booked at an instant before it. What happened since follows the clock: past
visits are completed, the one of this minute has arrived, coming ones are confirmed.
"""

import random
import uuid
from datetime import date, datetime, timedelta
from itertools import cycle

from django.db.models import Model, QuerySet

from appointments.availability import Audience, FreeTime, Plan, load_plan, timetable
from appointments.models import Allocation, Appointment, BookingRules, Change, Patient, Reminder, Status
from appointments.services import diary, telling
from clinic.demo import rows
from clinic.demo.content import Entry
from clinic.models import Letter, User

FARTHEST = 40  # days on both sides of today for which hours are read
SOON = timedelta(minutes=15)
ONE_DAY = timedelta(days=1)


def fill(*, words: Entry, patients: list[Patient], desk: User, today: date, now: datetime) -> list[Model]:
    """Books the `visits` of the words, then gives the patients their mail addresses; returns the rows made, recorded.

    What was made is recorded also when this fails half-way. `now` is aware, `today` the practice's day.
    """
    filler = _Filler(patients, desk, today, now)
    try:
        filler.book_all(**words["visits"])
        # Nobody could be written to so far. A person would otherwise find fifty letters about visits that nobody
        # booked; one is left, in which the desk reads of the booking that waits for it. From here on these patients
        # get what patients get: reminders, and word of what staff change.
        telling.tell_changes(now=now)
        filler.note_reminders()
        for patient, entry in zip(patients, words["patients"], strict=True):
            patient.email = entry["email"]
        Patient.objects.bulk_update(patients, ["email"])
    finally:
        made = filler.made()
        rows.record(*made)
    return made


class _Filler:
    def __init__(self, patients: list[Patient], desk: User, today: date, now: datetime) -> None:
        self.patients, self.next_patient = patients, cycle(patients)
        self.desk, self.today, self.now = desk, today, now
        # The same visits for the same instant of loading.
        self.chance = random.Random(today.toordinal())
        self.plans: dict[str, Plan] = {}
        self.asked_at = now - timedelta(hours=3)

    def book_all(self, days: list[tuple[int, int]], order: list[str], to_confirm: str) -> None:
        turn = 0
        for offset, number in days:
            for _visit in range(number):
                self.book_one(order[turn:] + order[:turn], self.today + timedelta(days=offset))
                turn = (turn + 1) % len(order)
        self.answer_reminders()
        self.cancel_two()
        self.ask(to_confirm)

    def book_one(self, slugs: list[str], day: date) -> None:
        """The first of these visits that is free at all on that day, at any of its times."""
        for slug in slugs:
            if free := self.free(slug, day):
                time = self.chance.choice(free)
                self.live_through(self.book(slug, time, self.booked_at(time), by=self.chance.choice([self.desk, None])))
                return

    def free(self, slug: str, day: date) -> list[FreeTime]:
        if slug not in self.plans:
            first = self.today - timedelta(days=FARTHEST)
            self.plans[slug] = load_plan(visit_type=slug, first=first, days=2 * FARTHEST)
        long_ago = self.now - timedelta(days=FARTHEST)
        return timetable(plan=self.plans[slug], first=day, days=1, now=long_ago, audience=Audience.STAFF).times

    def booked_at(self, time: FreeTime) -> datetime:
        earlier = timedelta(days=self.chance.randint(4, 20), minutes=self.chance.randint(0, 300))
        return min(time.starts_at, self.now) - earlier

    def book(self, slug: str, time: FreeTime, at: datetime, *, by: User | None) -> Appointment:
        return diary.book(
            visit_type=slug,
            starts_at=time.starts_at,
            location=time.location,
            provider=time.provider,
            details=None,
            patient=next(self.next_patient),
            by=by,
            submission=uuid.uuid4(),
            # Patients too have booked longer before than the shortest notice, but not within everybody's horizon.
            audience=Audience.STAFF,
            now=at,
        )

    def live_through(self, visit: Appointment) -> None:
        """Takes the steps of the day that its time has brought."""
        if visit.starts_at > self.now + SOON:
            return
        if visit.ends_at < self.now and self.chance.random() < 0.12:
            self.step(visit, Status.NO_SHOW, visit.starts_at + SOON)
            return
        self.step(visit, Status.ARRIVED, min(self.now, visit.starts_at - timedelta(minutes=5)))
        if visit.ends_at < self.now:
            self.step(visit, Status.COMPLETED, visit.ends_at)

    def step(self, visit: Appointment, status: Status, at: datetime) -> None:
        diary.step(appointment=visit.pk, status=status, by=self.desk, now=at)

    def coming(self, *, after: datetime) -> QuerySet[Appointment]:
        standing = Appointment.objects.standing().filter(patient__in=self.patients, starts_at__gt=after)
        return standing.select_related("location").order_by("starts_at", "pk")

    def answer_reminders(self) -> None:
        """Every other of the next patients has said "I'm coming"."""
        for visit in self.coming(after=self.now)[:8:2]:
            diary.say_coming(appointment=visit.pk, now=self.now - timedelta(hours=5))

    def cancel_two(self) -> None:
        """Of the visits that are still some days away, one is called off by its patient, the next by the desk."""
        off = self.coming(after=self.now + 2 * ONE_DAY)[:2]
        for visit, by, reason in zip(off, (None, self.desk), ("", "Called: has a cold."), strict=False):
            diary.cancel(appointment=visit.pk, by=by, now=self.now - timedelta(hours=20), reason=reason)

    def ask(self, slug: str) -> None:
        """A visit that waits for staff, booked by a patient just now, on the first day from the third on."""
        for offset in range(3, FARTHEST):
            if free := self.free(slug, self.today + timedelta(days=offset)):
                self.book(slug, self.chance.choice(free), self.asked_at, by=None)
                return

    def note_reminders(self) -> None:
        """Reminders whose time is past were sent, as far as the demo goes: the worker need not send them all now."""
        offsets = BookingRules.current().reminder_offsets
        Reminder.objects.bulk_create(
            Reminder(appointment=visit, starts_at=visit.starts_at, days_before=days)
            for visit in self.coming(after=self.now).filter(status=Status.CONFIRMED)
            for days in offsets
            if visit.local_start - timedelta(days=days) <= self.now
        )

    def made(self) -> list[Model]:
        visits = Appointment.objects.filter(patient__in=self.patients)
        parts = [model.objects.filter(appointment__in=visits) for model in (Allocation, Change, Reminder)]
        letters = Letter.objects.filter(kind="appointments/letters/to_confirm", created_at=self.asked_at)
        return [row for made in (visits, *parts, letters) for row in made.order_by("pk")]
