"""What stands in the addresses of the times page and of slots.json, and in the buttons that hold a time."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from appointments.availability import NotBookable, Person, Place, Plan, load_plan
from appointments.choosing import Bounds, Wish
from clinic.came_from import is_code

LONGEST_SLUG = 100
MOST_DAYS = 31
# Further away nothing can ever be booked, and the arithmetic of dates has its ends there.
FARTHEST = timedelta(days=500)

NO_SUCH_PLACE = _("This visit is not at that location. Choose one from the list.")
NO_SUCH_PERSON = _("This visit is not with that person. Choose one from the list.")
NO_SUCH_DAY = _("Write the day like 2026-12-01.")


class Day(forms.DateField):
    """One day, in ISO 8601 alone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], error_messages={"invalid": NO_SUCH_DAY}, **kwargs)


class FirstDay(Day):
    """The first day of a page; a link of a mailing has the mailing's code there, and no wish."""

    def to_python(self, value: Any) -> date | None:
        return None if is_code(value) else super().to_python(value)


class Start(forms.Field):
    """An instant in ISO 8601, with its offset from UTC."""

    default_error_messages = {
        "required": _("Choose a time."),
        "invalid": _("That is not a time that we can read. Choose one from the list."),
        "naive": _("That time does not say in which time zone it is. Choose one from the list."),
        "past": _("That time has passed. Choose another one."),
        "far": _("That time is too far ahead. Choose an earlier one."),
    }

    def __init__(self, *, now: datetime, **kwargs: Any) -> None:
        self._now = now
        super().__init__(**kwargs)

    def to_python(self, value: str | None) -> datetime | None:
        if not value:
            return None
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            raise self._error("invalid") from None
        if read.utcoffset() is None:
            raise self._error("naive")
        # Compared by their years first: the zones of the first and the last of all days lead beyond the calendar.
        if read.year < self._now.year - 1:
            raise self._error("past")
        if read.year > self._now.year + 2:
            raise self._error("far")
        return read.astimezone(UTC)

    def _error(self, code: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code)


class _Narrowed(forms.Form):
    """Where and with whom, by the slugs of Location and Provider; empty is any."""

    location = forms.CharField(max_length=LONGEST_SLUG, required=False)
    provider = forms.CharField(max_length=LONGEST_SLUG, required=False)

    def find_place(self, plan: Plan) -> Place | None:
        slug = self.cleaned_data.get("location")
        place = next((place for place in plan.places.values() if place.slug == slug), None)
        if slug and place is None:
            self.add_error("location", NO_SUCH_PLACE)
        return place

    def find_person(self, plan: Plan) -> Person | None:
        slug = self.cleaned_data.get("provider")
        person = next((person for person in plan.people.values() if person.slug == slug), None)
        if slug and person is None:
            self.add_error("provider", NO_SUCH_PERSON)
        return person


class WishForm(_Narrowed):
    """`?location=&provider=` with `day`, a chosen one, or `from`, the first of those to choose from."""

    day = Day(required=False)

    def __init__(self, *args: Any, plan: Plan, bounds: Bounds, **kwargs: Any) -> None:
        self._plan, self._bounds = plan, bounds
        super().__init__(*args, **kwargs)
        # A word of Python, and so no name for a class attribute.
        self.fields["from"] = FirstDay(required=False)

    def clean(self) -> None:
        self.place, self.person = self.find_place(self._plan), self.find_person(self._plan)
        for name in ("day", "from"):
            day = self.cleaned_data.get(name)
            if day and day < self._bounds.today:
                self.add_error(name, _("That day has passed. Here are the next free times."))
            elif day and day > self._bounds.last:
                words = _("You can book until %(day)s. Here are the next free times.")
                self.add_error(name, words % {"day": date_format(self._bounds.last, "l, F j")})

    def wish(self) -> Wish:
        """What was asked for, without what cannot be; after is_valid()."""
        return Wish(self.place, self.person, self.cleaned_data.get("day"), self.cleaned_data.get("from"))


