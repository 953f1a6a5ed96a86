"""Error pages, plain functions: Django's own are CSRF-decorated and would read a broken request again."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_form.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks the database for nothing: it may be what is broken."""
    return HttpResponse(render(None, "500.html").content, status=500)


def _page(request: HttpRequest, status: int) -> HttpResponse:
    # Nothing in these pages reads what was posted, which may be what cannot be read.
    return render(request, f"{status}.html", status=status)
