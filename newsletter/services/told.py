"""What a mail provider tells, in our own few words.

anymail reads each provider's form. It is coarser than we are in one point that matters: it calls a full mailbox and a
refused text "bounced" as well, and an address that bounced gets no newsletter for ever. So what the provider itself
says is looked at: only an address that it calls dead is, and where it passes on a status code of the mail server, only
one that this calls dead too.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType
from django.utils import timezone

from newsletter.services.bounces import DEAD_ADDRESS


class Kind(StrEnum):
    ACCEPTED = "accepted"
    # The provider still tries.
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    # The address is dead.
    BOUNCED = "bounced"
    # For good, though the address is not dead: the mailbox is full, or does not want this letter.
    REFUSED = "refused"
    # By the provider, which did not send it on.
    REJECTED = "rejected"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


# What is not here, opens and clicks above all, is passed over.
KINDS = {
    EventType.QUEUED: Kind.ACCEPTED,
    EventType.SENT: Kind.ACCEPTED,
    EventType.DEFERRED: Kind.DEFERRED,
    EventType.DELIVERED: Kind.DELIVERED,
    EventType.BOUNCED: Kind.REFUSED,
    EventType.REJECTED: Kind.REJECTED,
    EventType.FAILED: Kind.REJECTED,
    EventType.COMPLAINED: Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
}

# Where a provider says that the address itself is dead: all conditions of one line hold. `*` is the only key there is.
DEAD: dict[str, list[dict[str, set[Any]]]] = {
    "brevo": [{"event": {"hard_bounce", "invalid_email"}}],
    "mailgun": [{"event-data.severity": {"permanent"}, "event-data.reason": {"bounce", "suppress-bounce"}}],
    "mailjet": [
        {
            "event": {"bounce"},
            "hard_bounce": {True},
            "error": {"user unknown", "mailbox inactive", "invalid domain", "no mail host"},
        }
    ],
    "mailtrap": [{"event": {"bounce"}}],
    "postmark": [{"Type": {"HardBounce", "BadEmailAddress"}}, {"SuppressionReason": {"HardBounce"}}],
    "resend": [{"data.bounce.type": {"Permanent"}}],
    "sendgrid": [
        {"event": {"bounce"}, "type": {"bounce"}},
        {"event": {"dropped"}, "reason": {"Bounced Address", "Invalid"}},
    ],
    "sparkpost": [{"msys.*.bounce_class": {"10", "30"}}],
}
# Postmark's words for a text that a filter refused, which anymail takes for a person's complaint, and for a letter that
# came back nobody knows why, which it takes for nothing.
REFUSED = {"postmark": {"Type": {"SpamNotification", "Unknown"}}}
# A status code of RFC 3463; x.0.0 says nothing.
STATUS = re.compile(r"(?<![\d.])[45]\.(?!0\.0\b)[0-7]\.\d{1,3}(?![.\d])")
# Where a provider has it beside the server's words.
STATUS_AT = {
    "mailgun": "event-data.delivery-status.enhanced-code",
    "resend": "data.bounce.diagnosticCode",
    "sendgrid": "status",
}

LONGEST_WORDS = 500
LONGEST_NUMBER = 200


@dataclass(frozen=True)
class Told:
    """One event. Every text is one that PostgreSQL takes."""

    kind: Kind
    number: str
    at: datetime
    recipient: str
    mark: str
    message_id: str
    words: str


def told(provider: str, event: AnymailTrackingEvent, *, now: datetime) -> Told | None:
    """None for what concerns nobody here: opens, clicks, replies of machines, and all that anymail does not know.

    `at` is the provider's instant, but never after `now`. An event without a number of its own gets one that follows
    from what it says, so that its repetition has the same.
    """
    kind = _kind(provider, event)
    if kind is None:
        return None
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    at = event.timestamp or now
    if timezone.is_naive(at):
        at = at.replace(tzinfo=UTC)
    recipient, message_id = _text(event.recipient), _text(event.message_id)
    number = _text(event.event_id)
    if not number or len(number) > LONGEST_NUMBER:
        said = "\n".join([kind, number, message_id, recipient, event.timestamp.isoformat() if event.timestamp else ""])
        number = f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"
    return Told(
        kind=kind,
        number=number,
        at=min(at, now),
        recipient=recipient,
        mark=_text(metadata.get("delivery")),
        message_id=message_id,
        words=_text(event.mta_response or event.description)[:LONGEST_WORDS],
    )


def _kind(provider: str, event: AnymailTrackingEvent) -> Kind | None:
    kind, said = KINDS.get(event.event_type), event.esp_event
    if provider in REFUSED and _holds(said, REFUSED[provider]):
        return Kind.REFUSED
    if kind in (Kind.REFUSED, Kind.REJECTED) and any(_holds(said, line) for line in DEAD[provider]):
        return Kind.BOUNCED if _status(provider, event) in {None, *DEAD_ADDRESS} else kind
    return kind


def _status(provider: str, event: AnymailTrackingEvent) -> str | None:
    """The first that the report holds."""
    apart = _found(event.esp_event, STATUS_AT[provider]) if provider in STATUS_AT else None
    texts = (_text(text) for text in (event.mta_response, apart, event.description))
    return next((found[0] for text in texts if (found := STATUS.search(text))), None)


def _holds(said: object, conditions: dict[str, set[Any]]) -> bool:
    return all(_found(said, path) in values for path, values in conditions.items())


def _found(said: object, path: str) -> str | bool | None:
    for key in path.split("."):
        if not isinstance(said, Mapping):
            return None
        said = next(iter(said.values()), None) if key == "*" else said.get(key)
    if isinstance(said, list):
        said = next(iter(said), None)
    return said if isinstance(said, str | bool) else None


def _text(value: object) -> str:
    """JSON can hold what a column of text cannot: NUL, and halves of letters."""
    if not isinstance(value, str | int):
        return ""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()
