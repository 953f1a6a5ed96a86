"""“Send me my link”, for whoever has lost theirs. For an address that is not on the list it does and says the same."""

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from clinic import addresses, rate_limits
from clinic.rate_limits import Limit
from newsletter import tasks
from newsletter.forms.own_link import OwnLinkForm
from newsletter.services import own_links
from newsletter.views.guards import posted_from_our_own_pages

FROM_ONE_NETWORK = Limit("newsletter.own_link.network", 10, timedelta(hours=1))
# Not the one of other letters: what a stranger types here must not use up that of a sign-up or of an appointment.
TO_ONE_MAILBOX = Limit("newsletter.own_link.mailbox", 3, timedelta(days=1))


@csrf_exempt
@sensitive_post_parameters()
@sensitive_variables("form", "email")
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
def ask(request: HttpRequest) -> HttpResponse:
    """It needs no CSRF token, like the sign-up: it gives no authority, and the letter goes to the owner alone."""
    if request.method != "POST":
        return _form(request, OwnLinkForm())
    form, now = OwnLinkForm(request.POST), timezone.now()
    if not form.is_valid():
        return _form(request, form, status=422)
    email = form.cleaned_data["email"]
    wait = _too_many(request, email, now)
    if wait is not None:
        response = _form(request, form, status=429)
        response["Retry-After"] = str(math.ceil(wait.total_seconds()))
        return response
    tasks.send_own_link.enqueue(own_links.of(email))
    return HttpResponseRedirect(reverse("newsletter:own_link_sent"), status=303)


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "newsletter/own_link_sent.html", {"is_kept_here": not settings.SENDS_MAIL})


def _too_many(request: HttpRequest, email: str, now: datetime) -> timedelta | None:
    """How long to wait. Who asks from a network that may not ask any more uses up nobody's letters."""
    wait = FROM_ONE_NETWORK.count(rate_limits.network(request), now=now)
    return TO_ONE_MAILBOX.count(addresses.mailbox(email), now=now) if wait is None else wait


def _form(request: HttpRequest, form: OwnLinkForm, status: int = 200) -> HttpResponse:
    return render(request, "newsletter/own_link.html", {"form": form, "is_refused": status == 429}, status=status)
