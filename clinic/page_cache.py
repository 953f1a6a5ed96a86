"""Content pages are made once for each version of the content, and kept in the memory of the process.

A request for a kept page costs one query: which version stands. It is changed by triggers in the transaction of an
edit, so the next request after a commit sees the new page, whichever process answers it.
"""

import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import get_language

from articles.models import Article
from clinic import came_from
from clinic.models import ContentVersion, Offer, Practice

MOST_PAGES = 500
# Closures go by the calendar of their place: every zone's midnight falls on a half hour of UTC, or a quarter.
LONGEST = timedelta(minutes=15)
Key = tuple[str, str, str | None]


@dataclass(frozen=True)
class KeptPage:
    version: uuid.UUID
    good_until: datetime
    body: bytes
    content_type: str


_pages: OrderedDict[Key, KeptPage] = OrderedDict()
_lock = Lock()


class PageCacheMiddleware:
    """Answers for views marked by `clinic.pages.content_page`; anything that looked at the session is not kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if request.method not in {"GET", "HEAD"} or not getattr(view, "is_content_page", False):
            return None
        now = timezone.now()
        query = came_from.without_code(request.META.get("QUERY_STRING", ""))
        if query and not query.removeprefix("page=").isdecimal():
            return _made_by(view, request, args, kwargs)
        version = ContentVersion.objects.values_list("version", flat=True).first()
        key = (request.path, query, get_language())
        kept = _pages.get(key)
        if kept is not None and kept.version == version and now < kept.good_until:
            return HttpResponse(kept.body, content_type=kept.content_type)
        good_until = next_change(now)
        response = _made_by(view, request, args, kwargs)
        if version and response.status_code == 200 and not request.session.accessed:
            _keep(key, KeptPage(version, good_until, response.content, response["Content-Type"]))
        return response


def next_change(now: datetime) -> datetime:
    """When content pages change next without an edit: an offer begins or ends, an article appears, a day ends."""
    quarter = now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0) + LONGEST
    starts = Offer.objects.filter(starts_at__gt=now).order_by().values_list("starts_at", flat=True)
    ends = Offer.objects.filter(ends_at__gt=now).order_by().values_list("ends_at", flat=True)
    appear = Article.objects.scheduled(now).order_by().values_list("published_at", flat=True)
    return min([quarter, *starts.union(ends, appear).order_by("starts_at")[:1]])


def _made_by(
    view: Callable[..., HttpResponse], request: HttpRequest, args: list[Any], kwargs: dict[str, Any]
) -> HttpResponse:
    """The page in the practice's own time."""
    practice = Practice.objects.only("time_zone").first()
    with timezone.override(practice.zone if practice else None):
        return view(request, *args, **kwargs)


def _keep(key: Key, page: KeptPage) -> None:
    with _lock:
        _pages[key] = page
        _pages.move_to_end(key)
        while len(_pages) > MOST_PAGES:
            _pages.popitem(last=False)


def forget_all() -> None:
    with _lock:
        _pages.clear()
