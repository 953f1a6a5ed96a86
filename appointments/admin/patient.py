from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appointments import phones
from appointments.admin import access, lines
from appointments.admin.kept import kept
from appointments.models import Patient
from appointments.models.patient import PatientQuerySet
from appointments.services.telling import forget_old_address
from clinic import addresses

MOST_OTHERS = 10


class PatientForm(forms.ModelForm):
    def clean_phone(self) -> str:
        typed: str = self.cleaned_data["phone"]
        self.phone_e164 = ""
        if typed:
            try:
                self.phone_e164 = phones.e164(typed)
            except phones.NotAPhoneNumber as error:
                raise ValidationError(error.args[0], code="phone") from None
        return typed

    def clean_email(self) -> str:
        typed: str = self.cleaned_data["email"]
        return addresses.canonical(typed) if typed else typed


@admin.register(Patient)
class PatientAdmin(admin.ModelAdmin):
    """Whom the practice treats. Nobody is merged: two who may be one are compared by a person."""

    form = PatientForm
    list_display = ["shown_name", "call", "email", "created_at", "looks_like_another"]
    list_filter = ["looks_like_another"]
    list_per_page = 50
    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ["name"]  # shows the box; get_search_results does the search
    search_help_text = _("A name, an email address, a phone number in any format, or the reference of an appointment.")
    change_form_template = "admin/appointments/patient/change_form.html"

    class Media:
        css = {"all": ["css/admin_diary_setup.css"]}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Patient], search_term: str
    ) -> tuple[QuerySet[Patient], bool]:
        typed = search_term.strip()
        return (cast(PatientQuerySet, queryset).found_by(typed) if typed else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: Patient | None = None) -> list[Any]:
        person = (None, {"fields": ["name", "phone", "email", "note"]})
        if obj is None:
            return [person]
        books = ["appointments"] if access.sees_all(request.user) else []
        if request.user.has_perm("appointments.view_appointmentrequest"):
            books.append("requests")
        return [
            person,
            (_("Others with the same mail address or phone number"), {"fields": ["others", "looks_like_another"]}),
            (_("In the books"), {"fields": [*books, "created_at"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Patient | None = None) -> list[str]:
        return ["others", "appointments", "requests", "created_at"]

    def save_model(self, request: HttpRequest, obj: Patient, form: forms.ModelForm, change: bool) -> None:
        obj.phone_e164 = cast(PatientForm, form).phone_e164
        if not change:
            obj.created_at = timezone.now()
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data and form.initial.get("email"):
            forget_old_address(obj, now=timezone.now())
            told = _("Links in letters to the old address do not work any more. “Send my link again” sends new ones.")
            self.message_user(request, told, messages.INFO)
        if {"email", "phone"} & set(form.changed_data) and (number := len(_others(obj))):
            words = ngettext(
                "%d other patient has this mail address or phone number: compare them below.",
                "%d other patients have this mail address or phone number: compare them below.",
                number,
            )
            url = reverse("admin:appointments_patient_change", args=[obj.pk])
            self.message_user(
                request, format_html('{} <a href="{}">{}</a>', words % number, url, _("Compare")), messages.WARNING
            )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        patient = self.get_object(request, object_id)
        if patient is not None and self.has_delete_permission(request, patient) and patient.appointments.exists():
            words = _("This patient has appointments, which stay in the books; so the patient stays as well.")
            return kept(request, patient, str(words))
        return super().delete_view(request, object_id, extra_context)

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, patient: Patient) -> SafeString:
        # A name in Arabic must not turn the order of its neighbours.
        return format_html("<bdi>{}</bdi>", patient.name)

    @admin.display(description=_("phone"))
    def call(self, patient: Patient) -> SafeString | str:
        if not patient.phone:
            return "–"
        return format_html('<a href="tel:{}"><bdi>{}</bdi></a>', patient.phone_e164, patient.phone)

    @admin.display(description=_("others"))
    def others(self, patient: Patient) -> SafeString | str:
        rows = (
            (
                reverse("admin:appointments_patient_change", args=[other.pk]),
                other.name,
                " · ".join(filter(None, [other.email, other.phone])),
            )
            for other in _others(patient)
        )
        listed = format_html_join("", '<li><a href="{}"><bdi>{}</bdi></a> {}</li>', rows)
        return format_html('<ul class="lines">{}</ul>', listed) if listed else str(_("none"))

    @admin.display(description=_("appointments"))
    def appointments(self, patient: Patient) -> SafeString | str:
        known = patient.appointments.for_lists().order_by("-starts_at", "-pk")
        return lines.appointment_lines(list(known[: lines.MOST]), total=known.count(), none=str(_("none")))

    @admin.display(description=_("requests"))
    def requests(self, patient: Patient) -> SafeString | str:
        newest = patient.requests.order_by("-created_at", "-pk")
        return lines.request_lines(list(newest[: lines.MOST]), total=newest.count(), none=str(_("none")))


def _others(patient: Patient) -> list[Patient]:
    alike = Patient.objects.reached_by(email=patient.email, phone_e164=patient.phone_e164)
    return list(alike.exclude(pk=patient.pk)[:MOST_OTHERS])
