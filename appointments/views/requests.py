from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from appointments.emails.requests import PURPOSE
from appointments.forms.requests import RequestForm, presets
from appointments.models import AppointmentRequest
from appointments.services.requests import TooManyRequests, take_request
from clinic import mail_links, rate_limits


@sensitive_post_parameters()
@sensitive_variables("form")
@require_http_methods(["GET", "HEAD", "POST"])
def request_appointment(request: HttpRequest) -> HttpResponse:
    """The form. Once taken, a request has a page of its own, so that a reload does not send it again."""
    now = timezone.now()
    if request.method != "POST":
        return _form_page(request, RequestForm(now=now, initial=presets(request.GET)))
    form = RequestForm(request.POST, now=now)
    if not form.is_valid():
        return _form_page(request, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if form.needs_a_second_look:
        form.ask_for_a_second_look()
        return _form_page(request, form, is_second_look=True)
    try:
        token = take_request(
            request=form.as_request(),
            preferred_times=form.preferred_times(),
            network=rate_limits.network(request),
            now=now,
        )
    except TooManyRequests as refused:
        response = _form_page(request, form, status=HTTPStatus.TOO_MANY_REQUESTS, is_refused=True)
        response["Retry-After"] = str(int(refused.wait.total_seconds()) + 1)
        return response
    response = redirect("appointments:requested", token)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


@require_safe
def requested(request: HttpRequest, token: str) -> HttpResponse:
    """What happens next, for whoever holds the link: nothing on the page tells who asked, or for what."""
    try:
        link = mail_links.find(PURPOSE, token, now=timezone.now())
    except mail_links.LinkExpired:
        return _private(render(request, "appointments/expired.html", status=HTTPStatus.GONE))
    shown = AppointmentRequest.objects.select_related("location", "provider").prefetch_related("preferred_times")
    context = {"appointment_request": get_object_or_404(shown, pk=link.object_id)}
    return _private(render(request, "appointments/requested.html", context))


def _form_page(request: HttpRequest, form: RequestForm, status: int = HTTPStatus.OK, **said: bool) -> HttpResponse:
    return render(request, "appointments/request.html", {"form": form, **said}, status=status)


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "strict-origin"
    return response
