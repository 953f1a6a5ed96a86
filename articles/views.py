from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from articles.models import Article
from clinic.models import Testimonial, TreatmentCategory
from clinic.pages import content_page

PAGE_LENGTH = 9


@content_page
@require_safe
def article_list(request: HttpRequest) -> HttpResponse:
    """All published articles, or with `?q=` those that hold every word of it."""
    published = Article.objects.published(timezone.now())
    query = request.GET.get("q", "").replace("\0", "").strip()[:100]
    found = published.holding(query) if query else published
    return _page(request, found, {"query": query, "categories": _categories()})


@content_page
@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    category = get_object_or_404(TreatmentCategory, slug=slug)
    articles = Article.objects.published(timezone.now()).filter(category=category)
    return _page(request, articles, {"category": category, "categories": _categories()})


@content_page
@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """An article with what stands around it. Staff who may change it also see a draft."""
    now = timezone.now()
    found = Article.objects.with_surroundings().filter(slug=slug).first()
    is_public = found is not None and found.is_public(now)
    # Who asks is looked at for a free address too: the same 404, header by header, so that it betrays no draft.
    may_see = is_public or request.user.has_perm("articles.change_article")
    if found is None or not may_see:
        raise Http404
    published = Article.objects.published(now).exclude(pk=found.pk)
    context = {
        "article": found,
        "treatments": found.treatments.shown()[:6],
        "film": Testimonial.objects.shown().films().prefetch_related("poster__renditions").first(),
        "more": published.filter(category=found.category).for_list()[:3],
        "is_draft": not is_public,
    }
    return render(request, "articles/article.html", context)


def _categories() -> QuerySet[TreatmentCategory]:
    return TreatmentCategory.objects.order_by("position", "name")[:50]


def _page(request: HttpRequest, articles: QuerySet[Article], context: dict[str, object]) -> HttpResponse:
    page = Paginator(articles.for_list(), PAGE_LENGTH).get_page(request.GET.get("page"))  # type: ignore[attr-defined] # our own queryset
    return render(request, "articles/list.html", {"page": page, **context})
