"""How often somebody may do something, counted exactly across processes by one statement in PostgreSQL."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from clinic.models import RateLimit

COUNT = """
    INSERT INTO clinic_ratelimit AS seen (key, count, window_ends_at) VALUES (%(key)s, 1, %(end)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN seen.window_ends_at <= %(now)s THEN 1 ELSE LEAST(seen.count, 1000000) + 1 END,
        window_ends_at = CASE WHEN seen.window_ends_at <= %(now)s THEN %(end)s ELSE seen.window_ends_at END
    RETURNING count, window_ends_at
"""
# Some proxies name the port as well: 192.0.2.1:567, [2001:db8::1]:567.
WITH_PORT = re.compile(r"\[([^]]+)](?::\d+)?|([\d.]+):\d+")


@dataclass(frozen=True)
class Limit:
    """At most `most` times in `period`, which begins with the first."""

    name: str
    most: int
    period: timedelta

    def count(self, key: str, *, now: datetime) -> timedelta | None:
        """Counts one more; returns how long to wait when that was one too many.

        Called outside of a transaction, or a rollback forgets the count.
        """
        hashed = salted_hmac("clinic.rate_limits", f"{self.name}:{key.casefold()}", algorithm="sha256").hexdigest()
        with connection.cursor() as cursor:
            cursor.execute(COUNT, {"key": hashed, "now": now, "end": now + self.period})
            count, window_ends_at = cursor.fetchone()
        return window_ends_at - now if count > self.most else None


def forget_ended(*, now: datetime) -> None:
    RateLimit.objects.filter(window_ends_at__lte=now).delete()


def network_address(request: HttpRequest) -> str:
    """The visitor's own address, past as many proxies as are the practice's own; never what a client claims."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = seen[-settings.TRUSTED_PROXIES] if len(seen) >= settings.TRUSTED_PROXIES else address
    if with_port := WITH_PORT.fullmatch(address):
        address = with_port[1] or with_port[2]
    try:
        parsed = ip_address(address)
        # A server that listens on both families sees an IPv4 visitor as ::ffff:192.0.2.1.
        return str(getattr(parsed, "ipv4_mapped", None) or parsed)
    except ValueError:
        return "0.0.0.0"  # noqa: S104 -- no address is bound: it stands for "unknown"


def network(request: HttpRequest) -> str:
    """What is limited as one visitor: an IPv4 address, or the /64 that one IPv6 household has."""
    address = ip_address(network_address(request))
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
