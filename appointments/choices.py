"""What the request form offers to choose from.

The value of `treatment` is a treatment's slug, or `category:` and a category's slug for “something of this kind”.
A slug holds no colon, so the two cannot be mistaken for one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Prefetch
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments.open_days import OpenDays
from clinic.models import Treatment, TreatmentCategory

CATEGORY = "category:"
HORIZON = 8 * 7  # days ahead

Choice = tuple[str, str]
Group = tuple[str, list[Choice]]


@dataclass(frozen=True)
class Wishes:
    """The treatments on the site under their categories, in the order of the catalogue."""

    catalogue: list[tuple[TreatmentCategory, list[Treatment]]]

    @classmethod
    def load(cls) -> "Wishes":
        shown = Prefetch("treatments", Treatment.objects.shown().select_related(None))
        categories = TreatmentCategory.objects.prefetch_related(shown)[:50]
        return cls([(category, list(category.treatments.all())) for category in categories])

    def choices(self) -> list[Choice | Group]:
        groups: list[Choice | Group] = [
            (category.name, list(self._under(category, of))) for category, of in self.catalogue
        ]
        return [("", _("Not sure yet, or something else")), *groups]

    def _under(self, category: TreatmentCategory, treatments: list[Treatment]) -> Iterator[Choice]:
        yield CATEGORY + category.slug, _("%(category)s – not sure yet") % {"category": category.name}
        yield from ((treatment.slug, treatment.name) for treatment in treatments)

    def find(self, value: str) -> Treatment | TreatmentCategory | None:
        for category, treatments in self.catalogue:
            if value == CATEGORY + category.slug:
                return category
            for treatment in treatments:
                if value == treatment.slug:
                    return treatment
        return None


def day_choices(open_days: OpenDays) -> list[Choice | Group]:
    """Open days from tomorrow on, under their weeks; the value is the ISO date."""
    weeks = groupby(open_days.coming(HORIZON), key=_monday)
    groups: list[Choice | Group] = [
        (_week_name(monday, open_days.today), [(day.isoformat(), date_format(day, "l, F j")) for day in days])
        for monday, days in weeks
    ]
    return [("", _("Any day")), *groups]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _week_name(monday: date, today: date) -> str:
    match (monday - _monday(today)).days:
        case 0:
            return _("This week")
        case 7:
            return _("Next week")
    return _("Week of %(monday)s") % {"monday": date_format(monday, "F j")}
