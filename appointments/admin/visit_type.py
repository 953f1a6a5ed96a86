from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db.models import QuerySet, TextField
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import get_text_list
from django.utils.translation import gettext_lazy as _

from appointments.admin.course_bar import CourseBar
from appointments.admin.kept import kept
from appointments.admin.objections import Draft
from appointments.admin.phases import PhasesPage
from appointments.admin.plain_widgets import without_add_links
from appointments.admin.simple import SimpleCourse, lay_out, simple_course
from appointments.admin.visit_type_form import SimpleVisitTypeForm, VisitTypeForm
from appointments.admin.week import chosen_day, week_of
from appointments.models import Appointment, VisitType
from clinic.models import Treatment


@admin.register(VisitType)
class VisitTypeAdmin(admin.ModelAdmin):
    """The simple page. What it cannot say stands on the page of phases, and is shown here in words."""

    list_display = ["name", "belongs_to", "length", "where", "price_from", "confirmation", "is_published"]
    list_filter = ["is_published", "confirmation", "locations"]
    list_select_related = ["treatment"]
    list_per_page = 100
    search_fields = ["name", "treatment__name"]
    show_facets = admin.ShowFacets.NEVER
    prepopulated_fields = {"slug": ["name"]}
    actions = None
    formfield_overrides = {TextField: {"widget": AdminTextareaWidget({"rows": 3})}}
    change_form_template = "admin/appointments/visittype/change_form.html"

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[VisitType]:
        return super().get_queryset(request).prefetch_related("locations", "phases__needs")

    def get_fieldsets(self, request: HttpRequest, obj: VisitType | None = None) -> list[Any]:
        takes = ["minutes", "people", "locations", "rooms"]
        if not self._is_simple(request, obj):
            takes = ["how_it_goes", "locations"]
        return [
            (None, {"fields": ["name", "treatment", "summary", "is_published"]}),
            (_("What it takes"), {"fields": takes}),
            (_("Price"), {"fields": [("price_from", "currency")]}),
            (
                _("How it is booked"),
                {
                    "fields": [
                        "confirmation",
                        "step_minutes",
                        ("notice_hours", "horizon_days"),
                        ("buffer_before", "buffer_after"),
                    ]
                },
            ),
            (_("On the site"), {"fields": [("slug", "position")]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: VisitType | None = None) -> list[str]:
        return ["how_it_goes"]

    def get_prepopulated_fields(self, request: HttpRequest, obj: VisitType | None = None) -> dict[str, Any]:
        """Only for a new one: an address that is in use stays."""
        return {} if obj else {"slug": ["name"]}

    def get_form(
        self, request: HttpRequest, obj: VisitType | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form = SimpleVisitTypeForm if self._is_simple(request, obj) else VisitTypeForm
        return without_add_links(super().get_form(request, obj, change, form=form, **kwargs))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "treatment":
            kwargs["queryset"] = Treatment.objects.order_by("name", "pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _is_simple(self, request: HttpRequest, obj: VisitType | None) -> bool:
        """Whether the course is set up on this page: never when that would flatten it, nor for who only reads."""
        if obj is None:
            return True
        return self.has_change_permission(request, obj) and simple_course(obj) is not None

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        visit_type = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if visit_type is not None:
            shown = {
                "week": week_of(visit_type, first=chosen_day(request), now=timezone.now()),
                "may_change": self.has_change_permission(request, visit_type),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        visit_type = self.get_object(request, object_id)
        booked = Appointment.objects.filter(visit_type=visit_type)
        if visit_type is not None and self.has_delete_permission(request, visit_type) and booked.exists():
            words = _("Appointments in the books are of this type, so it stays. Untick “patients can book it” instead.")
            return kept(request, visit_type, str(words))
        return super().delete_view(request, object_id, extra_context)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        visit_type: VisitType = form.instance
        if isinstance(form, SimpleVisitTypeForm):
            given = form.cleaned_data
            lay_out(visit_type, SimpleCourse(given["minutes"], given["people"], given["rooms"]))
        for objection in cast(VisitTypeForm, form).objections:
            # They are errors where patients could book it.
            self.message_user(request, objection.words, messages.WARNING)

    def response_add(self, request: HttpRequest, obj: VisitType, post_url_continue: str | None = None) -> HttpResponse:
        return _to_phases(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: VisitType) -> HttpResponse:
        return _to_phases(request, obj) or super().response_change(request, obj)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(PhasesPage(self).answer)
        return [path("<int:pk>/phases/", page, name="appointments_visittype_phases"), *super().get_urls()]

    @admin.display(description=_("belongs to"), ordering="treatment__name")
    def belongs_to(self, visit_type: VisitType) -> str:
        return str(visit_type.treatment or _("consultation"))

    @admin.display(description=_("length"))
    def length(self, visit_type: VisitType) -> SafeString | str:
        if not visit_type.minutes:
            return format_html('<strong class="urgent">{}</strong>', _("nothing is laid out yet"))
        return str(_("%d min") % visit_type.minutes)

    @admin.display(description=_("where"))
    def where(self, visit_type: VisitType) -> str:
        return get_text_list([place.name for place in visit_type.locations.all()], str(_("and")))

    @admin.display(description=_("how it goes"))
    def how_it_goes(self, visit_type: VisitType) -> SafeString | str:
        bar = CourseBar.of(Draft.of(visit_type)) if visit_type.pk else None
        if bar is None:
            return str(_("nothing is laid out yet"))
        listed = format_html_join("", "<li>{}</li>", ((line,) for line in bar.lines))
        url = reverse("admin:appointments_visittype_phases", args=[visit_type.pk])
        return format_html(
            '<ul class="lines">{}</ul><a href="{}">{}</a>', listed, url, _("Phases, people, rooms and devices")
        )


def _to_phases(request: HttpRequest, visit_type: VisitType) -> HttpResponse | None:
    if "_phases" not in request.POST:
        return None
    return HttpResponseRedirect(reverse("admin:appointments_visittype_phases", args=[visit_type.pk]))
