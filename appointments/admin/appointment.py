from typing import Any, NoReturn, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from appointments.admin import access, clocks, diary_shown, steps
from appointments.admin.caller import book_for_a_caller
from appointments.admin.day import day_list
from appointments.admin.diary_filters import ProviderFilter, StatusFilter, WhenFilter, when
from appointments.admin.move import move
from appointments.models import Appointment
from appointments.models.appointment import AppointmentQuerySet
from clinic.admin.read_only import ReadOnlyAdmin

FIELDSETS: list[Any] = [
    (
        _("Appointment"),
        {
            "fields": [
                diary_shown.time,
                diary_shown.status,
                "visit_type",
                "location",
                "provider",
                diary_shown.rooms,
                diary_shown.coming,
            ]
        },
    ),
    (_("Patient"), {"fields": [diary_shown.call, diary_shown.write, diary_shown.patient_note, "message"]}),
    (_("What happened"), {"fields": [diary_shown.history, diary_shown.reminders]}),
    (
        _("How it came"),
        {
            "classes": ["collapse"],
            "fields": ["reference", "created_at", diary_shown.came_by, diary_shown.asked, diary_shown.consent],
        },
    ),
]


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    """Found, read, and moved on by buttons. Every time is given by the diary, so nothing here can overlap."""

    list_display: list[Any] = [
        diary_shown.when,
        diary_shown.patient,
        diary_shown.call,
        "visit_type",
        "provider",
        "location",
        "status",
        "reference",
    ]
    list_display_links = [diary_shown.when, diary_shown.patient]
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    search_fields = ["reference"]  # shows the box; get_search_results does the search
    search_help_text = _(
        "A name, an email address, a phone number in any format, or a reference. It finds past ones too."
    )
    change_list_template = "admin/appointments/appointment/change_list.html"
    change_form_template = "admin/appointments/appointment/change_form.html"

    def get_queryset(self, request: HttpRequest) -> AppointmentQuerySet:
        return access.visible_to(request.user).for_lists().select_related("request", "booked_by")

    def get_fieldsets(self, request: HttpRequest, obj: Appointment | None = None) -> list[Any]:
        return FIELDSETS

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [WhenFilter, StatusFilter, *([ProviderFilter] if access.sees_all(request.user) else []), "location"]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """What is to come from the nearest on, what is over from the latest back."""
        if when(request) in {"coming", "today"}:
            return ["starts_at", "pk"]
        return ["-starts_at", "-pk"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Appointment], search_term: str
    ) -> tuple[QuerySet[Appointment], bool]:
        typed = search_term.strip()
        return (cast(AppointmentQuerySet, queryset).found_by(typed) if typed else queryset), False

    # Times are given and taken by the diary alone, through the buttons; nothing is ever typed into a row.
    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        """Where Django would tell in a message which one there is not."""
        raise Http404

    def get_urls(self) -> list[Any]:
        def page(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"appointments_appointment_{name}")

        own = [
            page("day/", day_list, "day"),
            page("book/", book_for_a_caller, "book"),
            page("<int:pk>/steps/", require_POST(steps.take_step), "steps"),
            page("<int:pk>/sure/<slug:step>/", steps.ask_first, "sure"),
            page("<int:pk>/move/", move, "move"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        offers = {"may_book": access.may_book(request.user)}
        return super().changelist_view(request, {**(extra_context or {}), **offers})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        appointment, may = self.get_object(request, object_id), access.may_take_steps(request.user)
        offers = {
            "buttons": steps.buttons(appointment, now=timezone.now()) if appointment and may else [],
            "may_be_moved": bool(appointment and may and appointment.is_standing),
            "may_book": access.may_book(request.user),
            "local_day": appointment and clocks.start(appointment).date(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **offers})
