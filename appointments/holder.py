"""Which times this browser holds: a random number in a signed cookie that is gone with the browser's session."""

import uuid
from datetime import datetime
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from appointments.models import Appointment

COOKIE: Final = "holder"
SALT: Final = "appointments.holder"
# Nobody needs more of them on one page.
MOST_SHOWN: Final = 5


def holder_of(request: HttpRequest) -> uuid.UUID | None:
    """None for a browser that has held nothing yet, and for a cookie that is not of our making."""
    written = request.get_signed_cookie(COOKIE, default=None, salt=SALT)
    return uuid.UUID(written) if written else None


def remember(response: HttpResponse, holder: uuid.UUID) -> None:
    response.set_signed_cookie(
        COOKIE,
        str(holder),
        salt=SALT,
        path="/appointments/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def held_by(request: HttpRequest, *, now: datetime) -> list[Appointment]:
    """The times that this browser holds and that have not run out, the next one first."""
    holder = holder_of(request)
    if holder is None:
        return []
    held = Appointment.objects.filter(holder=holder, patient=None, status=Appointment.Status.HELD, expires_at__gt=now)
    return list(held.select_related("visit_type", "location").order_by("starts_at", "pk")[:MOST_SHOWN])


def held_one(request: HttpRequest, number: int, *, now: datetime) -> Appointment | None:
    """That appointment, if this browser holds it."""
    return next((held for held in held_by(request, now=now) if held.pk == number), None)
