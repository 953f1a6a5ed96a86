from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.models import MailingRules


@admin.register(MailingRules)
class MailingRulesAdmin(admin.ModelAdmin):
    """One row: the list leads straight to it. While there is none the defaults hold."""

    empty_words = _("No rules of your own yet: the defaults hold.")

    fieldsets = [
        (_("Who writes"), {"fields": ["sender_name", "reply_to", "dkim_selector"]}),
        (_("How fast, and when to stop"), {"fields": ["rate_per_minute", "breaker_percent", "breaker_least"]}),
        (_("Welcome letter"), {"fields": ["welcome_is_sent", "welcome_subject", "welcome_text"]}),
    ]

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """What the list of tables beside every page asks; so it must not ask the database for the row."""
        may_change = self.has_change_permission(request)
        return {"add": False, "change": may_change, "delete": False, "view": self.has_view_permission(request)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not MailingRules.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: MailingRules | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if MailingRules.objects.exists():
            return HttpResponseRedirect(reverse("admin:newsletter_mailingrules_change", args=[1]))
        if self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:newsletter_mailingrules_add"))
        return super().changelist_view(request, extra_context)
