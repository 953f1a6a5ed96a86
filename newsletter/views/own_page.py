"""The two pages that a person on the list has: what to be sent, and the way off it. The token in the address, from a
letter or a newsletter, is the authority; no cookie is read or set, and only a POST changes anything.
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from clinic import rate_limits
from clinic.mail_links import LinkExpired
from clinic.rate_limits import Limit
from newsletter import wording
from newsletter.emails import letters
from newsletter.forms.preferences import PreferencesForm
from newsletter.models import Subscriber
from newsletter.services import preferences as choosing
from newsletter.services import signing_up
from newsletter.services.opened import Opened, opened
from newsletter.views.guards import behind_a_mailed_link, posted_from_our_own_pages

# Each change of topics is a line of evidence for ever. Leaving is never counted.
CHANGES_BY_ONE = Limit("newsletter.preferences", 30, timedelta(hours=1))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@behind_a_mailed_link
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Leaving takes one POST from anywhere, without a redirect, for years (RFC 8058 section 3.1 asks as much)."""
    found = opened(token, purpose=letters.LEAVE, now=timezone.now())
    subscriber = found.subscriber
    if request.method == "POST":
        subscriber = _leave(request, found)
    return render(request, "newsletter/unsubscribe.html", {"subscriber": subscriber, "words": wording.LEAVING.newest})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
@behind_a_mailed_link
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Name, topics, language, and a button to leave; a person who has left is told so."""
    now = timezone.now()
    try:
        found = opened(token, purpose=letters.PREFERENCES, now=now)
    except LinkExpired:
        context = {"own_link_days": letters.TIME_OF_OWN_LINK.days}
        return render(request, "newsletter/no_link.html", context, status=410)
    if "leave" in request.POST:
        return _page(request, replace(found, subscriber=_leave(request, found)))
    if request.method != "POST" or not found.subscriber.is_on_the_list:
        return _page(request, found, PreferencesForm(found=found))
    return _choose(request, found, now)


def _choose(request: HttpRequest, found: Opened, now: datetime) -> HttpResponse:
    form = PreferencesForm(request.POST, found=found)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    wait = CHANGES_BY_ONE.count(str(found.subscriber.pk), now=now)
    if wait is not None:
        return _too_many(request, wait)
    address = rate_limits.network_address(request)
    try:
        subscriber = choosing.choose(subscriber=found.subscriber, **form.chosen, network_address=address, now=now)
    except choosing.NotOnTheList:
        # Left in another window, this very moment.
        return redirect(request.path)
    found = replace(found, subscriber=subscriber)
    return _page(request, found, PreferencesForm(found=found), is_saved=True)


def _leave(request: HttpRequest, found: Opened) -> Subscriber:
    is_one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    said = wording.LEAVING_BY_MAIL_PROGRAM if is_one_click else wording.LEAVING
    return signing_up.leave(
        subscriber=found.subscriber,
        delivery=found.delivery,
        words=said.shown(request.POST.get("wording", "")),
        network_address=rate_limits.network_address(request),
        now=timezone.now(),
    )


def _too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    response = render(request, "newsletter/too_many_changes.html", status=429)
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def _page(
    request: HttpRequest,
    found: Opened,
    form: PreferencesForm | None = None,
    *,
    is_saved: bool = False,
    status: int = 200,
) -> HttpResponse:
    if not found.subscriber.is_on_the_list:
        return render(request, "newsletter/off_the_list.html", {"subscriber": found.subscriber})
    context = {"found": found, "form": form, "is_saved": is_saved, "leaving": wording.LEAVING.newest}
    return render(request, "newsletter/preferences.html", context, status=status)
