from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from appointments.availability import FreeTime, timetable
from appointments.forms.choose import SlotsForm
from clinic import rate_limits
from clinic.rate_limits import Limit

READS: Final = Limit("appointments.slots.network", 120, timedelta(minutes=1))


@require_safe
def slots(request: HttpRequest) -> HttpResponse:
    """Free times for other people's tools: three queries, of which one counts the visitor."""
    now = timezone.now()
    if wait := READS.count(rate_limits.network(request), now=now):
        words = _("That is too often. Wait a minute, and ask for more days at once.")
        response = _answer({"errors": {"network": words}}, HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return response
    form = SlotsForm(request.GET, now=now)
    if not form.is_valid():
        errors = {name: str(messages[0]) for name, messages in form.errors.items()}
        return _answer({"errors": errors}, HTTPStatus.BAD_REQUEST)
    table = timetable(
        plan=form.plan,
        first=form.first,
        days=form.length,
        now=now,
        location=form.place.pk if form.place else None,
        provider=form.person.pk if form.person else None,
    )
    # Each time carries the offset of its own location; this one is of the location asked for, or of the first.
    place = form.place or next(iter(form.plan.places.values()), None)
    return _answer(
        {
            "visit_type": form.plan.slug,
            "timezone": place.zone.key if place else None,
            "slots": [_slot(form, free) for free in table.times],
        }
    )


def _slot(form: SlotsForm, free: FreeTime) -> dict[str, str | None]:
    return {
        "start": free.starts_at.isoformat(),
        "end": free.ends_at.isoformat(),
        "provider": form.plan.people[free.provider].slug if free.provider is not None else None,
        "location": form.plan.places[free.location].slug,
    }


def _answer(content: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    return JsonResponse(content, status=status, headers={"Cache-Control": "no-store"})
