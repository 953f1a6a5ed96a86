"""“Send me my link”, for whoever has lost theirs. For an address that is not on the list it does and says the same."""

import math
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from clinic import rate_limits
from clinic.rate_limits import Limit
from newsletter import tasks
from newsletter.forms.own_link import OwnLinkForm
from newsletter.services import own_links
from newsletter.views.guards import posted_from_our_own_pages

FROM_ONE_NETWORK = Limit("newsletter.own_link.network", 10, timedelta(hours=1))
# Not the one of other letters: what a stranger types here must not use up that of a sign-up or of an appointment. The
# key is the address as it is stored, since no other spelling of a mailbox is sent a letter.
TO_ONE_ADDRESS = Limit("newsletter.own_link.address", 3, timedelta(days=1))


@csrf_exempt
@sensitive_post_parameters()
@sensitive_variables("form", "email")
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
def ask(request: HttpRequest) -> HttpResponse:
    """It needs no CSRF token, like the sign-up: it gives no authority, and the letter goes to the owner alone.

    An address for which three letters were asked today is answered like every other, and gets none: a refusal would
    tell that somebody has asked before, and so that it is probably on the list.
    """
    if request.method != "POST":
        return _form(request, OwnLinkForm())
    form, now = OwnLinkForm(request.POST), timezone.now()
    if not form.is_valid():
        return _form(request, form, status=422)
    email = form.cleaned_data["email"]
    if wait := FROM_ONE_NETWORK.count(rate_limits.network(request), now=now):
        response = _form(request, form, status=429)
        response["Retry-After"] = str(math.ceil(wait.total_seconds()))
        return response
    is_too_often, found = TO_ONE_ADDRESS.count(email, now=now), own_links.of(email)
    tasks.send_own_link.enqueue([] if is_too_often else found)
    return HttpResponseRedirect(reverse("newsletter:own_link_sent"), status=303)


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "newsletter/own_link_sent.html", {"is_kept_here": not settings.SENDS_MAIL})


def _form(request: HttpRequest, form: OwnLinkForm, status: int = 200) -> HttpResponse:
    return render(request, "newsletter/own_link.html", {"form": form, "is_refused": status == 429}, status=status)
