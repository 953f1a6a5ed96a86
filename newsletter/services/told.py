"""What a mail provider tells, in our own few words.

anymail reads each provider's form. It is coarser than we are in one point that matters: it calls a full mailbox and a
refused text "bounced" as well, and an address that bounced gets no newsletter for ever. So what the provider itself
says is looked at: only an address that it calls dead is.
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


class Kind(StrEnum):
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    SOFT_BOUNCE = "soft bounce"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


# What is not here, opens and clicks above all, is passed over.
KINDS = {
    EventType.QUEUED: Kind.ACCEPTED,
    EventType.SENT: Kind.ACCEPTED,
    EventType.DEFERRED: Kind.DEFERRED,
    EventType.DELIVERED: Kind.DELIVERED,
    EventType.BOUNCED: Kind.SOFT_BOUNCE,
    EventType.REJECTED: Kind.REJECTED,
    EventType.FAILED: Kind.REJECTED,
    EventType.COMPLAINED: Kind.COMPLAINED,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBED,
}

# Where a provider says that the address itself is dead: all conditions of one line hold. `*` is the only key there is.
DEAD: dict[str, list[dict[str, set[Any]]]] = {
    "brevo": [{"event": {"hard_bounce", "invalid_email"}}],
    "mailgun": [{"event-data.severity": {"permanent"}, "event-data.reason": {"bounce", "suppress-bounce"}}],
    "mailjet": [{"event": {"bounce"}, "hard_bounce": {True}}],
    "mailtrap": [{"event": {"bounce"}}],
    "postmark": [{"Type": {"HardBounce", "BadEmailAddress"}}, {"SuppressionReason": {"HardBounce"}}],
    "resend": [{"data.bounce.type": {"Permanent"}}],
    "sendgrid": [
        {"event": {"bounce"}, "type": {"bounce"}},
        {"event": {"dropped"}, "reason": {"Bounced Address", "Invalid"}},
    ],
    "sparkpost": [{"msys.*.bounce_class": {"10", "30"}}],
}
# Postmark's word for a text that a filter refused, which anymail takes for a person's complaint.
NOT_A_PERSON = {"postmark": {"Type": {"SpamNotification"}}}
# RFC 3463 section 3.8: refused for what was written or who wrote it. The address is fine.
REFUSED_BY_POLICY = re.compile(r"\b5\.7\.\d{1,3}\b")

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
    kind = KINDS.get(event.event_type)
    said = event.esp_event
    if kind in (Kind.SOFT_BOUNCE, Kind.REJECTED):
        by_policy = REFUSED_BY_POLICY.search(_text(event.mta_response))
        is_dead = any(_holds(said, line) for line in DEAD[provider])
        return Kind.BOUNCED if is_dead and not by_policy else kind
    if kind == Kind.COMPLAINED and provider in NOT_A_PERSON and _holds(said, NOT_A_PERSON[provider]):
        return Kind.SOFT_BOUNCE
    return kind


def _holds(said: object, conditions: dict[str, set[Any]]) -> bool:
    return all(_found(said, path) in values for path, values in conditions.items())


def _found(said: object, path: str) -> str | bool | None:
    for key in path.split("."):
        if not isinstance(said, Mapping):
            return None
        said = next(iter(said.values()), None) if key == "*" else said.get(key)
    return said if isinstance(said, str | bool) else None


def _text(value: object) -> str:
    """JSON can hold what a column of text cannot: NUL, and halves of letters."""
    if not isinstance(value, str | int):
        return ""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()
