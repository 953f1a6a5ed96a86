import logging
from datetime import datetime

from anymail.webhooks.base import AnymailBaseWebhookView
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter.services import events
from newsletter.views.provider_requests import NotTheirs, Unreadable, events_in, reader_of, signature_used_up

log = logging.getLogger("clinic.mail_provider")


@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def take(request: HttpRequest, provider: str) -> HttpResponse:
    """The mail provider tells what became of letters. It repeats what is not answered with 200.

    No cookie and no form: the request's signature or password is all its authority. HEAD is how some providers try an
    address that they are given.
    """
    if not provider or provider != settings.MAIL_PROVIDER:
        raise Http404
    if request.method == "HEAD":
        return HttpResponse()
    now = timezone.now()
    try:
        reader = reader_of(request, provider=provider, secret=settings.MAIL_PROVIDER_SECRET)
        with signature_used_up(request, provider=provider, now=now):
            return _answer(request, provider, reader, now)
    except NotTheirs:
        log.warning("A request in the name of %s had no or a wrong signature or password, or a used one.", provider)
        return HttpResponse("Not signed as it should be.\n", status=403, content_type="text/plain")


def _answer(request: HttpRequest, provider: str, reader: AnymailBaseWebhookView, now: datetime) -> HttpResponse:
    try:
        told = events_in(request, reader)
    except Unreadable:
        log.warning("A request of %s was signed, but not of the form that is known here.", provider)
        return HttpResponse("Not understood.\n", status=400, content_type="text/plain")
    events.take(provider, told, now=now)
    return HttpResponse("Taken.\n", content_type="text/plain")
