import re
from datetime import datetime

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _

from clinic.models import Practice
from newsletter.models import Campaign

LENGTH = 20
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _printable(words: str) -> str:
    """XML 1.0 has no place for control characters; one that was pasted must not take the feed away."""
    return CONTROL.sub(" ", words)


def _absolute(path: str) -> str:
    """On the practice's own host: the one that a request names is the visitor's choice, and so is its port."""
    return f"{settings.BASE_URL}{path}"


class ArchiveFeed(Feed):
    """The newest mailings as Atom: who reads them so needs no address on the list."""

    feed_type = Atom1Feed

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = super().__call__(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "max-age=0, must-revalidate")
        return response

    def title(self) -> str:
        practice = Practice.objects.first()
        words = _("%(name)s: e-newsletter") % {"name": practice.name} if practice else _("E-newsletter")
        return _printable(words)

    def author_name(self) -> str:
        practice = Practice.objects.first()
        return _printable(practice.name) if practice else _("E-newsletter")

    def link(self) -> str:
        return _absolute(reverse("newsletter:archive"))

    def feed_url(self) -> str:
        return _absolute(reverse("newsletter:feed"))

    def items(self) -> QuerySet[Campaign]:
        return Campaign.objects.in_the_archive().defer("content")[:LENGTH]

    def item_link(self, item: Campaign) -> str:
        return _absolute(item.get_absolute_url())

    def item_title(self, item: Campaign) -> str:
        return _printable(item.subject)

    def item_description(self, item: Campaign) -> str:
        return _printable(item.preheader)

    def item_pubdate(self, item: Campaign) -> datetime | None:
        return item.started_at

    def item_updateddate(self, item: Campaign) -> datetime | None:
        return item.started_at
