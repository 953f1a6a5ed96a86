"""A letter by itself, shown in a frame of the desk."""

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.http.response import HttpResponseBase
from django.views.decorators.clickjacking import xframe_options_sameorigin

# It brings its styles in itself; it may run nothing, and load pictures of this site alone. It keeps its origin, or
# these would be somebody else's.
POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": [SELF, settings.BASE_URL],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-same-origin"],
}


def letter_alone(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """For a view that answers with nothing but a letter, as HTML or as text."""
    return xframe_options_sameorigin(csp(POLICY)(view))
