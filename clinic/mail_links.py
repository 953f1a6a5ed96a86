"""Links in letters: 192 random bits in the address, their SHA-256 in the database."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse

from clinic.models import MailLink


class LinkExpired(Exception):
    """The link was good once; it is answered with 410 and what to do instead."""


@dataclass(frozen=True)
class Link:
    """What a link in a letter will do once it is minted.

    `view` is a URL name that takes the token; without a `lifetime` the link never expires.
    """

    purpose: str
    object_id: int
    view: str
    lifetime: timedelta | None

    def as_json(self) -> dict[str, Any]:
        seconds = None if self.lifetime is None else self.lifetime.total_seconds()
        return {"purpose": self.purpose, "object": self.object_id, "view": self.view, "seconds": seconds}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Link":
        lifetime = None if stored["seconds"] is None else timedelta(seconds=stored["seconds"])
        return cls(purpose=stored["purpose"], object_id=stored["object"], view=stored["view"], lifetime=lifetime)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def mint(link: Link, *, now: datetime) -> str:
    """Returns a new token for it. Those minted earlier stay valid."""
    token = secrets.token_urlsafe(24)
    expires_at = None if link.lifetime is None else now + link.lifetime
    MailLink.objects.create(
        purpose=link.purpose,
        object_id=link.object_id,
        token_hash=_hash(token),
        created_at=now,
        expires_at=expires_at,
    )
    return token


def address(link: Link, *, now: datetime) -> str:
    """Mints a token and returns the whole address, on the site's own BASE_URL and never the request's host."""
    return settings.BASE_URL + reverse(link.view, args=[mint(link, now=now)])


def find(purpose: str, token: str, *, now: datetime) -> MailLink:
    """Raises Http404 for a token that was never minted for this purpose, LinkExpired for one that is over."""
    link = MailLink.objects.filter(purpose=purpose, token_hash=_hash(token)).first()
    if link is None:
        raise Http404
    if link.expires_at is not None and link.expires_at <= now:
        raise LinkExpired
    return link


def end(purpose: str, object_ids: Iterable[int], *, now: datetime) -> None:
    """Ends all links to these objects: their pages say so from now on."""
    MailLink.objects.filter(purpose=purpose, object_id__in=object_ids).exclude(expires_at__lte=now).update(
        expires_at=now
    )


def forget_expired(*, now: datetime) -> None:
    """Removes links that ended a year ago; until then their pages say that they have ended."""
    MailLink.objects.filter(expires_at__lt=now - timedelta(days=365)).delete()
