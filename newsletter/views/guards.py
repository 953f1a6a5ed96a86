"""What stands before a view of the mailing list: whose form it was, and whether its link is good."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from clinic.mail_links import LinkExpired
from newsletter.services import test_letters
from newsletter.services.signing_up import AskEnded, NotSentTo, TopicsGone

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
    """Answers a link that is unknown with 404, one that is over with 410, both with what to do next.

    An address that we cannot send to any more is 409: the link is good, and it is the list that refuses. The link of
    a test letter is answered with a page that says so. None of these pages is kept or indexed, and the token stands in
    no Referer, also none to our own pages. Not no-referrer: a browser that sends none says `Origin: null` too, and the
    forms would be refused.
    """

    @wraps(view)
    def answered(request: HttpRequest, token: str) -> HttpResponse:
        try:
            is_test = token == test_letters.TOKEN
            response = render(request, "newsletter/test_link.html") if is_test else view(request, token)
        except Http404:
            response = render(request, "newsletter/no_link.html", {"is_unknown": True}, status=404)
        except (LinkExpired, AskEnded, TopicsGone) as end:
            why = {"has_left": isinstance(end, AskEnded), "are_topics_gone": isinstance(end, TopicsGone)}
            response = render(request, "newsletter/no_link.html", why, status=410)
        except NotSentTo:
            response = render(request, "newsletter/not_sent_to.html", status=409)
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        response["Referrer-Policy"] = "strict-origin"
        return response

    return answered
