"""A public form finds a patient or adds one, and never changes what stands there."""

from datetime import timedelta

from django.utils import timezone

from appointments.models import AppointmentRequest, Patient
from appointments.services.requests import take_call
from tests import factories
from tests.appointments.steps import send, stamp


def test_a_request_from_someone_unknown_makes_a_patient(client, practice):
    send(client)
    patient = Patient.objects.get()
    assert AppointmentRequest.objects.get().patient == patient
    assert (patient.name, patient.email, patient.phone_e164) == ("Ada Byron", "ada@example.com", "+17045550142")
    assert patient.looks_like_another is False


def test_the_same_person_is_found_again_and_not_overwritten(client, practice):
    patient = factories.make_patient(
        name="Ada Byron", email="Ada@Example.com", phone="704 555 0142", phone_e164="+17045550142", note="Nut allergy"
    )
    send(client, name="ADA  byron")
    assert AppointmentRequest.objects.get().patient == patient
    same = Patient.objects.get()
    assert (same.name, same.email, same.phone, same.note) == (
        "Ada Byron",
        "Ada@Example.com",
        "704 555 0142",
        "Nut allergy",
    )


def test_who_shares_an_address_or_a_number_is_another_patient_and_marked_to_compare(client, practice):
    mother = factories.make_patient(name="Ada Byron", email="ada@example.com", phone_e164="+17045550142")
    send(client, name="Anne Byron")
    send(client, email="other@example.com")
    send(client, phone="(704) 555-0199")
    marks = Patient.objects.exclude(pk=mother.pk).values_list("name", "looks_like_another").order_by("pk")
    assert list(marks) == [("Anne Byron", True), ("Ada Byron", True), ("Ada Byron", True)]
    mother.refresh_from_db()
    assert mother.looks_like_another is False


def test_a_request_sent_twice_makes_one_patient(client, practice):
    sealed = stamp(age=timedelta(minutes=2))
    send(client, stamp=sealed)
    send(client, stamp=sealed)
    assert (AppointmentRequest.objects.count(), Patient.objects.count()) == (1, 1)


def test_a_caller_who_left_a_number_alone_is_found_by_it(practice):
    fred = factories.front_desk()
    for _call in range(2):
        take_call(request=AppointmentRequest(name="Bo Oak", phone="704-555-0177"), by=fred, now=timezone.now())
    assert Patient.objects.get().phone_e164 == "+17045550177"
