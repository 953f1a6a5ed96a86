from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, F, IntegerField, QuerySet, TimeField, Value, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from appointments.admin import access, lines
from appointments.admin.extra_hours import nobody_can_book
from appointments.admin.plain_widgets import without_add_links
from appointments.admin.working_days import lying_in
from appointments.models import HoursException
from clinic.admin.practice import ClockField


@admin.register(HoursException)
class HoursExceptionAdmin(admin.ModelAdmin):
    """Days off and extra hours of one person, room or device, or of a whole location. Closed beats open."""

    list_display = ["days", "kind", "times", "who", "place", "reason"]
    list_filter = ["kind", "resource", "location"]
    list_select_related = ["resource", "location"]
    list_per_page = 100
    show_facets = admin.ShowFacets.NEVER
    formfield_overrides = {TimeField: {"form_class": ClockField, "widget": ClockField.widget}}

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: HoursException | None = None) -> list[Any]:
        fields: list[Any] = ["kind", "resource", "location", ("starts_on", "ends_on"), ("opens", "closes"), "reason"]
        if obj and access.sees_all(request.user):
            fields.append("appointments")
        return [(None, {"fields": fields})]

    def get_readonly_fields(self, request: HttpRequest, obj: HoursException | None = None) -> list[str]:
        return ["appointments"]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Those to come first, the next at the top; then what has passed, the latest at the top."""
        today = timezone.localdate()
        is_past = Case(When(ends_on__lt=today, then=Value(1)), default=Value(0), output_field=IntegerField())
        coming = Case(When(ends_on__gte=today, then=F("starts_on")))
        return [is_past.asc(), coming.asc(nulls_last=True), "-starts_on", "-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[HoursException]:
        return super().get_queryset(request).select_related("resource", "location")

    def get_form(
        self, request: HttpRequest, obj: HoursException | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        words = {
            "resource": _(
                "Empty and closed: everybody and everything. "
                "Empty and open extra: the location, and all who follow its hours."
            )
        }
        form = super().get_form(request, obj, change, **{"help_texts": words, **kwargs})
        return without_add_links(form)

    def save_model(self, request: HttpRequest, obj: HoursException, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        url = reverse("admin:appointments_hoursexception_change", args=[obj.pk])
        lines.warn(request, lying_in(obj, now=timezone.now()), url=url)
        if words := nobody_can_book(obj):
            self.message_user(request, words, messages.WARNING)

    @admin.display(description=_("days"), ordering="starts_on")
    def days(self, one: HoursException) -> str:
        return lines.days_of(one)

    @admin.display(description=_("times"))
    def times(self, one: HoursException) -> str:
        return lines.times_of(one)

    @admin.display(description=_("who or what"), ordering="resource__name")
    def who(self, one: HoursException) -> str:
        return lines.whom(one)

    @admin.display(description=_("location"), ordering="location__name")
    def place(self, one: HoursException) -> str:
        return lines.where(one)

    @admin.display(description=_("appointments in this time"))
    def appointments(self, one: HoursException) -> SafeString | str:
        found = lying_in(one, now=timezone.now())
        return lines.appointment_lines(found, total=len(found), none=str(_("none")))