class HoldForm(_Narrowed):
    """The button of one time."""

    opening = forms.UUIDField(required=False, error_messages={"invalid": _("Choose a time on this page.")})

    def __init__(self, *args: Any, plan: Plan, now: datetime, **kwargs: Any) -> None:
        self._plan = plan
        super().__init__(*args, **kwargs)
        self.fields["start"] = Start(now=now)

    def clean(self) -> None:
        self.place, self.person = self.find_place(self._plan), self.find_person(self._plan)

    def submission(self) -> uuid.UUID:
        """The same for a double click on one opened page, another for another time of it."""
        chosen = self.cleaned_data
        names = (chosen["start"].isoformat(), chosen["location"], chosen["provider"])
        return uuid.uuid5(chosen.get("opening") or uuid.uuid4(), "\n".join(names))


class HeldForm(forms.Form):
    """What to do with a time that this browser holds; the value is the appointment's number."""

    on = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    release = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class SlotsForm(_Narrowed):
    """The parameters of slots.json; `start` is today and `days` a week unless they say otherwise."""

    visit_type = forms.CharField(
        max_length=LONGEST_SLUG, error_messages={"required": _("Name a visit type by its slug.")}
    )
    start = Day(required=False)
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        error_messages={
            "invalid": _("Give a whole number of days, from 1 to 31."),
            "min_value": _("Give a whole number of days, from 1 to 31."),
            "max_value": _("Give a whole number of days, from 1 to 31."),
        },
    )
    # What was asked for, after is_valid().
    plan: Plan
    place: Place | None
    person: Person | None
    first: date
    length: int

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        self._now = now
        super().__init__(*args, **kwargs)

    def clean_start(self) -> date | None:
        start = self.cleaned_data["start"]
        today = self._now.date()
        if start and not today - FARTHEST < start < today + FARTHEST:
            raise ValidationError(_past(start) if start < today else _("Nothing can be booked so far ahead."))
        return start

    def clean(self) -> None:
        if "visit_type" not in self.cleaned_data:
            return
        # Somewhere it is still yesterday, or tomorrow already; which one it is here, only the plan can tell.
        first = self.cleaned_data.get("start") or self._now.date() - timedelta(days=1)
        self.length = self.cleaned_data.get("days") or 7
        try:
            self.plan = load_plan(visit_type=self.cleaned_data["visit_type"], first=first, days=self.length + 2)
        except NotBookable as refused:
            self.add_error("visit_type", str(refused))
            return
        if not self.plan.is_published:
            self.add_error("visit_type", _("This visit cannot be booked online any more."))
            return
        self.place, self.person = self.find_place(self.plan), self.find_person(self.plan)
        self._refuse_person_elsewhere()
        self._find_days()

    def _refuse_person_elsewhere(self) -> None:
        if self.place and self.person and not works_in(self.plan, self.person, self.place):
            told = {"person": self.person.name, "place": self.place.name}
            self.add_error("provider", _("%(person)s does not see patients at %(place)s.") % told)

    def _find_days(self) -> None:
        bounds = Bounds.of(self.plan, self._now)
        self.first = self.cleaned_data.get("start") or bounds.today
        if self.first + timedelta(days=self.length - 1) < bounds.today:
            self.add_error("start", _past(self.first))
        elif self.first > bounds.last:
            self.add_error("start", _("This visit can be booked until %(day)s.") % {"day": bounds.last.isoformat()})


def works_in(plan: Plan, person: Person, place: Place) -> bool:
    """Whether somebody is ever there: by their week, or on a day of the plan that is open extra."""
    extra = any(e.is_open and (e.resource, e.place) == (person.pk, place.pk) for e in plan.exceptions)
    return extra or bool(plan.weeks.get((person.pk, place.pk)))


def _past(day: date) -> str:
    return _("%(day)s has passed.") % {"day": day.isoformat()}
