"""How often one network may keep a time from others: by choosing it, changing to it, or taking it up again."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clinic import rate_limits
from clinic.rate_limits import Limit

# Phone carriers put many people behind one address: generous. A time that is kept ten times is held for two hours
# nearly, so it is the hour that bounds how many one network holds at once.
HOLDS_OF_ONE_NETWORK: Final = (
    Limit("appointments.hold.network", 30, timedelta(minutes=10)),
    Limit("appointments.hold.network.hour", 60, timedelta(hours=1)),
)


def too_many_holds(request: HttpRequest, *, now: datetime) -> HttpResponse | None:
    """Counts one more; the page that refuses it when that was one too many."""
    network = rate_limits.network(request)
    wait = next((wait for limit in HOLDS_OF_ONE_NETWORK if (wait := limit.count(network, now=now))), None)
    if wait is None:
        return None
    response = render(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = str(int(wait.total_seconds()) + 1)
    return response
