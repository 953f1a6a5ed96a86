import re
from datetime import datetime

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _

from articles.models import Article
from clinic.models import Practice

LENGTH = 20
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _printable(words: str) -> str:
    """XML 1.0 has no place for control characters; one that was pasted must not take the feed away."""
    return CONTROL.sub(" ", words)


def _absolute(path: str) -> str:
    """On the practice's own host: the one that a request names is the visitor's choice, and so is its port."""
    return f"{settings.BASE_URL}{path}"


class ArticleFeed(Feed):
    """The newest articles as Atom, with a summary and no tracking."""

    feed_type = Atom1Feed

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = super().__call__(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "max-age=0, must-revalidate")
        return response

    def title(self) -> str:
        practice = Practice.objects.first()
        return _printable(practice.name if practice else _("Journal"))

    def link(self) -> str:
        return _absolute(reverse("articles:list"))

    def feed_url(self) -> str:
        return _absolute(reverse("articles:feed"))

    def items(self) -> QuerySet[Article]:
        return Article.objects.published(timezone.now()).select_related("author", "category")[:LENGTH]

    def item_link(self, item: Article) -> str:
        return _absolute(item.get_absolute_url())

    def item_title(self, item: Article) -> str:
        return _printable(item.title)

    def item_description(self, item: Article) -> str:
        return _printable(item.standfirst)

    def item_author_name(self, item: Article) -> str | None:
        return _printable(str(item.author)) if item.author else None

    def item_categories(self, item: Article) -> list[str]:
        return [_printable(item.category.name)] if item.category else []

    def item_pubdate(self, item: Article) -> datetime | None:
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        return item.changed_at
