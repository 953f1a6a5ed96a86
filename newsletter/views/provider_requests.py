"""A mail provider's requests: whether they are its own, and what they say. anymail knows each one's form."""

import hashlib
import hmac
import json
import time
import warnings
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import cast

from anymail.exceptions import AnymailNotSupportedWarning, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.base import AnymailBaseWebhookView
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, UnreadablePostError
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

from clinic.rate_limits import Limit

# anymail's view, and the name under which it takes the secret. Only the one in use is imported.
READERS = {
    "brevo": ("anymail.webhooks.brevo.BrevoTrackingWebhookView", "webhook_secret"),
    "mailgun": ("anymail.webhooks.mailgun.MailgunTrackingWebhookView", "webhook_signing_key"),
    "mailjet": ("anymail.webhooks.mailjet.MailjetTrackingWebhookView", "webhook_secret"),
    "mailtrap": ("anymail.webhooks.mailtrap.MailtrapTrackingWebhookView", "tracking_secret"),
    "postmark": ("anymail.webhooks.postmark.PostmarkTrackingWebhookView", "webhook_secret"),
    # Not `signing_secret`: for that anymail wants the package svix, which brings seven others for a few lines.
    "resend": ("anymail.webhooks.resend.ResendTrackingWebhookView", "webhook_secret"),
    "sendgrid": ("anymail.webhooks.sendgrid.SendGridTrackingWebhookView", "webhook_secret"),
    "sparkpost": ("anymail.webhooks.sparkpost.SparkPostTrackingWebhookView", "webhook_secret"),
}
# Seconds between a signature of Resend and its arrival; its own libraries allow as many.
LONGEST_UNDERWAY = 300
# Mailgun asks again for eight hours.
LONGEST_OF_MAILGUN = timedelta(days=1)
# Twice as long, because the clock of a signature may also be that much ahead.
ONCE = Limit("mailgun.signature", 1, 2 * LONGEST_OF_MAILGUN)

# anymail's authors cannot try SendGrid any more; docs/mail-provider.md says so.
warnings.filterwarnings("ignore", category=AnymailNotSupportedWarning)


class NotTheirs(Exception):
    """The signature or the password is missing or wrong."""


class Unreadable(Exception):
    """It is theirs, but no such report as the provider documents."""


def reader_of(request: HttpRequest, *, provider: str, secret: str) -> AnymailBaseWebhookView:
    """Raises NotTheirs before a word of it is believed.

    Whatever a stranger sends, nothing else is raised but what Django does with a body that is too long or breaks off.
    """
    path, name = READERS[provider]
    reader = import_string(path)(**{name: secret})
    try:
        # anymail stumbles in many ways over what is not of the expected form, before its check and after.
        if provider == "resend":
            _check_svix(request, secret)
        else:
            reader.run_validators(request)
        if provider == "mailgun":
            _check_form_and_age(request)
    except (RequestDataTooBig, UnreadablePostError):
        raise
    except Exception as error:
        raise NotTheirs from error
    return cast(AnymailBaseWebhookView, reader)


def events_in(request: HttpRequest, reader: AnymailBaseWebhookView) -> list[AnymailTrackingEvent]:
    """What the provider tells with this request, in its order. Raises Unreadable, and nothing else."""
    try:
        return list(reader.parse_events(request))
    except Exception as error:
        raise Unreadable from error


@contextmanager
def signature_used_up(request: HttpRequest, *, provider: str, now: datetime) -> Iterator[None]:
    """Around all that is done with a request that has its reader; raises NotTheirs when its signature was there before.

    Mailgun signs a number and the time and not the text, so one signature is good for one text. What fails inside gives
    it back, for the provider's repetition.
    """
    if provider != "mailgun":
        yield
        return
    with transaction.atomic():
        if ONCE.count(json.loads(request.body)["signature"]["signature"], now=now) is not None:
            raise NotTheirs
        yield


def _check_form_and_age(request: HttpRequest) -> None:
    """anymail takes Mailgun's forms of before 2018 as well, and signatures of any age."""
    if request.content_type != "application/json":
        raise AnymailWebhookValidationFailure
    signed_at = int(json.loads(request.body)["signature"]["timestamp"])
    if abs(time.time() - signed_at) > LONGEST_OF_MAILGUN.total_seconds():
        raise AnymailWebhookValidationFailure


def _check_svix(request: HttpRequest, secret: str) -> None:
    """As docs.svix.com/receiving/verifying-payloads/how-manual has it. Raises AnymailWebhookValidationFailure."""
    sent_at = request.headers["svix-timestamp"]
    signed = f"{request.headers['svix-id']}.{sent_at}.".encode() + request.body
    key = b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    # Several while a key is being changed.
    is_theirs = any(constant_time_compare(given, expected) for given in request.headers["svix-signature"].split())
    if not is_theirs or abs(time.time() - int(sent_at)) > LONGEST_UNDERWAY:
        raise AnymailWebhookValidationFailure
