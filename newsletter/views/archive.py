"""What has been sent, for everyone to read."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.pages import content_page
from newsletter.models import Campaign
from newsletter.services import editions

PAGE_LENGTH = 12


@content_page
@require_safe
def archive(request: HttpRequest) -> HttpResponse:
    campaigns = Campaign.objects.in_the_archive().only("slug", "subject", "preheader", "language", "started_at")
    page = Paginator(campaigns, PAGE_LENGTH).get_page(request.GET.get("page"))
    return render(request, "newsletter/archive.html", {"page": page})


@content_page
@require_safe
def edition(request: HttpRequest, slug: str) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.in_the_archive(), slug=slug)
    shown = editions.edition(campaign, now=timezone.now())
    return render(request, "newsletter/edition.html", {"campaign": campaign, "edition": shown})
