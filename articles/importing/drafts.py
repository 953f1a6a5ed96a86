"""Stores what was read as a draft. The only part of the importer that touches the database."""

import hashlib
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from articles.importing.page import ImportedPage
from articles.models import Article
from clinic.rich_text import plain


@dataclass(frozen=True)
class Draft:
    """The article of a page: made just now, or there before, then perhaps with other words."""

    article: Article
    is_new: bool
    has_same_words: bool


def make_draft(*, page: ImportedPage) -> Draft:
    """Makes a draft of the page unless an article with its title or its address is there already.

    An article that is there is never changed: somebody may have worked on it.
    """
    if found := find_draft(page):
        return found
    try:
        with transaction.atomic():
            article = Article.objects.create(title=page.title, slug=slug_of(page), body=page.html)
    except IntegrityError:
        # Somebody else imported it in this very moment; the database keeps the address unique.
        if found := find_draft(page):
            return found
        raise
    return Draft(article, is_new=True, has_same_words=True)


def find_draft(page: ImportedPage) -> Draft | None:
    """The article that has the title or the address of the page already, whatever its status."""
    article = Article.objects.filter(Q(title=page.title) | Q(slug=slug_of(page))).order_by("pk").first()
    if article is None:
        return None
    return Draft(article, is_new=False, has_same_words=plain(article.body) == plain(page.html))


def slug_of(page: ImportedPage) -> str:
    """The address a page gets; a title without Latin letters gets one made from its digest."""
    slug = slugify(page.title)[: Article._meta.get_field("slug").max_length].strip("-")
    return slug or f"article-{hashlib.sha256(page.title.encode()).hexdigest()[:8]}"
