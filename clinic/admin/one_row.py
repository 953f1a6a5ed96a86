from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


class OneRowAdmin(admin.ModelAdmin):
    """Of a table that holds one row, number 1: its list leads straight to it, or to adding it."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """What the list of tables beside every page asks; so it must not ask the database for the row."""
        may_change = self.has_change_permission(request)
        return {"add": False, "change": may_change, "delete": False, "view": self.has_view_permission(request)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not self._has_row()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        address = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}"
        if self._has_row():
            return redirect(f"{address}_change", 1)
        if self.has_add_permission(request):
            return redirect(f"{address}_add")
        return super().changelist_view(request, extra_context)

    def _has_row(self) -> bool:
        return bool(self.model._default_manager.exists())
