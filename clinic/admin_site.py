import logging
from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic import dashboard
from clinic.models import Practice
from clinic.rate_limits import Limit, network

# Generous for a desk that shares one address, tight for a program that guesses.
FROM_ONE_NETWORK = Limit("login.network", 30, timedelta(minutes=15))
TO_ONE_NAME = Limit("login.name", 50, timedelta(hours=1))

log = logging.getLogger("clinic.sign_in")


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

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return super().login(request, extra_context)
        now = timezone.now()
        waits = [
            FROM_ONE_NETWORK.count(network(request), now=now),
            TO_ONE_NAME.count(request.POST.get("username", ""), now=now),
        ]
        if wait := max((wait for wait in waits if wait), default=None):
            log.warning("Too many attempts to sign in to the desk.")
            response = render(request, "429.html", status=429)
            response["Retry-After"] = str(ceil(wait.total_seconds()))
            return response
        response = super().login(request, extra_context)
        if response.status_code != 302:
            log.warning("An attempt to sign in to the desk failed.")
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        panels = dashboard.panels(request.user, now=timezone.now())
        return super().index(request, {**(extra_context or {}), "panels": panels})
