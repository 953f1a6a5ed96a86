from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from clinic.feeds import LENGTH, AtomFeed, absolute, printable
from clinic.models import Practice
from newsletter.models import Campaign


class ArchiveFeed(AtomFeed):
    """The newest mailings as Atom: who reads them so needs no address on the list."""

    def title(self) -> str:
        practice = Practice.objects.first()
        words = _("%(name)s: e-newsletter") % {"name": practice.name} if practice else _("E-newsletter")
        return printable(words)

    def author_name(self) -> str:
        practice = Practice.objects.first()
        return printable(practice.name) if practice else _("E-newsletter")

    def link(self) -> str:
        return absolute(reverse("newsletter:archive"))

    def feed_url(self) -> str:
        return absolute(reverse("newsletter:feed"))

    def items(self) -> QuerySet[Campaign]:
        return Campaign.objects.in_the_archive().defer("content")[:LENGTH]

    def item_link(self, item: Campaign) -> str:
        return absolute(item.get_absolute_url())

    def item_title(self, item: Campaign) -> str:
        return printable(item.subject)

    def item_description(self, item: Campaign) -> str:
        return printable(item.preheader)

    def item_pubdate(self, item: Campaign) -> datetime | None:
        return item.started_at

    def item_updateddate(self, item: Campaign) -> datetime | None:
        return item.started_at
