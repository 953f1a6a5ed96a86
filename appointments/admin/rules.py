from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from appointments.models import BookingRules
from clinic.admin.one_row import OneRowAdmin


@admin.register(BookingRules)
class BookingRulesAdmin(OneRowAdmin):
    """While there is none the defaults hold."""

    fieldsets = [
        (_("While somebody books"), {"fields": ["hold_minutes", "request_hours", "most_requested"]}),
        (_("Moving and cancelling"), {"fields": ["cutoff_hours", "cancellation_policy", "undo_minutes"]}),
        (_("Letters to patients"), {"fields": ["reminder_days", "what_happens_next"]}),
    ]

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}
