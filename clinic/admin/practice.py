from datetime import time
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import TimeField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from clinic.admin.files import FilesAdmin
from clinic.admin.one_row import OneRowAdmin
from clinic.admin.rich_text import RichTextAdmin
from clinic.models import Closure, Location, OpeningHours, Policy, Practice, Provider


@admin.register(Practice)
class PracticeAdmin(OneRowAdmin, FilesAdmin):
    fieldsets = [
        (None, {"fields": ["name", "tagline", "phone", "email"]}),
        (_("Home page"), {"fields": ["opening_line", "lead", "banner_poster", "banner_video"]}),
        (_("Postal address"), {"fields": ["street", "city", "region", "postal_code", "country"]}),
        (_("Clock"), {"fields": ["time_zone"]}),
    ]
    autocomplete_fields = ["banner_poster"]


class ClockField(forms.TimeField):
    """A time as people here write it: 9am, 9:00 AM, 9 a.m., 17:30."""

    widget = forms.TimeInput(format="%I:%M %p", attrs={"size": 9})
    input_formats = ["%I:%M %p", "%I:%M%p", "%I %p", "%I%p", "%H:%M", "%H:%M:%S"]
    default_error_messages = {"invalid": _("Enter a time like 9:00 AM.")}

    def to_python(self, value: Any) -> time | None:
        return super().to_python(value.replace(".", "") if isinstance(value, str) else value)


class OpeningHoursInline(admin.TabularInline):
    model = OpeningHours
    extra = 0
    formfield_overrides = {TimeField: {"form_class": ClockField, "widget": ClockField.widget}}
    verbose_name_plural = _("opening hours: one line for each span of a day, two lines where there is a break")


class ClosureInline(admin.TabularInline):
    model = Closure
    extra = 0
    verbose_name_plural = _("closures of this location; those of the whole practice are listed under Closures")


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    fieldsets = [
        (None, {"fields": ["name", "slug", "is_active", "position"]}),
        (_("Address"), {"fields": ["street", "city", "region", "postal_code", "phone", "time_zone"]}),
        (_("How to get here"), {"fields": ["directions", "parking", "picture"]}),
    ]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["picture"]
    inlines = [OpeningHoursInline, ClosureInline]
    list_display = ["name", "street", "city", "is_active"]
    search_fields = ["name", "street", "city"]
    view_on_site = True


@admin.register(Closure)
class ClosureAdmin(admin.ModelAdmin):
    list_display = ["starts_on", "ends_on", "where", "reason"]
    list_filter = ["location"]
    list_select_related = ["location"]
    date_hierarchy = "starts_on"
    search_fields = ["reason"]

    @admin.display(description=_("location"), ordering="location")
    def where(self, closure: Closure) -> str:
        return closure.location.name if closure.location else str(_("the whole practice"))


@admin.register(Provider)
class ProviderAdmin(RichTextAdmin):
    fieldsets = [
        (None, {"fields": ["name", "slug", "credentials", "role", "is_active", "position"]}),
        (_("About"), {"fields": ["photo", "biography", "boards", "languages"]}),
        (_("Where"), {"fields": ["locations"]}),
        (_("At the desk"), {"fields": ["user"]}),
    ]
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["photo"]
    filter_horizontal = ["locations"]
    list_display = ["name", "credentials", "role", "is_active"]
    list_filter = ["is_active", "locations"]
    search_fields = ["name", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> list[str]:
        """Who is whose account decides who sees which patients: for those who give out accounts, not for editors."""
        return [] if request.user.has_perm("clinic.change_user") else ["user"]


@admin.register(Policy)
class PolicyAdmin(RichTextAdmin):
    fieldsets = [(None, {"fields": ["kind", "title", "slug", "updated_on", "body", "is_published", "position"]})]
    prepopulated_fields = {"slug": ["title"]}
    list_display = ["title", "kind", "updated_on", "is_published"]
    list_filter = ["kind", "is_published"]
    search_fields = ["title"]
