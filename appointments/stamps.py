"""What an opened form carries: when it was shown, which opening this is, and which words of consent stood there."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core import signing

SALT = "appointments.request"
LEAST_TIME = timedelta(seconds=2)  # no person fills in the form faster


@dataclass(frozen=True)
class Stamp:
    """Signed, not secret; it holds nothing about the visitor. It never expires: a page may stay open for days."""

    shown_at: datetime
    opening: uuid.UUID
    consent_version: str
    # The visitor has been asked to look over it and send it again: fast or not, it is taken then.
    is_checked: bool = False

    @classmethod
    def new(cls, *, now: datetime, consent_version: str) -> "Stamp":
        return cls(shown_at=now, opening=uuid.uuid4(), consent_version=consent_version)

    @classmethod
    def read(cls, sealed: str) -> "Stamp | None":
        """None for one that is missing, cut off or not of our making."""
        try:
            held: dict[str, Any] = signing.loads(sealed, salt=SALT)
        except signing.BadSignature:
            return None
        return cls(
            datetime.fromisoformat(held["shown"]), uuid.UUID(held["opening"]), held["consent"], held["is_checked"]
        )

    def sealed(self) -> str:
        held = {
            "shown": self.shown_at.isoformat(),
            "opening": str(self.opening),
            "consent": self.consent_version,
            "is_checked": self.is_checked,
        }
        return signing.dumps(held, salt=SALT)

    def is_too_fast(self, now: datetime) -> bool:
        return not self.is_checked and now - self.shown_at < LEAST_TIME
