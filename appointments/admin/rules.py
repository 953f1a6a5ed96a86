from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from appointments.models import BookingRules


@admin.register(BookingRules)
class BookingRulesAdmin(admin.ModelAdmin):
    """One row: the list leads straight to it. While there is none the defaults hold."""

    fieldsets = [
        (_("While somebody books"), {"fields": ["hold_minutes", "request_hours", "most_requested"]}),
        (_("Moving and cancelling"), {"fields": ["cutoff_hours", "cancellation_policy", "undo_minutes"]}),
        (_("Letters to patients"), {"fields": ["reminder_days", "what_happens_next"]}),
    ]

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """What the list of tables beside every page asks; so it must not ask the database for the row."""
        may_change = self.has_change_permission(request)
        return {"add": False, "change": may_change, "delete": False, "view": self.has_view_permission(request)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not BookingRules.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: BookingRules | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if BookingRules.objects.exists():
            return HttpResponseRedirect(reverse("admin:appointments_bookingrules_change", args=[1]))
        return super().changelist_view(request, extra_context)
