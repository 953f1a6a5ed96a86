"""What has been sent, for everyone to read."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
    """A mailing that was taken off the site is 410, with nothing of it; one that was never meant for it, 404.

    The page cache keeps only what is 200.
    """
    try:
        campaign = editions.on_the_site(slug)
    except editions.TakenOffTheSite:
        return render(request, "newsletter/taken_off_the_site.html", status=410)
    shown = editions.edition(campaign, now=timezone.now())
    return render(request, "newsletter/edition.html", {"campaign": campaign, "edition": shown})
