from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
