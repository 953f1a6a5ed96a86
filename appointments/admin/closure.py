"""The floor's pages of closures and locations, which know of no diary, with a word on the appointments concerned."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from appointments.admin import access, lines
from appointments.admin.working_days import lying_in
from clinic.admin import practice
from clinic.models import Closure, Location

admin.site.unregister([Closure, Location])


@admin.register(Closure)
class ClosureAdmin(practice.ClosureAdmin):
    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Closure | None = None) -> list[Any]:
        fields = ["location", "starts_on", "ends_on", "reason"]
        if obj and access.sees_all(request.user):
            fields.append("appointments")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: Closure | None = None) -> list[str]:
        return ["appointments"]

    def save_model(self, request: HttpRequest, obj: Closure, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _warn(request, obj)

    @admin.display(description=_("appointments in this time"))
    def appointments(self, closure: Closure) -> SafeString | str:
        found = lying_in(closure, now=timezone.now())
        return lines.appointment_lines(found, total=len(found), none=str(_("none")))


@admin.register(Location)
class LocationAdmin(practice.LocationAdmin):
    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: BaseInlineFormSet, change: bool
    ) -> None:
        super().save_formset(request, form, formset, change)
        for saved in [*formset.new_objects, *(one for one, _fields in formset.changed_objects)]:
            if isinstance(saved, Closure):
                _warn(request, saved)


def _warn(request: HttpRequest, closure: Closure) -> None:
    url = reverse("admin:clinic_closure_change", args=[closure.pk])
    lines.warn(request, lying_in(closure, now=timezone.now()), url=url)
