from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from clinic.models import Location, Policy, Practice


def practice(request: HttpRequest) -> dict[str, Any]:
    """What the frame of every page shows; a page that does not show it asks for nothing."""
    return {
        "base_url": settings.BASE_URL,
        "practice": SimpleLazyObject(Practice.objects.first),
        "locations": SimpleLazyObject(lambda: list(Location.objects.shown()[:50])),
        "policies": SimpleLazyObject(lambda: list(Policy.objects.shown()[:50])),
    }
