"""The demo's diary: its people, rooms and devices with their hours, its visit types, its rules, and its patients."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

from django.db import models

from appointments import phones
from appointments.models import (
    BookingRules,
    HoursException,
    Need,
    Patient,
    Phase,
    Resource,
    ResourceHours,
    VisitType,
)
from clinic.demo.content import Entry
from clinic.models import Location, Provider, Treatment, User

Row = TypeVar("Row", bound=models.Model)
LONGEST_SINCE = timedelta(days=400)


class DiaryLoader:
    """Makes its rows in the order of their references; `keep` saves and records each."""

    def __init__(
        self,
        *,
        keep: Callable[[models.Model], object],
        now: datetime,
        today: date,
        locations: Mapping[str, Location],
        providers: Mapping[str, Provider],
        treatments: Mapping[str, Treatment],
    ) -> None:
        self._keep, self.now, self.today = keep, now, today
        self.locations, self.providers, self.treatments = locations, providers, treatments
        # By the slug of the person, or the name of the thing.
        self.resources: dict[str, Resource] = {}
        self.patients: list[Patient] = []

    def keep(self, row: Row) -> Row:
        self._keep(row)
        return row

    def load(self, words: Entry) -> None:
        self.desk = self.colleague(words["desk"])
        self.keep(BookingRules(**words["rules"]))
        for person in words["people"]:
            self.person(**person)
        for things in words["things"]:
            self.things(**things)
        for exception in words["exceptions"]:
            self.exception(**exception)
        for position, visit_type in enumerate(words["visit_types"]):
            self.visit_type(position, **visit_type)
        for number, patient in enumerate(words["patients"]):
            self.patient(number, **patient)

    def colleague(self, name: str) -> User:
        """Whose name stands at what the desk did; nobody can sign in with it."""
        first, last = name.split()
        user = User(username=f"{first}.{last}".lower(), first_name=first, last_name=last, is_active=False)
        user.set_unusable_password()
        return self.keep(user)

    def day(self, days: int) -> date:
        return self.today + timedelta(days=days)

    def add(self, key: str, **fields: object) -> Resource:
        self.resources[key] = self.keep(Resource(position=len(self.resources), **fields))
        return self.resources[key]

    def person(self, provider: str, hours: Sequence[Entry]) -> None:
        who = self.providers[provider]
        person = self.add(provider, kind=Resource.Kind.PROVIDER, name=who.name, provider=who)
        for span in hours:
            for weekday in span["days"]:
                self.keep(
                    ResourceHours(
                        resource=person,
                        location=self.locations[span["location"]],
                        weekday=weekday,
                        opens=span["opens"],
                        closes=span["closes"],
                        valid_from=self.day(span["valid_from_days"]) if "valid_from_days" in span else None,
                        valid_until=self.day(span["valid_until_days"]) if "valid_until_days" in span else None,
                    )
                )

    def things(self, kind: str, location: str, names: Sequence[str]) -> None:
        for name in names:
            self.add(name, kind=kind, name=name, location=self.locations[location])

    def exception(
        self,
        starts_days: int,
        ends_days: int,
        resource: str = "",
        location: str = "",
        if_today_is: int | None = None,
        **words: object,
    ) -> None:
        if if_today_is not in {None, self.today.weekday()}:
            return
        self.keep(
            HoursException(
                resource=self.resources[resource] if resource else None,
                location=self.locations[location] if location else None,
                starts_on=self.day(starts_days),
                ends_on=self.day(ends_days),
                **words,
            )
        )

    def visit_type(
        self,
        position: int,
        locations: Sequence[str],
        needs: Mapping[str, Sequence[str]],
        phases: Sequence[Entry],
        treatment: str = "",
        **words: object,
    ) -> None:
        performing: list[Resource] = []
        if treatment:
            about = self.treatments[treatment]
            taken = {"slug": about.slug, "name": about.name, "summary": about.summary, "price_from": about.price_from}
            words = {"treatment": about, **taken, **words}
            performing = [self.resources[provider.slug] for provider in about.performed_by.all()]
        visit_type = self.keep(VisitType(position=position, **words))
        visit_type.locations.set([self.locations[slug] for slug in locations])
        made = {}
        for number, (name, pool) in enumerate(needs.items()):
            made[name] = self.keep(Need(visit_type=visit_type, name=name, position=number))
            made[name].resources.set([self.resources[key] for key in pool] or performing)
        for number, phase in enumerate(phases):
            part = {field: value for field, value in phase.items() if field != "needs"}
            row = self.keep(Phase(visit_type=visit_type, position=number, **part))
            row.needs.set([made[name] for name in phase["needs"]])

    def patient(self, number: int, phone: str, email: str, **words: object) -> None:
        """Without the mail address, which comes last of all (clinic.demo.visits): until then no letter is written."""
        since = self.now - LONGEST_SINCE + timedelta(days=11 * number)
        patient = Patient(phone=phone, phone_e164=phones.e164(phone), created_at=since, **words)
        self.patients.append(self.keep(patient))
