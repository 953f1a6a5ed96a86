from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from articles.models import Article
from clinic.feeds import LENGTH, AtomFeed, absolute, printable
from clinic.models import Practice


class ArticleFeed(AtomFeed):
    """The newest articles as Atom, with a summary and no tracking."""

    def title(self) -> str:
        practice = Practice.objects.first()
        return printable(practice.name if practice else _("Journal"))

    def link(self) -> str:
        return absolute(reverse("articles:list"))

    def feed_url(self) -> str:
        return absolute(reverse("articles:feed"))

    def items(self) -> QuerySet[Article]:
        return Article.objects.published(timezone.now()).select_related("author", "category")[:LENGTH]

    def item_link(self, item: Article) -> str:
        return absolute(item.get_absolute_url())

    def item_title(self, item: Article) -> str:
        return printable(item.title)

    def item_description(self, item: Article) -> str:
        return printable(item.standfirst)

    def item_author_name(self, item: Article) -> str | None:
        return printable(str(item.author)) if item.author else None

    def item_categories(self, item: Article) -> list[str]:
        return [printable(item.category.name)] if item.category else []

    def item_pubdate(self, item: Article) -> datetime | None:
        return item.published_at

    def item_updateddate(self, item: Article) -> datetime:
        return item.changed_at
