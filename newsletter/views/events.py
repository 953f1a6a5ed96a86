import logging

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter.services import events
from newsletter.views.provider_requests import NotTheirs, Unreadable, events_in

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
    try:
        told = events_in(request, provider=provider, secret=settings.MAIL_PROVIDER_SECRET)
    except NotTheirs:
        log.warning("A request in the name of %s had no or a wrong signature or password.", provider)
        return HttpResponse("Not signed as it should be.\n", status=403, content_type="text/plain")
    except Unreadable:
        log.warning("A request of %s was signed, but not of the form that is known here.", provider)
        return HttpResponse("Not understood.\n", status=400, content_type="text/plain")
    events.take(provider, told, now=timezone.now())
    return HttpResponse("Taken.\n", content_type="text/plain")
