"""Who a booking is for. A public form finds a patient or makes a new one, and changes nobody."""

from dataclasses import dataclass
from datetime import datetime

from appointments import phones
from appointments.models import Patient
from appointments.text import without_accents


@dataclass(frozen=True)
class Details:
    """What somebody typed about themselves, checked by the form; `phone` as they wrote it."""

    name: str
    email: str
    phone: str = ""
    message: str = ""
    consent_text: str = ""
    consent_version: str = ""


def find_or_add(details: Details, *, now: datetime) -> Patient:
    """The patient with the same mail address, phone number and name, or a new one.

    A mother who books for her daughter with her own address gives another name, so that is another patient. A new one
    who shares an address or a number with somebody is marked for staff to compare.
    """
    number = phones.e164(details.phone) if details.phone else ""
    alike = list(Patient.objects.reached_by(email=details.email, phone_e164=number)[:50])
    for patient in alike:
        same = patient.email.casefold() == details.email.casefold() and patient.phone_e164 == number
        if same and _plain(patient.name) == _plain(details.name):
            return patient
    return Patient.objects.create(
        name=details.name,
        email=details.email,
        phone=details.phone,
        phone_e164=number,
        looks_like_another=bool(alike),
        created_at=now,
    )


def _plain(name: str) -> str:
    return " ".join(without_accents(name).casefold().split())
