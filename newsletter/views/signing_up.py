"""Sign-up and the page behind the link that confirms it.

They go without a CSRF token, because content pages that hold the form set no cookie and are the same for everyone.
The sign-up gives no authority and looks at Origin and Sec-Fetch-Site instead; behind a mailed link the token in the
address is the authority. See docs/decisions.
"""

import math
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, get_supported_language_variant
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from clinic import mail_links, rate_limits
from clinic.rate_limits import Limit
from newsletter import wording
from newsletter.emails import letters
from newsletter.forms.sign_up import SignUpForm
from newsletter.models import Campaign, Consent
from newsletter.services import signing_up
from newsletter.services.signing_up import AskEnded, NotSentTo
from newsletter.views.guards import behind_a_mailed_link, posted_from_our_own_pages

# Generous, because a phone carrier lets many people share an address.
FROM_ONE_NETWORK = Limit("newsletter.network", 30, timedelta(hours=1))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from_our_own_pages
def signup(request: HttpRequest) -> HttpResponse:
    """The answer to a sign-up is the same for every address: a page that says to look into the mailbox."""
    if request.method != "POST":
        return _form(request, SignUpForm(initial={"page": request.path}))
    form, now = SignUpForm(request.POST), timezone.now()
    if not form.is_valid():
        return _form(request, form, status=422)
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
    elif not signing_up.may_be_sent_to(subscriber):
        raise NotSentTo
    elif subscriber.has_left_since(ask):
        raise AskEnded
    topics = [] if subscriber.is_on_the_list else signing_up.chosen_in(ask)
    context = {"subscriber": subscriber, "topics": topics, "words": wording.CONFIRMATION.newest}
    return render(request, "newsletter/confirm.html", context)


def _form(request: HttpRequest, form: SignUpForm, status: int = 200) -> HttpResponse:
    has_archive = Campaign.objects.in_the_archive().exists()
    return render(request, "newsletter/signup.html", {"form": form, "has_archive": has_archive}, status=status)


def _too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    response = render(request, "newsletter/too_many.html", status=429)
    response["Retry-After"] = str(math.ceil(wait.total_seconds()))
    return response


def _language() -> str:
    return get_supported_language_variant(get_language() or settings.LANGUAGE_CODE)
