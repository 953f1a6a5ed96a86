"""After a request there is a page that can be opened again and tells nobody's name."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from appointments.emails.requests import confirmation_link
from appointments.models import AppointmentRequest
from clinic import mail_links
from clinic.models import MailLink
from tests import factories
from tests.appointments.steps import send, words

pytestmark = pytest.mark.django_db


def opened(client, now=None, **fields):
    link = confirmation_link(factories.make_request(**fields))
    token = mail_links.mint(link, now=now or timezone.now())
    return client.get(f"/appointments/requested/{token}/")


def test_the_form_leads_to_it_and_it_opens_again(client, practice):
    response = send(client)
    assert response.status_code == 303
    first, second = client.get(response["Location"]), client.get(response["Location"])
    reference = AppointmentRequest.objects.get().reference
    assert (first.status_code, second.status_code) == (200, 200)
    assert reference in words(first)
    assert words(first) == words(second)


def test_it_says_what_happens_next_and_when(client, practice):
    text = words(opened(client, due_on=date(2026, 3, 3), reference="R-7K3M-9Q"))
    assert "R-7K3M-9Q" in text
    assert "We answer by Tuesday, March 3." in text
    assert "We call you with a time, or with a question." in text
    assert practice.phone in text


def test_it_says_when_the_request_is_dealt_with(client, practice):
    assert "Our front desk has dealt with it." in words(opened(client, status="booked"))


def test_who_finds_the_link_learns_neither_a_name_nor_a_treatment(client, practice):
    treatment = factories.make_treatment(name="Rhinoplasty", category=factories.make_category(name="Surgery"))
    response = opened(client, treatment=treatment, message="my nose", provider=factories.make_provider(name="Dr. Elm"))
    page = response.content.decode()
    told = ["Ann", "ann@patient.example", "555-0199", "+12125550199", "Rhinoplasty", "Surgery", "my nose"]
    assert [secret for secret in told if secret in page] == []
    assert "Dr. Elm" in page


def test_it_is_kept_by_nobody_and_found_by_no_search(client, practice):
    response = opened(client)
    assert (response["Cache-Control"], response["X-Robots-Tag"]) == ("no-store", "noindex")
    assert response["Referrer-Policy"] == "strict-origin"
    page = response.content.decode()
    assert '<meta name="robots" content="noindex">' in page
    # Neither a canonical link nor a form may carry the token on.
    assert response.wsgi_request.path not in page


def test_the_token_is_not_stored(client, practice):
    token = send(client)["Location"].split("/")[-2]
    assert len(token) >= 32
    assert token.encode() not in bytes(MailLink.objects.get().token_hash)


def test_an_unknown_token_is_404(client, practice):
    assert client.get("/appointments/requested/no-such-token/").status_code == 404


def test_a_token_of_another_purpose_is_404(client, practice):
    asked = factories.make_request()
    link = mail_links.Link("newsletter.confirm", asked.pk, "appointments:requested", timedelta(days=1))
    token = mail_links.mint(link, now=timezone.now())
    assert client.get(f"/appointments/requested/{token}/").status_code == 404


def test_after_half_a_year_it_is_410_and_says_what_to_do(client, practice):
    response = opened(client, now=timezone.now() - timedelta(days=181))
    assert response.status_code == 410
    assert "send us a new one" in words(response)
    assert response["Cache-Control"] == "no-store"


def test_it_changes_nothing_and_takes_no_post(client, practice):
    response = opened(client)
    assert AppointmentRequest.objects.get().status == "new"
    assert client.post(response.wsgi_request.path).status_code == 405


def test_it_never_writes_a_link_of_its_own(client, practice):
    opened(client)
    assert MailLink.objects.count() == 1
