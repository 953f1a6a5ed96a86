"""Sign-up and the two pages behind mailed links.

All of them go without a CSRF token, because content pages that hold the form set no cookie and are the same for
everyone. The sign-up gives no authority and looks at Origin and Sec-Fetch-Site instead; behind a mailed link the
token in the address is the authority. See docs/decisions.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, get_supported_language_variant
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from clinic import mail_links, rate_limits
from clinic.mail_links import LinkExpired
from clinic.rate_limits import Limit
from newsletter import wording
from newsletter.emails import letters
from newsletter.forms.sign_up import SignUpForm
from newsletter.models import Consent, Subscriber
from newsletter.services import signing_up
from newsletter.services.signing_up import AskEnded

# Generous, because a phone carrier lets many people share an address.
FROM_ONE_NETWORK = Limit("newsletter.network", 30, timedelta(hours=1))

View = Callable[..., HttpResponse]


def posted_from_our_own_pages(view: View) -> View:
    """Refuses a POST of which the browser says that another site's page has sent it; with 403."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        ours = {f"{request.scheme}://{request.get_host()}", settings.BASE_URL}
        origin = request.headers.get("Origin")
        is_foreign = origin is not None and origin not in ours
        is_from_elsewhere = request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
        if request.method == "POST" and (is_foreign or is_from_elsewhere):
            return render(request, "newsletter/refused.html", status=403)
        return view(request, *args, **kwargs)

    return guarded


def behind_a_mailed_link(view: View) -> View:
    """Answers a link that is unknown with 404, one that is over with 410, both with what to do next."""

    @wraps(view)
    def answered(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except Http404:
            response = render(request, "newsletter/no_link.html", {"is_unknown": True}, status=404)
        except (LinkExpired, AskEnded) as end:
            response = render(request, "newsletter/no_link.html", {"has_left": isinstance(end, AskEnded)}, status=410)
        response["Cache-Control"] = "no-store"
        return response

    return answered


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
def signup(request: HttpRequest) -> HttpResponse:
    """The answer to a sign-up is the same for every address: a page that says to look into the mailbox."""
    if request.method != "POST":
        form = SignUpForm(initial={"page": request.path})
        return render(request, "newsletter/signup.html", {"form": form})
    form, now = SignUpForm(request.POST), timezone.now()
    if not form.is_valid():
        return render(request, "newsletter/signup.html", {"form": form}, status=422)
    wait = FROM_ONE_NETWORK.count(rate_limits.network(request), now=now)
    if wait is not None:
        return _too_many(request, wait)
    address = rate_limits.network_address(request)
    signing_up.sign_up(**form.asked, network_address=address, language=_language(), now=now)
    return HttpResponseRedirect(reverse("newsletter:sent"), status=303)


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return render(request, "newsletter/sent.html", {"is_kept_here": not settings.SENDS_MAIL})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
@behind_a_mailed_link
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A page with one button; only its POST confirms, because mail scanners open every link."""
    now = timezone.now()
    link = mail_links.find(letters.CONFIRM, token, now=now)
    ask = get_object_or_404(Consent.objects.select_related("subscriber"), pk=link.object_id)
    subscriber = ask.subscriber
    if request.method == "POST":
        words = wording.CONFIRMATION.shown(request.POST.get("wording", ""))
        address = rate_limits.network_address(request)
        subscriber = signing_up.confirm(ask=ask, words=words, network_address=address, now=now)
    elif subscriber.has_left_since(ask):
        raise AskEnded
    context = {"subscriber": subscriber, "words": wording.CONFIRMATION.newest}
    return render(request, "newsletter/confirm.html", context)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@behind_a_mailed_link
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Leaving takes one POST from anywhere, without a redirect, for years (RFC 8058 section 3.1 asks as much)."""
    now = timezone.now()
    link = mail_links.find(letters.LEAVE, token, now=now)
    subscriber = get_object_or_404(Subscriber, pk=link.object_id)
    if request.method == "POST":
        words = wording.LEAVING.shown(request.POST.get("wording", ""))
        address = rate_limits.network_address(request)
        subscriber = signing_up.leave(subscriber=subscriber, words=words, network_address=address, now=now)
    return render(request, "newsletter/unsubscribe.html", {"subscriber": subscriber, "words": wording.LEAVING.newest})


def _too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    response = render(request, "newsletter/too_many.html", status=429)
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def _language() -> str:
    return get_supported_language_variant(get_language() or settings.LANGUAGE_CODE)
