"""Who a caller may be: people from the books, with what tells one from another."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Max, Min, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from appointments import phones, references
from appointments.admin.caller_form import CallerForm
from appointments.models import Appointment, Patient
from appointments.models.appointment import BLOCKING

MOST = 8


@dataclass(frozen=True)
class Candidate:
    patient: Patient
    visits: str


@dataclass(frozen=True)
class Candidates:
    people: list[Candidate]
    there_are_more: bool

    @classmethod
    def of(cls, form: CallerForm, *, now: datetime) -> "Candidates":
        """Who is chosen, who was searched for, and who has the number or address of a new patient; each once."""
        chosen = [form.known_patient] if form.known_patient else []
        typed = (form.cleaned_data.get("find") or "").strip()
        found = list(Patient.objects.found_by(typed)[: MOST + 1]) if typed else []
        alike = list(form.alike()[: MOST + 1])
        everybody = {patient.pk: patient for patient in [*chosen, *alike, *found]}
        shown = list(islice(everybody.values(), MOST))
        return cls(_with_visits(shown, now), len(everybody) > MOST)


def _with_visits(patients: list[Patient], now: datetime) -> list[Candidate]:
    """In one query, whatever the number of visits."""
    kept = Appointment.objects.filter(patient__in=patients, status__in=BLOCKING).order_by().values("patient")
    visits = kept.annotate(
        last=Max("starts_at", filter=Q(starts_at__lt=now)), coming=Min("starts_at", filter=Q(starts_at__gte=now))
    )
    told = {row["patient"]: _visits(row["last"], row["coming"]) for row in visits} if patients else {}
    return [Candidate(patient, told.get(patient.pk) or gettext("no visit yet")) for patient in patients]


def _visits(last: datetime | None, coming: datetime | None) -> str:
    words = [gettext("last here %(day)s") % {"day": _day(last)}] if last else []
    return ", ".join([*words, *([gettext("comes %(day)s") % {"day": _day(coming)}] if coming else [])])


def _day(instant: datetime) -> str:
    return date_format(timezone.localtime(instant), "M j, Y")


def what_was_typed(typed: str) -> dict[str, str]:
    """The search that found nobody, as the first line of a new patient, so that it is not typed twice."""
    if references.as_written(typed):
        return {}
    if "@" in typed:
        return {"email": typed}
    return {"phone": typed} if phones.searchable_digits(typed) else {"name": typed}


def same_name(patients: Iterable[Patient], name: str) -> list[Patient]:
    return [patient for patient in patients if patient.name.casefold().split() == name.casefold().split()]
