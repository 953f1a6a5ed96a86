from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

HEADERS = {
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), browsing-topics=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def page_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page that depends on no cookie may be kept and asked for again by its ETag; all others are not stored."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if not response.has_header("Cache-Control"):
            is_personal = response.cookies or "cookie" in response.get("Vary", "").lower()
            is_page = request.method in {"GET", "HEAD"} and response.status_code == 200
            response["Cache-Control"] = "no-store" if is_personal or not is_page else "max-age=0, must-revalidate"
        return response

    return respond


def small_bodies(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Only staff upload files: what anybody else sends is refused above a megabyte, before any of it is read.

    The check against forgery would write a file to the disk before a view could ask who sends it.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        is_too_long = not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        # Who it is costs a query: asked for at the desk alone.
        if is_too_long and not (request.path.startswith("/admin/") and getattr(request.user, "is_staff", False)):
            words = _("What you sent is too long. Please go back and shorten it.")
            return HttpResponse(words, status=413, content_type="text/plain; charset=utf-8")
        return get_response(request)

    return respond
