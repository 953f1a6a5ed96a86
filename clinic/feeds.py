"""What the site's feeds have in common: Atom, on the practice's own host, with nothing in it that XML cannot hold."""

import re

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed

LENGTH = 20  # entries
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def printable(words: str) -> str:
    """XML 1.0 has no place for control characters; one that was pasted must not take the feed away."""
    return CONTROL.sub(" ", words)


def absolute(path: str) -> str:
    """On the practice's own host: the one that a request names is the visitor's choice, and so is its port."""
    return f"{settings.BASE_URL}{path}"


class AtomFeed(Feed):
    feed_type = Atom1Feed

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = super().__call__(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "max-age=0, must-revalidate")
        return response
