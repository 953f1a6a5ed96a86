"""The pages about the practice itself: catalogue, people, places, offers, policies."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from articles.models import Article
from clinic.models import (
    Closure,
    Location,
    Offer,
    Policy,
    Practice,
    Provider,
    Testimonial,
    Treatment,
    TreatmentCategory,
)
from clinic.pages import content_page


@content_page
@require_safe
def treatments(request: HttpRequest) -> HttpResponse:
    shown = Prefetch("treatments", Treatment.objects.shown(), to_attr="shown")
    categories = TreatmentCategory.objects.prefetch_related(shown)[:50]
    context = {"categories": [category for category in categories if category.shown]}
    return render(request, "practice/treatments.html", context)


@content_page
@require_safe
def treatment(request: HttpRequest, slug: str) -> HttpResponse:
    now = timezone.now()
    treatment = get_object_or_404(Treatment.objects.shown().prefetch_related("picture__renditions"), slug=slug)
    context = {
        "treatment": treatment,
        "providers": treatment.performed_by.shown()[:20],
        "offers": treatment.offers.current(now)[:5],
        "articles": Article.objects.published(now).about(treatment).for_list()[:4],
        "testimonials": treatment.testimonials.shown().prefetch_related("poster__renditions")[:3],
    }
    return render(request, "practice/treatment.html", context)


@content_page
@require_safe
def team(request: HttpRequest) -> HttpResponse:
    return render(request, "practice/team.html", {"providers": Provider.objects.shown()[:100]})


@content_page
@require_safe
def provider(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(Provider.objects.shown(), slug=slug)
    context = {
        "provider": provider,
        "places": provider.locations.shown()[:20],
        "treatments": provider.treatments.shown()[:50],
        "articles": provider.articles.published(timezone.now()).for_list()[:4],
    }
    return render(request, "practice/provider.html", context)


@content_page
@require_safe
def location_list(request: HttpRequest) -> HttpResponse:
    locations = _with_closures(Location.objects.shown()[:50], timezone.now())
    return render(request, "practice/locations.html", {"locations": locations})


@content_page
@require_safe
def location(request: HttpRequest, slug: str) -> HttpResponse:
    location = get_object_or_404(
        Location.objects.shown().select_related("picture").prefetch_related("picture__renditions"), slug=slug
    )
    today = timezone.now().astimezone(location.zone).date()
    context = {
        "location": location,
        "closures": location.coming_closures(today),
        "providers": location.providers.shown()[:50],
    }
    return render(request, "practice/location.html", context)


@content_page
@require_safe
def offers(request: HttpRequest) -> HttpResponse:
    current = Offer.objects.current(timezone.now()).select_related("picture")
    context = {"offers": current.prefetch_related("picture__renditions")[:50]}
    return render(request, "practice/offers.html", context)


@content_page
@require_safe
def policy(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "practice/policy.html", {"policy": get_object_or_404(Policy.objects.shown(), slug=slug)})


@content_page
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "locations": _with_closures(Location.objects.shown()[:50], now),
        "treatments": Treatment.objects.shown()[:6],
        "articles": Article.objects.published(now).for_list()[:3],
        "offers": Offer.objects.current(now).select_related("picture").prefetch_related("picture__renditions")[:3],
        "providers": Provider.objects.shown()[:4],
        "testimonials": Testimonial.objects.shown().prefetch_related("poster__renditions")[:4],
    }
    return render(request, "practice/home.html", context)


def _with_closures(locations: Iterable[Location], now: datetime) -> list[Location]:
    """The same locations, each with `coming`: its closures and the practice's that have not ended."""
    locations = list(locations)
    yesterday = now.date() - timedelta(days=1)  # behind UTC it is still yesterday in some places
    closures = list(Closure.objects.filter(ends_on__gte=yesterday).order_by("starts_on", "pk")[:100])
    practice = Practice.objects.first()
    for location in locations:
        if practice is not None and not location.time_zone:
            location.zone = practice.zone  # asked for once, not by each of them
        today = now.astimezone(location.zone).date()
        location.coming = [  # type: ignore[attr-defined] # for the template
            closure for closure in closures if closure.location_id in {None, location.pk} and closure.ends_on >= today
        ]
    return locations
