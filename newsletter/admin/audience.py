"""How many people the choices of a form would reach, while they are being made."""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter.forms.campaign import AudienceForm
from newsletter.services.audience import reach


def audience_urls(site: AdminSite) -> list[URLPattern]:
    """The same for a campaign that is not saved yet: the count follows from the choices alone."""
    view = _nothing_when_signed_out(site.admin_view(audience))
    name = "newsletter_campaign_audience"
    return [path("audience/", view, name=name), path("<int:pk>/audience/", view, name=name)]


@require_GET
def audience(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    if not any(request.user.has_perm(f"newsletter.{verb}_campaign") for verb in ("add", "change")):
        raise PermissionDenied
    form = AudienceForm(request.GET)
    found = reach(form.instance, form.cleaned_data["topics"]) if form.is_valid() else None
    errors = [error for errors in form.errors.values() for error in errors]
    context = {"reached": found, "errors": errors}
    return TemplateResponse(request, "admin/newsletter/campaign/reached.html", context)


def _nothing_when_signed_out(view: Any) -> Any:
    """A part of a page is not replaced by the page to sign in."""

    @wraps(view)
    def part(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated and request.headers.get("HX-Request"):
            return HttpResponse(status=204)
        return view(request, **kwargs)

    return part
