"""Requests of each mail provider, in the form that it documents, about one letter to one person."""

import hashlib
import hmac
import json
import uuid
from base64 import b64decode, b64encode
from datetime import UTC

from django.utils import timezone

PASSWORD = "postman:three-long-words"
SECRETS = {
    "brevo": PASSWORD,
    "mailgun": "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
    "mailjet": PASSWORD,
    "mailtrap": "8d927d0376b42d2ff8e6a4c3a2b1c0d9",
    "postmark": PASSWORD,
    "resend": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "sendgrid": PASSWORD,
    "sparkpost": PASSWORD,
}


def address(provider):
    return f"/newsletter/events/{provider}/"


def post(client, provider, body, *, secret=None, **fields):
    """Sends the body, signed as the provider signs; `fields` go to the client."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = SIGN[provider](content, secret or SECRETS[provider], body)
    return client.post(address(provider), content, content_type="application/json", headers=headers, **fields)


def _password(content, secret, body):
    return {"Authorization": f"Basic {b64encode(secret.encode()).decode()}"}


def _nothing(content, secret, body):
    return {}  # Mailgun's signature is a part of the body


def _mailtrap(content, secret, body):
    return {"Mailtrap-Signature": hmac.digest(secret.encode(), content, hashlib.sha256).hex()}


def svix(content, secret, number=None, at=None):
    sent_at = int((at or timezone.now()).timestamp())
    number = number or f"msg_{hashlib.sha256(content).hexdigest()[:24]}"
    signed = f"{number}.{sent_at}.".encode() + content
    signature = b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)).decode()
    return {"svix-id": number, "svix-timestamp": str(sent_at), "svix-signature": f"v1,{signature}"}


SIGN = {
    **dict.fromkeys(("brevo", "mailjet", "postmark", "sendgrid", "sparkpost"), _password),
    "mailgun": _nothing,
    "mailtrap": _mailtrap,
    "resend": lambda content, secret, body: svix(content, secret),
}


def told(provider, kind, *, to="ada@example.com", mark="", at=None, number=None, words="", secret=None, signed_at=None):
    """The JSON of one event: delivered, deferred, refused (for good), bounced (as dead), complained, unsubscribed or
    opened. Mailtrap has no word of its own for a refusal: the server's words tell it from a dead address.
    """
    given = {"to": to, "mark": mark, "at": at or timezone.now(), "number": number or uuid.uuid4().hex, "words": words}
    if provider == "mailgun":
        given |= {"secret": secret or SECRETS["mailgun"], "signed_at": signed_at or timezone.now()}
    return TOLD[provider](kind, **given)


def _brevo(kind, *, to, mark, at, number, words):
    names = {
        "bounced": "hard_bounce",
        "refused": "soft_bounce",
        "complained": "spam",
        "unsubscribed": "unsubscribe",
    }
    body = {
        "event": names.get(kind, kind),
        "email": to,
        "id": 26224,
        "date": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "ts": int(at.timestamp()),
        "message-id": f"<{number}@smtp-relay.mailin.fr>",
        "ts_event": int(at.timestamp()),
        "ts_epoch": int(at.timestamp() * 1000),
        "subject": "News",
        "sending_ip": "192.0.2.1",
        "reason": words,
    }
    return body | ({"X-Mailin-custom": json.dumps({"delivery": mark})} if mark else {})


def _mailgun(kind, *, to, mark, at, number, words, secret, signed_at):
    names = {"bounced": "failed", "refused": "failed", "deferred": "failed"}
    failure = {
        "bounced": {"severity": "permanent", "reason": "bounce"},
        "refused": {"severity": "permanent", "reason": "generic"},
        "deferred": {"severity": "temporary", "reason": "generic"},
    }
    timestamp = str(int(signed_at.timestamp()))
    return {
        "signature": {
            "token": number,
            "timestamp": timestamp,
            "signature": hmac.new(secret.encode(), f"{timestamp}{number}".encode(), hashlib.sha256).hexdigest(),
        },
        "event-data": {
            "event": names.get(kind, kind),
            "timestamp": at.timestamp(),
            "id": "CPgfbmQMTCKtHW6uIWtuVe",
            "recipient": to,
            "message": {"headers": {"message-id": f"{number}@mg.example.com", "to": to}},
            "delivery-status": {"code": 550, "message": words, "description": None},
            "user-variables": {"delivery": mark} if mark else {},
            **failure.get(kind, {}),
        },
    }


def _mailjet(kind, *, to, mark, at, number, words):
    errors = {"bounced": "user unknown", "refused": "quota exceeded", "deferred": "greylisted"}
    names = dict.fromkeys(errors, "bounce") | {"delivered": "sent", "complained": "spam"}
    names |= {"unsubscribed": "unsub", "opened": "open"}
    body = {
        "event": names[kind],
        "time": int(at.timestamp()),
        "MessageID": int(number[:12], 16),
        "Message_GUID": str(uuid.UUID(number)),
        "email": to,
        "mj_campaign_id": 7276,
        "customcampaign": "",
        "CustomID": "",
        "Payload": json.dumps({"delivery": mark}) if mark else "",
    }
    if kind in errors:
        hard = kind == "bounced"
        body |= {"blocked": hard, "hard_bounce": hard, "error_related_to": "recipient", "comment": words}
        body |= {"error": errors[kind], "smtp_reply": words}
    return [body]


def _mailtrap_body(kind, *, to, mark, at, number, words):
    names = {"delivered": "delivery", "deferred": "soft bounce", "bounced": "bounce", "refused": "bounce"}
    names |= {"complained": "spam", "unsubscribed": "unsubscribe", "opened": "open"}
    event = {
        "event": names[kind],
        "message_id": "1df37d17-0286-4d8b-8edf-bc4ec5be86e6",
        "sending_stream": "bulk",
        "email": to,
        "timestamp": int(at.timestamp()),
        "event_id": number,
        "response": words,
        "custom_variables": {"delivery": mark} if mark else {},
    }
    return {"events": [event]}


def _postmark(kind, *, to, mark, at, number, words):
    instant = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    body = {"MessageID": number, "ServerID": 23, "MessageStream": "broadcast", "Tag": "", "Metadata": {}}
    if mark:
        body["Metadata"] = {"delivery": mark}
    bounce = {
        "ID": int(number[:12], 16),
        "BouncedAt": instant,
        "Email": to,
        "Details": words,
        "Description": "",
        "From": "x",
    }
    return (
        body
        | {
            "delivered": {"RecordType": "Delivery", "Recipient": to, "DeliveredAt": instant, "Details": words},
            "bounced": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Inactive": True, **bounce},
            "deferred": {"RecordType": "Bounce", "Type": "Transient", "TypeCode": 2, "Inactive": False, **bounce},
            "refused": {
                "RecordType": "Bounce",
                "Type": "SoftBounce",
                "TypeCode": 4096,
                "Inactive": False,
                **bounce,
            },
            "complained": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512, **bounce},
            "unsubscribed": {
                "RecordType": "SubscriptionChange",
                "ChangedAt": instant,
                "Recipient": to,
                "Origin": "Recipient",
                "SuppressSending": True,
                "SuppressionReason": "ManualSuppression",
            },
            "opened": {
                "RecordType": "Open",
                "FirstOpen": True,
                "Recipient": to,
                "ReceivedAt": instant,
                "UserAgent": "x",
            },
        }[kind]
    )


def _resend(kind, *, to, mark, at, number, words):
    name = {"refused": "bounced", "deferred": "delivery_delayed"}.get(kind, kind)
    data = {
        "created_at": at.isoformat(),
        "email_id": str(uuid.UUID(number)),
        "from": "The practice <desk@clinic.example>",
        "to": [to],
        "subject": "News",
        "headers": [{"name": "X-Metadata", "value": json.dumps({"delivery": mark})}] if mark else [],
    }
    if name == "bounced":
        lasting = "Permanent" if kind == "bounced" else "Transient"
        data["bounce"] = {"message": words, "type": lasting, "subType": "General"}
    return {"type": f"email.{name}", "created_at": at.isoformat().replace("+00:00", "Z"), "data": data}


def _sendgrid(kind, *, to, mark, at, number, words):
    names = {"bounced": "bounce", "refused": "bounce", "complained": "spamreport", "unsubscribed": "unsubscribe"}
    event = {
        "email": to,
        "timestamp": int(at.timestamp()),
        "smtp-id": f"<{number}@geopod-ismtpd-2>",
        "event": names.get(kind, "open" if kind == "opened" else kind),
        "sg_event_id": number,
        "sg_message_id": f"{number}.filter0001",
    }
    event |= {"delivery": mark} if mark else {}
    if event["event"] == "bounce":
        event |= {"type": "bounce" if kind == "bounced" else "blocked", "reason": words, "status": "5.0.0"}
    return [event]


def _sparkpost(kind, *, to, mark, at, number, words):
    names = {"delivered": "delivery", "deferred": "delay", "bounced": "bounce", "refused": "bounce"}
    names |= {"complained": "spam_complaint", "unsubscribed": "list_unsubscribe", "opened": "open"}
    group = {"unsubscribed": "unsubscribe_event", "opened": "track_event"}.get(kind, "message_event")
    event = {
        "type": names[kind],
        "event_id": number,
        "timestamp": str(int(at.timestamp())),
        "transmission_id": "65832150921904138",
        "message_id": "000443ee14578172be22",
        "rcpt_to": to.lower(),
        "raw_rcpt_to": to,
        "raw_reason": words,
        "rcpt_meta": {"delivery": mark} if mark else {},
    }
    if names[kind] == "bounce":
        event["bounce_class"] = "10" if kind == "bounced" else "22"
    return [{"msys": {group: event}}]


TOLD = {
    "brevo": _brevo,
    "mailgun": _mailgun,
    "mailjet": _mailjet,
    "mailtrap": _mailtrap_body,
    "postmark": _postmark,
    "resend": _resend,
    "sendgrid": _sendgrid,
    "sparkpost": _sparkpost,
}
