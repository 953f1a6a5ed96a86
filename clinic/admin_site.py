from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic import dashboard
from clinic.models import Practice


class ClinicAdminSite(AdminSite):
    """The staff's side: a dashboard instead of a list of tables, and every clock in the practice's zone."""

    site_header = _("Practice desk")
    site_title = _("Practice desk")
    index_title = _("Today")
    index_template = "admin/dashboard.html"
    empty_value_display = "–"

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        def in_the_practices_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            practice = Practice.objects.only("time_zone").first()
            with timezone.override(practice.zone if practice else None):
                response = guarded(request, *args, **kwargs)
                # A template is rendered while the zone still holds.
                if hasattr(response, "render") and callable(response.render):
                    response = response.render()
            return response

        return in_the_practices_zone

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        panels = dashboard.panels(request.user, now=timezone.now())
        return super().index(request, {**(extra_context or {}), "panels": panels})
