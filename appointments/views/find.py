from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from appointments import tasks
from appointments.forms.find import FindBookingForm
from appointments.services import find_booking
from appointments.views.opened import private, see_other
from clinic import addresses, rate_limits
from clinic.rate_limits import Limit

OF_ONE_NETWORK: Final = Limit("appointments.find.network", 10, timedelta(hours=1))
# Not the one of other letters: what a stranger types here must not use up the letter of a booking.
TO_ONE_MAILBOX: Final = Limit("appointments.find.mailbox", 3, timedelta(days=1))


@sensitive_post_parameters()
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def find_my_booking(request: HttpRequest) -> HttpResponse:
    """“Send my link again”. For an address that nobody knows it does and says the same."""
    if request.method != "POST":
        template = "appointments/found.html" if "sent" in request.GET else "appointments/find.html"
        return private(render(request, template, {"form": FindBookingForm()}))
    form = FindBookingForm(request.POST)
    if not form.is_valid():
        return _form_page(request, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    email, now = form.cleaned_data["email"], timezone.now()
    if wait := _too_many(request, email, now):
        response = _form_page(request, form, HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return response
    tasks.send_links.enqueue(find_booking.coming_of(email=email, now=now))
    return private(see_other("appointments:find_booking", query="sent=1"))


def _too_many(request: HttpRequest, email: str, now: datetime) -> timedelta | None:
    return OF_ONE_NETWORK.count(rate_limits.network(request), now=now) or TO_ONE_MAILBOX.count(
        addresses.mailbox(email), now=now
    )


def _form_page(request: HttpRequest, form: FindBookingForm, status: int) -> HttpResponse:
    context = {"form": form, "is_refused": status == HTTPStatus.TOO_MANY_REQUESTS}
    return private(render(request, "appointments/find.html", context, status=status))
