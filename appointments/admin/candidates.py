"""Who a caller may be: people from the books, with what tells one from another."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from appointments import phones, references
from appointments.admin import clocks
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
    """In two queries, whatever the number of visits."""
    if not patients:
        return []
    kept = Appointment.objects.filter(patient__in=patients, status__in=BLOCKING)
    past = kept.filter(starts_at__lt=now).order_by().values_list("patient").annotate(Max("starts_at"))
    coming = kept.filter(starts_at__gte=now).order_by("patient_id", "starts_at", "pk").distinct("patient_id")
    last, following = dict(past), {one.patient_id: one for one in coming.select_related("location")}
    return [
        Candidate(patient, _visits(last.get(patient.pk), following.get(patient.pk), now=now)) for patient in patients
    ]


def _visits(last: datetime | None, coming: Appointment | None, *, now: datetime) -> str:
    words = []
    if last:
        words.append(gettext("last here %(day)s") % {"day": date_format(timezone.localtime(last), "M j, Y")})
    if coming:
        begins = clocks.start(coming)
        day = date_format(begins, "M j" if begins.year == timezone.localtime(now).year else "M j, Y")
        when = " ".join(filter(None, [clocks.clock(begins), clocks.zone_name(coming)]))
        words.append(gettext("next visit %(day)s, %(time)s") % {"day": day, "time": when})
    return ", ".join(words) or gettext("no visit yet")


def what_was_typed(typed: str) -> dict[str, str]:
    """The search that found nobody, as the first line of a new patient, so that it is not typed twice."""
    if references.as_written(typed):
        return {}
    if "@" in typed:
        return {"email": typed}
    return {"phone": typed} if phones.searchable_digits(typed) else {"name": typed}


def same_name(patients: Iterable[Patient], name: str) -> list[Patient]:
    return [patient for patient in patients if patient.name.casefold().split() == name.casefold().split()]
