"""What all pages behind a patient's link have in common: who may open them, and that nobody keeps them."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Concatenate
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from appointments.models import Appointment, BookingRules
from appointments.services.diary import DiaryBusy, NotBookable, NotOffered, SlotTaken
from appointments.zones import zone_name
from clinic.mail_links import LinkExpired

Page = Callable[[HttpRequest, str, Appointment, datetime], HttpResponse]
LostPage = Callable[Concatenate[HttpRequest, str, Appointment, datetime, ...], HttpResponse]
TRY_AGAIN_AFTER = 2  # seconds


def opened_by(
    find: Callable[..., Appointment], *, lost: LostPage
) -> Callable[[Page], Callable[[HttpRequest, str], HttpResponse]]:
    """A page that `find`, of appointments.links, opens by its token; it gets token, appointment and the time.

    A link that is unknown is 404, one that is over 410, both with what to do. `lost` is the page for a time that
    could not be had, with the exception that says why.
    """

    def decorate(page: Page) -> Callable[[HttpRequest, str], HttpResponse]:
        @wraps(page)
        def answer(request: HttpRequest, token: str) -> HttpResponse:
            now = timezone.now()
            try:
                appointment = find(token, now=now)
            except Http404:
                context = {"is_unknown": True}
                return private(render(request, "appointments/ended.html", context, status=HTTPStatus.NOT_FOUND))
            except LinkExpired:
                return private(render(request, "appointments/ended.html", status=HTTPStatus.GONE))
            try:
                return private(page(request, token, appointment, now))
            except (SlotTaken, NotOffered, NotBookable) as error:
                return private(lost(request, token, appointment, now, error))
            except DiaryBusy:
                return private(_busy_page(request))

        return answer

    return decorate


def private(response: HttpResponse) -> HttpResponse:
    """The token stands in no Referer, also none to our own pages.

    Not no-referrer: a browser that sends none says `Origin: null` too, and its forms would be refused.
    """
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "strict-origin"
    return response


def see_other(view: str, *args: object, query: str = "", fragment: str = "") -> HttpResponse:
    """303, so that a reload of what follows does not send the form again."""
    response = redirect(view, *args)
    response["Location"] += (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def chosen_again(appointment: Appointment, **chosen: str) -> str:
    """The query of the page where another time is chosen instead of one that was held."""
    return urlencode({**chosen, "came_from": appointment.came_from} if appointment.came_from else chosen)


def visit_context(appointment: Appointment) -> dict[str, object]:
    """What every one of these pages shows; instants are what the clock shows at the location, without a zone."""
    return {
        "appointment": appointment,
        "visit_type": appointment.visit_type,
        "location": appointment.location,
        "with_whom": appointment.provider.provider if appointment.provider else None,
        "starts": clock(appointment.starts_at, appointment),
        "minutes_long": round(appointment.length.total_seconds() / 60),
        "zone": zone_name(appointment.location.zone),
    }


def policy_context(appointment: Appointment, rules: BookingRules, now: datetime) -> dict[str, object]:
    """For appointments/cancellation_words.html."""
    until = appointment.changeable_until(rules)
    return {"rules": rules, "change_until": clock(until, appointment), "is_changeable": now <= until}


def clock(instant: datetime, appointment: Appointment) -> datetime:
    """Naive, because templates would turn an aware one into the zone of the page."""
    return instant.astimezone(appointment.location.zone).replace(tzinfo=None)


def _busy_page(request: HttpRequest) -> HttpResponse:
    response = render(request, "appointments/diary_busy.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = str(TRY_AGAIN_AFTER)
    return response
