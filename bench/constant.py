"""The raw limit that pages are measured against: Django answering a constant page of 30 KB, on the same web server."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

PAGE = b"<!doctype html>" + b"x" * 30_000


def constant(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
)
urlpatterns = [path("", constant)]
application = get_wsgi_application()
