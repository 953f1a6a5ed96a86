"""Whether the articles and offers in it are on the site when it goes out."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.utils import formats
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from articles.models import Article
from clinic.models import Offer
from clinic.templatetags.clinic import last_moment
from newsletter.models import Block
from newsletter.services.checklist.verdicts import Check, Verdict

# A letter is read within two days or so: an offer that ends sooner is over when many see it.
SOON = timedelta(days=2)


def checks(blocks: Sequence[Block], *, now: datetime, at: datetime) -> Iterator[Check]:
    """`at` is when it goes out: `now`, or later when it is scheduled."""
    for article in dict.fromkeys(
        block.article for block in blocks if block.kind == Block.Kind.ARTICLE and block.article
    ):
        yield _article(article, at)
    for offer in dict.fromkeys(block.offer for block in blocks if block.kind == Block.Kind.OFFER and block.offer):
        yield _offer(offer, now, at)


def _article(article: Article, at: datetime) -> Check:
    name, title = _("Articles"), {"title": article.title}
    if article.is_public(at):
        return Check(name, Verdict.OK, _("“%(title)s” is on the site.") % title)
    if article.status == Article.Status.PUBLISHED:
        return Check(name, Verdict.STOP, _("“%(title)s” is not on the site yet when this goes out.") % title)
    return Check(name, Verdict.STOP, _("“%(title)s” is a draft: its link would lead nowhere.") % title)


def _offer(offer: Offer, now: datetime, at: datetime) -> Check:
    name, end = _("Offers"), last_moment(offer.ends_at)
    said = {"title": offer.title, "end": end, "start": _moment(offer.starts_at)}
    if offer.ends_at <= now:
        return Check(name, Verdict.STOP, _("“%(title)s” has ended (%(end)s).") % said)
    if offer.ends_at <= at:
        return Check(name, Verdict.STOP, _("“%(title)s” ends before this goes out (%(end)s).") % said)
    if offer.starts_at > at:
        return Check(name, Verdict.STOP, _("“%(title)s” begins only after this goes out (%(start)s).") % said)
    if offer.ends_at < at + SOON:
        return Check(
            name, Verdict.WARNING, _("“%(title)s” ends soon after (%(end)s): who reads it later misses it.") % said
        )
    return Check(name, Verdict.OK, _("“%(title)s” holds (until %(end)s).") % said)


def _moment(instant: datetime) -> str:
    local = localtime(instant)
    return f"{formats.date_format(local, 'DATETIME_FORMAT')} {local:%Z}"
