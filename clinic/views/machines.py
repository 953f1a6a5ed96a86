"""Addresses that machines read."""

from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.models import Practice


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    # Not the pages behind a mailed link: each answers with X-Robots-Tag: noindex, which a crawler that is kept away
    # never reads. It would list the address, token and all, where somebody has put it on a page.
    lines = [
        "User-agent: *",
        "Disallow: /admin/",
        f"Sitemap: {settings.BASE_URL}{reverse('sitemap')}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116; it promises a year at most, section 2.5.5."""
    if not Practice.objects.exists():
        raise Http404  # nobody to write to yet
    context = {"expires": timezone.now() + timedelta(days=180), "base_url": settings.BASE_URL}
    return render(request, "practice/security.txt", context, content_type="text/plain; charset=utf-8")
