"""Two letters announce a request. Neither says who asks or for what."""

import re

import pytest
from django.core import mail
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from appointments.models import AppointmentRequest
from appointments.services.requests import take_request
from clinic import letters
from clinic.models import Letter
from tests import factories
from tests.appointments.steps import ADA, send

pytestmark = pytest.mark.django_db

NAME, MESSAGE = "Ada Xylander", "I have a mole on my cheek"
SECRETS = [NAME, "Xylander", MESSAGE, "mole", "Rhinoplasty", "Surgery", "555-0142", "7045550142"]


@pytest.fixture
def asked(client, practice):
    treatment = factories.make_treatment(name="Rhinoplasty", category=factories.make_category(name="Surgery"))
    send(client, name=NAME, message=MESSAGE, treatment=treatment.slug)
    return AppointmentRequest.objects.get()


def test_the_patient_is_told_what_happens_next(asked, practice):
    letter = Letter.objects.get(to=ADA)
    assert letter.subject == f"We have your request {asked.reference}"
    assert letter.reply_to == practice.email
    assert asked.reference in letter.body
    assert practice.phone in letter.body
    assert "[[link]]" in letter.body


def test_the_front_desk_is_told_where_to_look(asked, practice):
    letter = Letter.objects.get(to=practice.email)
    assert letter.subject == f"New appointment request {asked.reference}"
    assert f"http://127.0.0.1:8000/admin/appointments/appointmentrequest/{asked.pk}/change/" in letter.body
    # A reply belongs into the queue; the patient's address stays out of the headers.
    assert letter.reply_to == ""
    assert ADA not in letter.body


def test_no_letter_names_a_person_or_a_treatment(asked):
    for letter in Letter.objects.all():
        kept = letter.subject + letter.body
        assert [secret for secret in SECRETS if secret.casefold() in kept.casefold()] == []


def test_markup_and_header_tricks_of_the_visitor_reach_no_letter(client, practice):
    send(client, name="<b>Eve</b>", message="Bcc: all@example.com\r\n\r\n<script>", phone="704-555-0142")
    texts = "".join(letter.subject + letter.body for letter in Letter.objects.all())
    assert not re.search(r"<b>|Eve|Bcc|script", texts)


@override_settings(SENDS_MAIL=True)
def test_the_letter_that_is_sent_opens_the_confirmation(client, practice):
    send(client)
    while letters.send_next(now=timezone.now()):
        pass
    sent = {message.to[0]: message for message in mail.outbox}
    assert sorted(sent) == sorted([ADA, practice.email])
    (path,) = re.findall(r"^http://127\.0\.0\.1:8000(/appointments/requested/\S+/)$", sent[ADA].body, re.MULTILINE)
    page = client.get(path)
    assert AppointmentRequest.objects.get().reference in page.content.decode()
    assert sent[ADA].reply_to == [practice.email]
    assert set(sent[ADA].extra_headers) == {"Message-ID", "Auto-Submitted"}


def test_the_site_writes_to_the_practice_only_when_it_has_an_address(client):
    factories.make_practice(email="")
    assert send(client).status_code == 303
    assert list(Letter.objects.values_list("to", flat=True)) == [ADA]


def test_a_request_that_is_rolled_back_has_written_no_letter(practice):
    asked = factories.AppointmentRequest(name="Ada", email=ADA, phone="704-555-0142")
    with transaction.atomic():
        take_request(request=asked, preferred_times=[], network="192.0.2.1", now=timezone.now())
        assert Letter.objects.count() == 2
        transaction.set_rollback(True)
    assert Letter.objects.count() == AppointmentRequest.objects.count() == 0
