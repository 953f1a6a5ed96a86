"""Who is believed at the address for the mail provider, and what a stranger cannot do there."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from anymail.webhooks.base import AnymailCoreWebhookView
from django.urls import reverse
from django.utils import timezone

from clinic.mail_providers import PROVIDERS
from newsletter.models import Suppression
from newsletter.views import provider_requests
from tests.newsletter.mail_events import ADA, after, make_delivery, mark_of, stored, stranger, use
from tests.newsletter.provider_requests import SECRETS, SIGN, address, post, svix, told

pytestmark = [
    pytest.mark.django_db,
    # docs/mail-provider.md tells it too.
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]


@pytest.fixture(params=sorted(SECRETS))
def provider(request, settings):
    return use(settings, request.param)


@pytest.fixture
def mailgun(settings):
    return use(settings, "mailgun")


@pytest.fixture
def client():
    return stranger()


# Whose request it is


def test_a_forged_request_changes_nothing(client, provider):
    delivery = make_delivery("uncertain")
    secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" if provider == "resend" else "postman:three-long-worms"
    body = told(provider, "complained", mark=mark_of(delivery), **({"secret": secret} if provider == "mailgun" else {}))

    answer = post(client, provider, body, secret=secret)

    assert (answer.status_code, answer.content) == (403, b"Not signed as it should be.\n")
    assert stored() == after(event=None, delivery="uncertain")


def test_a_request_without_any_signature_changes_nothing(client, provider):
    delivery = make_delivery("uncertain")
    body = told(provider, "complained", mark=mark_of(delivery))
    if provider == "mailgun":
        del body["signature"]

    answer = client.post(address(provider), json.dumps(body), content_type="application/json")

    assert answer.status_code == 403
    assert stored() == after(event=None, delivery="uncertain")


@pytest.mark.parametrize("name", ["mailgun", "postmark", "mailtrap", "resend"])
def test_without_the_check_a_forged_request_is_believed(client, settings, monkeypatch, name):
    """The negative control: that the check alone keeps it out."""
    provider = use(settings, name)
    delivery = make_delivery("uncertain")
    monkeypatch.setattr(AnymailCoreWebhookView, "run_validators", lambda self, request: None)
    monkeypatch.setattr(provider_requests, "_check_svix", lambda request, secret: None)

    answer = client.post(
        address(provider),
        json.dumps(told(provider, "complained", mark=mark_of(delivery), at=timezone.now())),
        content_type="application/json",
    )

    assert answer.status_code == 200
    assert stored()["people"] == [(ADA, "complained")]


@pytest.mark.parametrize("name", ["mailtrap", "resend"])
def test_a_body_that_was_changed_on_the_way_is_refused(client, settings, name):
    provider = use(settings, name)
    delivery = make_delivery("uncertain")
    body = told(provider, "delivered", mark=mark_of(delivery))
    content = json.dumps(body).encode()
    headers = svix(content, SECRETS["resend"])
    if provider == "mailtrap":
        headers = SIGN["mailtrap"](content, SECRETS["mailtrap"], body)

    answer = client.post(address(provider), content + b" ", content_type="application/json", headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 403), (-4, 200), (-6, 403)])
def test_a_signature_of_resend_holds_for_five_minutes(client, settings, minutes, status):
    use(settings, "resend")
    content = json.dumps(told("resend", "delivered")).encode()
    headers = svix(content, SECRETS["resend"], at=timezone.now() - timedelta(minutes=minutes))

    answer = client.post(address("resend"), content, content_type="application/json", headers=headers)

    assert answer.status_code == status


def test_a_signature_of_resend_may_be_one_of_several(client, settings):
    use(settings, "resend")
    content = json.dumps(told("resend", "delivered")).encode()
    headers = svix(content, SECRETS["resend"])
    headers["svix-signature"] = f"v1,{'A' * 43}= v2,else {headers['svix-signature']}"

    answer = client.post(address("resend"), content, content_type="application/json", headers=headers)

    assert answer.status_code == 200


def test_the_documented_example_of_svix_is_signed_as_they_say():
    """Their own secret, number, time and text."""
    signature = svix(
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        number="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=timezone.datetime.fromtimestamp(1614265330, tz=timezone.get_current_timezone()),
    )

    assert signature["svix-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(("minutes", "status"), [(1439, 200), (1441, 403), (-1439, 200), (-1441, 403)])
def test_a_signature_of_mailgun_holds_for_a_day(client, mailgun, minutes, status):
    make_delivery()
    body = told(mailgun, "delivered", signed_at=timezone.now() - timedelta(minutes=minutes))
    assert post(client, mailgun, body).status_code == status


@pytest.mark.parametrize("first", ["opened", "delivered", None])
def test_a_signature_of_mailgun_that_was_used_carries_no_other_text(client, mailgun, first):
    """It signs a number and the time alone: whoever has seen one could write anything below it."""
    delivery = make_delivery()
    body = told(mailgun, first or "opened")
    if first is None:
        body["event-data"] = ["not understood"]
    assert post(client, mailgun, body).status_code == (200 if first else 400)
    forged = told(mailgun, "complained", mark=mark_of(delivery)) | {"signature": body["signature"]}
    before = stored()

    answers = [post(client, mailgun, forged) for _time in range(2)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert stored() == before
    # Under a signature of its own it is believed.
    assert post(client, mailgun, told(mailgun, "complained", mark=mark_of(delivery))).status_code == 200
    assert stored()["people"] == [(ADA, "complained")]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain"])
def test_mailguns_forms_of_before_2018_are_refused(client, mailgun, content_type):
    """Their signature is good, and their fields are not those that we know."""
    make_delivery()
    signature = told(mailgun, "complained")["signature"]
    form = urlencode({**signature, "event": "complained", "recipient": ADA})

    answer = client.post(address(mailgun), form, content_type=content_type)

    assert answer.status_code == 403
    assert stored() == after(event=None)


# Bad input


ODD = [
    b"",
    b"{",
    b"null",
    b"17",
    b'"words"',
    b"[]",
    b"{}",
    b"[[]]",
    b"[{}]",
    b"[null]",
    b'{"events": null}',
    b'{"events": [{"event": 1}]}',
    b'{"type": [], "data": 1}',
    b'{"event": "delivered", "ts_epoch": 1e400}',
    b'[{"event": "delivered", "timestamp": 99999999999999}]',
    b'[{"msys": {"message_event": [], "other": {}}}]',
    b'{"RecordType": "Delivery", "DeliveredAt": 5}',
    b'{"event-data": []}',
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"Metadata": {"delivery": ["n1-1-0"]}, "RecordType": "Delivery", "Email": {"a": 1}, "MessageID": []}',
]


def test_no_odd_body_breaks_the_site_whoever_sends_it(client, provider):
    for content in ODD:
        signed = post(client, provider, content)
        unsigned = client.post(address(provider), content, content_type="application/json")
        as_form = client.post(address(provider), content, content_type="multipart/form-data; boundary=x")

        assert signed.status_code in ({200, 400, 403} if provider == "mailgun" else {200, 400}), content
        assert unsigned.status_code == as_form.status_code == 403, content


def test_a_signed_body_that_says_nothing_known_is_malformed(client, mailgun):
    body = told(mailgun, "delivered")
    body["event-data"] = ["delivered"]

    answer = post(client, mailgun, body)

    assert (answer.status_code, answer.content) == (400, b"Not understood.\n")


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "x" * 5000, "’é" * 100])
def test_texts_that_a_column_cannot_hold_are_made_to_fit(client, mailgun, text):
    delivery = make_delivery()
    body = told(mailgun, "bounced", mark=mark_of(delivery), words=f"No such user {text}")
    body["event-data"]["message"]["headers"]["message-id"] = text

    answer = post(client, mailgun, body)

    assert answer.status_code == 200
    body = told(mailgun, "bounced", mark=mark_of(delivery), to=text)
    assert post(client, mailgun, body).status_code == 200
    assert stored()["people"] == [(ADA, "bounced")]
    words = Suppression.objects.get().words
    assert words.startswith("No such user")
    assert len(words) <= 500


@pytest.mark.parametrize("number", ["a\x00b", "\ud800", "x" * 201, "x" * 5000, "", None, [], {}])
def test_an_odd_number_of_an_event_is_kept_in_a_form_that_fits(client, settings, number):
    use(settings, "sendgrid")
    delivery = make_delivery()
    (body,) = told("sendgrid", "delivered", mark=mark_of(delivery))

    for _time in range(2):
        assert post(client, "sendgrid", [{**body, "sg_event_id": number}]).status_code == 200

    assert stored() == after(event="delivered", stamps=["delivered_at"])


@pytest.mark.parametrize("value", [None, 5, [], {"delivery": 5}, {"delivery": ["n1-1-0123456789abcdef"]}, "text"])
def test_odd_variables_name_nobody(client, mailgun, value):
    make_delivery()
    body = told(mailgun, "delivered")
    body["event-data"]["user-variables"] = value

    assert post(client, mailgun, body).status_code == 200
    assert stored() == after(event=None)


def test_sparkpost_tries_an_address_with_an_empty_event(client, settings):
    use(settings, "sparkpost")

    assert post(client, "sparkpost", [{"msys": {}}]).status_code == 200


def test_a_body_over_a_megabyte_is_refused_before_it_is_read(client, provider):
    answer = post(client, provider, b" " * (1024 * 1024 + 1))

    assert answer.status_code == 413


def test_only_a_post_is_taken_and_head_says_that_the_address_is_there(client, provider):
    assert client.head(address(provider)).status_code == 200
    refused = client.get(address(provider))
    assert (refused.status_code, refused["Allow"]) == (405, "HEAD, POST")
    assert client.put(address(provider)).status_code == 405


def test_without_a_provider_the_address_is_not_there(client, settings):
    settings.MAIL_PROVIDER = settings.MAIL_PROVIDER_SECRET = ""
    for name in (*PROVIDERS, "other"):
        assert client.post(address(name)).status_code == 404
        assert client.head(address(name)).status_code == 404


def test_the_address_of_another_provider_is_not_there(client, mailgun):
    body = told("postmark", "complained")
    assert post(client, "postmark", body).status_code == 404
    assert reverse("newsletter:events", args=[mailgun]) == "/newsletter/events/mailgun/"


def test_it_is_answered_over_https_without_a_detour(client, provider, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert post(client, provider, told(provider, "delivered"), secure=True).status_code == 200
