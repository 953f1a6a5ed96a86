from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet, TimeField
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appointments.admin import access, lines
from appointments.admin.kept import kept
from appointments.admin.objections import works_at
from appointments.admin.plain_widgets import without_add_links
from appointments.admin.week import chosen_day
from appointments.admin.working_days import outside_hours, resource_week
from appointments.models import HoursException, Resource, ResourceHours
from clinic.admin.practice import ClockField
from clinic.models import Location, Provider

MOST_COMING = 10
NEW_LINE = mark_safe("<br>")


class ResourceForm(forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False
            self.fields["name"].help_text = _("Like “Room 2” or “Laser A”. Empty for a person: as on the site.")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        provider = self.cleaned_data.get("provider") or self.instance.provider
        if "name" in self.fields and not self.cleaned_data.get("name"):
            if provider is None:
                self.add_error("name", _("Give it a name."))
            else:
                self.cleaned_data["name"] = provider.name
        return cleaned


class HoursForm(forms.ModelForm):
    """Its location may stay empty where there is only one to mean."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "location" in self.fields:
            self.fields["location"].required = False
        for field in self.fields.values():
            # The heading of a column is no label of the boxes below it.
            field.widget.attrs.setdefault("aria-label", str(field.label))

    def clean_location(self) -> Location | None:
        chosen: Location | None = self.cleaned_data["location"]
        if chosen is None and (resource := self.instance.resource):
            places = [resource.location] if resource.location else []
            if resource.provider:
                places = list(resource.provider.locations.all()[:2])
            if len(places) == 1:
                return places[0]
        if chosen is None:
            raise forms.ValidationError(_("Choose where."), code="required")
        return chosen


class HoursFormSet(BaseInlineFormSet):
    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        if deletion := form.fields.get("DELETE"):
            deletion.widget.attrs["aria-label"] = str(_("Delete"))


class HoursInline(admin.TabularInline):
    model = ResourceHours
    form = HoursForm
    formset = HoursFormSet
    fields = ["weekday", "opens", "closes", "location", "valid_from", "valid_until"]
    extra = 0
    formfield_overrides = {TimeField: {"form_class": ClockField, "widget": ClockField.widget}}
    verbose_name_plural = _("working hours: one line for each span of a day, two lines where there is a break")

    def get_formset(self, request: HttpRequest, obj: Resource | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        without_add_links(formset.form)
        return formset

    def get_extra(self, request: HttpRequest, obj: Resource | None = None, **kwargs: Any) -> int:
        """Without a script there is room to begin, and for a few more."""
        return 1 if obj and obj.hours.exists() else 3


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):
    form = ResourceForm
    inlines = [HoursInline]
    list_display = ["name", "kind", "where", "hours_in_words", "is_active"]
    list_filter = ["kind", "is_active"]
    list_per_page = 100
    search_fields = ["name"]
    actions = None
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "admin/appointments/resource/change_form.html"
    change_list_template = "admin/appointments/resource/change_list.html"

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Resource]:
        found = super().get_queryset(request).select_related("provider", "location")
        return found.prefetch_related("hours__location", "provider__locations__hours", "location__hours")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """People first, then what stands at each location."""
        return [F("location__position").asc(nulls_first=True), "location__name", "kind", "position", "name", "pk"]

    def get_fieldsets(self, request: HttpRequest, obj: Resource | None = None) -> list[Any]:
        if obj is None:
            return [(None, {"fields": ["kind", "provider", "location", "name"]}), _listing()]
        # It names patients and what they come for.
        needs_a_look = ["needs_a_look"] if access.sees_all(request.user) else []
        belongs = "provider" if obj.kind == Resource.Kind.PROVIDER else "location"
        return [
            (None, {"fields": ["kind", belongs, "name"]}),
            _listing(),
            (_("When"), {"fields": ["hours_in_words", "coming", *needs_a_look]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Resource | None = None) -> list[str]:
        return ["kind", "provider", "hours_in_words", "coming", "needs_a_look"] if obj else []

    def get_form(
        self, request: HttpRequest, obj: Resource | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        return without_add_links(super().get_form(request, obj, change, **kwargs))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "provider":
            kwargs["queryset"] = Provider.objects.filter(resource=None).order_by("position", "name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        bookable = {"not_bookable": [], "may_add": self.has_add_permission(request)}
        if bookable["may_add"]:
            missing = Provider.objects.filter(is_active=True, resource=None).order_by("position", "name")
            bookable["not_bookable"] = list(missing[:20])
        return super().changelist_view(request, {**(extra_context or {}), **bookable})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        resource = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if resource is not None:
            shown["week"] = resource_week(resource, first=chosen_day(request), now=timezone.now())
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        resource = self.get_object(request, object_id)
        if resource is not None and self.has_delete_permission(request, resource) and resource.allocations.exists():
            words = _("Appointments in the books name it, so it stays. Untick “in use”, and it is not booked any more.")
            return kept(request, resource, str(words))
        return super().delete_view(request, object_id, extra_context)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not any(formset.has_changed() for formset in formsets):
            return
        resource = Resource.objects.get(pk=form.instance.pk)
        if outside := outside_hours(resource, now=timezone.now()):
            words = ngettext(
                "%d appointment lies outside these hours. It stays as it is: call the patient, then move or cancel it.",
                "%d appointments lie outside these hours. They stay as they are: call the patients, then move or "
                "cancel them.",
                len(outside),
            )
            url = reverse("admin:appointments_resource_change", args=[resource.pk])
            told = format_html('{} <a href="{}">{}</a>', words % len(outside), url, _("Show them"))
            self.message_user(request, told, messages.WARNING)

    @admin.display(description=_("where"))
    def where(self, resource: Resource) -> str:
        if resource.location:
            return resource.location.name
        return get_text_list([place.name for place in works_at(resource)], str(_("and")))

    @admin.display(description=_("hours"))
    def hours_in_words(self, resource: Resource) -> SafeString | str:
        if own := list(resource.hours.all()):
            rows = ((_hours_line(hours),) for hours in own[:30])
            return format_html_join(NEW_LINE, "{}", rows)
        places = [resource.location] if resource.location else works_at(resource)
        if not places:
            return str(_("none: this person works at no location yet; choose one on the page of the provider"))
        follows = _("Follows the opening hours of %(place)s: %(hours)s")
        rows = (
            (follows % {"place": place.name, "hours": "; ".join(place.hours_lines) or _("none yet")},)
            for place in places
        )
        return format_html_join(NEW_LINE, "{}", rows)

    @admin.display(description=_("coming other hours"))
    def coming(self, resource: Resource) -> SafeString:
        coming = HoursException.objects.filter(resource=resource, ends_on__gte=timezone.localdate())
        listed = lines.exception_lines(coming.select_related("resource", "location")[:MOST_COMING])
        add = f"{reverse('admin:appointments_hoursexception_add')}?resource={resource.pk}"
        if resource.location_id:
            add += f"&location={resource.location_id}"
        return format_html('{}<a href="{}">{}</a>', listed, add, _("Add days off, or extra hours"))

    @admin.display(description=_("appointments outside these hours"))
    def needs_a_look(self, resource: Resource) -> SafeString | str:
        found = outside_hours(resource, now=timezone.now())
        return lines.appointment_lines(found, total=len(found), none=str(_("none")))


def _listing() -> tuple[Any, dict[str, Any]]:
    return (None, {"fields": [("is_active", "position")]})


def _hours_line(hours: ResourceHours) -> str:
    told = f"{hours.get_weekday_display()} {hours}, {hours.location}"
    bounds = [
        (_("from %(day)s"), hours.valid_from),
        (_("until %(day)s"), hours.valid_until),
    ]
    return " ".join([told, *(words % {"day": date_format(day, "M j, Y")} for words, day in bounds if day)])
