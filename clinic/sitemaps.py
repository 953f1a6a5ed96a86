from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from articles.models import Article
from clinic.models import Location, Policy, Provider, Treatment
from newsletter.models import Campaign


class OwnSitemap(Sitemap):
    """Its addresses begin with BASE_URL, whatever host and port a request has named."""

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.BASE_URL).scheme

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.BASE_URL).netloc


class PageSitemap(OwnSitemap):
    def items(self) -> list[str]:
        names = ["home", "treatments", "team", "locations", "offers"]
        others = [
            "articles:list",
            "appointments:book",
            "appointments:request",
            "newsletter:signup",
            "newsletter:archive",
        ]
        return [f"clinic:{name}" for name in names] + others

    def location(self, item: str) -> str:
        return reverse(item)


class PracticeSitemap(OwnSitemap):
    def items(self) -> list[Treatment | Provider | Location | Policy]:
        shown = (Treatment, Provider, Location, Policy)
        return [row for model in shown for row in model.objects.shown()[:1000]]


class ArticleSitemap(OwnSitemap):
    def items(self) -> QuerySet[Article]:
        return Article.objects.published(timezone.now()).only("slug", "changed_at")

    def lastmod(self, item: Article) -> date | datetime:
        return item.changed_at


class EditionSitemap(OwnSitemap):
    """What the e-newsletter has said."""

    def items(self) -> QuerySet[Campaign]:
        return Campaign.objects.in_the_archive().only("slug", "started_at")

    def lastmod(self, item: Campaign) -> datetime | None:
        return item.started_at


SITEMAPS = {
    "pages": PageSitemap,
    "practice": PracticeSitemap,
    "articles": ArticleSitemap,
    "editions": EditionSitemap,
}
