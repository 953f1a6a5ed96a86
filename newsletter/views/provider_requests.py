"""A mail provider's requests: whether they are its own, and what they say. anymail knows each one's form."""

import hashlib
import hmac
import time
import warnings
from base64 import b64decode, b64encode

from anymail.exceptions import AnymailNotSupportedWarning, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string

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

# anymail's authors cannot try SendGrid any more; docs/mail-provider.md says so.
warnings.filterwarnings("ignore", category=AnymailNotSupportedWarning)


class NotTheirs(Exception):
    """The signature or the password is missing or wrong."""


class Unreadable(Exception):
    """It is theirs, but no such report as the provider documents."""


def events_in(request: HttpRequest, *, provider: str, secret: str) -> list[AnymailTrackingEvent]:
    """What the provider tells with this request, in its order.

    Raises NotTheirs before a word of it is believed, and Unreadable. Whatever a stranger sends, nothing else is raised
    but what Django does with a body that is too long or breaks off.
    """
    path, name = READERS[provider]
    reader = import_string(path)(**{name: secret})
    try:
        # anymail stumbles in many ways over what is not of the expected form, before its check and after.
        if provider == "resend":
            _check_svix(request, secret)
        else:
            reader.run_validators(request)
    except (RequestDataTooBig, UnreadablePostError):
        raise
    except Exception as error:
        raise NotTheirs from error
    try:
        return list(reader.parse_events(request))
    except Exception as error:
        raise Unreadable from error


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
