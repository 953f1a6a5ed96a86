from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appointments.admin import access, diary_shown, shown
from appointments.admin.desk_forms import CallForm, DeskForm
from appointments.admin.filters import AssigneeFilter, StatusFilter
from appointments.admin.inlines import NoteInline, PreferredTimeInline
from appointments.models import AppointmentRequest, Note, StatusRefused
from appointments.models.request import RequestQuerySet
from appointments.services.requests import take_call
from clinic.models import User

CALLER = ["name", "phone", "email", "channel", "is_new_patient"]
WISH = ["treatment", "category", "location", "provider", "message"]
MOST_AT_ONCE = 200


@admin.register(AppointmentRequest)
class RequestAdmin(admin.ModelAdmin):
    """The queue. What a patient wrote is only read; staff add steps, a colleague in charge, and notes."""

    list_display = ["reference", shown.patient, shown.call, shown.age, "status", shown.wish, "channel", "assignee"]
    list_display_links = ["reference", shown.patient]
    list_filter = [StatusFilter, AssigneeFilter, "location", "created_at"]
    list_per_page = 50
    show_full_result_count = False
    save_on_top = True
    show_facets = admin.ShowFacets.NEVER
    search_fields = ["name"]  # shows the box; get_search_results does the search
    search_help_text = _(
        "A name, an email address, a phone number in any format, or a reference. It finds booked and closed ones too."
    )
    actions = ["assign_to_me", "mark_contacted", "mark_booked", "close", "reopen"]

    class Media:
        css = {"print": ["css/request_print.css"]}

    def get_queryset(self, request: HttpRequest) -> RequestQuerySet:
        return cast(RequestQuerySet, super().get_queryset(request)).for_queue()

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """Of what waits the oldest first, of what is done the newest."""
        usual = "all" if request.GET.get(SEARCH_VAR, "").strip() else "open"
        waits = request.GET.get("status", usual) in {"open", "new", "contacted"}
        return ["created_at", "pk"] if waits else ["-created_at", "-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AppointmentRequest], search_term: str
    ) -> tuple[QuerySet[AppointmentRequest], bool]:
        typed = search_term.strip()
        return (cast(RequestQuerySet, queryset).found_by(typed) if typed else queryset), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AppointmentRequest | None:
        """Locked while a POST lasts, so that no colleague comes between the check of a step and the step."""
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        return AppointmentRequest.objects.select_for_update().get(pk=found.pk)

    def get_fieldsets(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> list[Any]:
        if obj is None:
            return [(_("Who is calling"), {"fields": CALLER}), (_("What they would like"), {"fields": WISH})]
        step = ["step"] if self.has_change_permission(request, obj) else []
        offer = [shown.offer] if obj.offer_words else []
        return [
            (
                _("At the desk"),
                {"fields": ["status", *step, "assignee", shown.age, "due_on", diary_shown.booked, shown.notes]},
            ),
            (_("Patient"), {"fields": [shown.patient, shown.call, shown.write, "channel", "is_new_patient"]}),
            (
                _("What they would like"),
                {"fields": [shown.asks_for, *offer, shown.where, shown.with_whom, shown.days, "message"]},
            ),
            (
                _("How it came"),
                {
                    "classes": ["collapse"],
                    "fields": ["reference", "created_at", shown.came_by, shown.consent, shown.steps],
                },
            ),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> list[Any]:
        if obj is None:
            return []
        fields = [name for _title, options in self.get_fieldsets(request, obj) for name in options["fields"]]
        return [name for name in fields if name not in {"step", "assignee"}]

    def get_form(
        self, request: HttpRequest, obj: AppointmentRequest | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form = super().get_form(request, obj, change, form=DeskForm if change else CallForm, **kwargs)
        for field in form.base_fields.values():
            # Nobody adds a treatment or a colleague from here.
            if isinstance(field.widget, RelatedFieldWidgetWrapper):
                field.widget = field.widget.widget
        return form

    def get_inlines(self, request: HttpRequest, obj: AppointmentRequest | None) -> list[Any]:
        return [NoteInline] if obj else [PreferredTimeInline, NoteInline]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the way to book it; the page that books says so when a colleague was faster."""
        offers = {"may_book": access.may_book(request.user)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **offers})

    def save_model(self, request: HttpRequest, obj: AppointmentRequest, form: forms.ModelForm, change: bool) -> None:
        by, now = cast(User, request.user), timezone.now()
        if not change:
            take_call(request=obj, by=by, now=now)
            return
        if "assignee" in form.changed_data:
            obj.assign_to(obj.assignee, now=now)
        if step := form.cleaned_data.get("step"):
            obj.move_to(AppointmentRequest.Status(step), by=by, now=now)

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: BaseInlineFormSet, change: bool
    ) -> None:
        for made in formset.save(commit=False):
            if isinstance(made, Note):
                made.author, made.created_at = cast(User, request.user), timezone.now()
            made.save()

    @admin.action(description=_("Assign to me"), permissions=["change"])
    def assign_to_me(self, request: HttpRequest, queryset: RequestQuerySet) -> None:
        self._each(request, queryset, lambda asked, by, now: asked.assign_to(by, now=now))

    @admin.action(description=_("Mark as contacted"), permissions=["change"])
    def mark_contacted(self, request: HttpRequest, queryset: RequestQuerySet) -> None:
        self._each(request, queryset, lambda asked, by, now: asked.mark_contacted(by=by, now=now))

    @admin.action(description=_("Mark as booked"), permissions=["change"])
    def mark_booked(self, request: HttpRequest, queryset: RequestQuerySet) -> None:
        self._each(request, queryset, lambda asked, by, now: asked.mark_booked(by=by, now=now))

    @admin.action(description=_("Close"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: RequestQuerySet) -> None:
        self._each(request, queryset, lambda asked, by, now: asked.close(by=by, now=now))

    @admin.action(description=_("Open again"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: RequestQuerySet) -> None:
        self._each(request, queryset, lambda asked, by, now: asked.reopen(by=by, now=now))

    def _each(
        self,
        request: HttpRequest,
        queryset: RequestQuerySet,
        verb: Callable[[AppointmentRequest, User, datetime], None],
    ) -> None:
        """Those that can take the step take it; each of the others is named with its reason."""
        by, now, done = cast(User, request.user), timezone.now(), 0
        for asked in queryset[:MOST_AT_ONCE]:
            try:
                verb(asked, by, now)
            except StatusRefused as refused:
                self.message_user(request, str(refused), messages.WARNING)
            else:
                self.log_change(request, asked, asked.get_status_display())
                done += 1
        if done:
            words = ngettext("%d request was changed.", "%d requests were changed.", done) % done
            self.message_user(request, words, messages.SUCCESS)
