from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from clinic import letters
from clinic.admin.read_only import ReadOnlyAdmin
from clinic.models import Letter
from clinic.models.letter import LetterQuerySet

# The names of the templates, in words for staff; a kind that is missing here shows as it is stored.
KINDS = {
    "appointments/letters/received": _("To a patient: we have your request"),
    "appointments/letters/arrived": _("To the desk: a request has arrived"),
    "appointments/letters/booked": _("To a patient: you are booked"),
    "appointments/letters/waiting": _("To a patient: your booking waits for us"),
    "appointments/letters/to_confirm": _("To the desk: a booking waits for an answer"),
    "appointments/letters/confirmed": _("To a patient: we confirm your booking"),
    "appointments/letters/moved": _("To a patient: your appointment was moved"),
    "appointments/letters/cancelled": _("To a patient: your appointment is cancelled"),
    "appointments/letters/declined": _("To a patient: we cannot take your booking"),
    "appointments/letters/lapsed": _("To a patient: your booking has lapsed"),
    "appointments/letters/reminder": _("To a patient: reminder"),
    "appointments/letters/links": _("To a patient: links to their appointments"),
    "newsletter/letters/confirm": _("Newsletter: please confirm"),
    "newsletter/letters/already": _("Newsletter: you are on the list already"),
    "newsletter/letters/own_link": _("Newsletter: the link to one's own settings"),
    "newsletter/letters/welcome": _("Newsletter: welcome"),
}


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Letter]) -> QuerySet[Letter]:
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    """Read and searched by staff, never written by hand. Links have no token here: they are minted at sending."""

    list_display = ["created_at", "to", "subject", "state", "attempts", "sent_at"]
    list_display_links = ["created_at", "to", "subject"]
    list_filter = ["state", KindFilter, "created_at"]
    search_fields = ["to", "subject"]
    date_hierarchy = "created_at"
    actions = ["send_again"]
    change_form_template = "admin/clinic/letter/change_form.html"
    fieldsets = [
        (None, {"fields": ["to", "reply_to", "subject", "body", "calendar_file"]}),
        (_("Sending"), {"fields": ["state", "attempts", "error", "next_attempt_at", "not_after", "sent_at"]}),
        (_("About this letter"), {"fields": ["what_it_is", "language", "created_at"]}),
    ]

    @admin.display(description=_("kind"))
    def what_it_is(self, letter: Letter) -> str:
        return str(KINDS.get(letter.kind, letter.kind))

    @admin.display(description=_("calendar file"))
    def calendar_file(self, letter: Letter) -> str:
        if not letter.calendar:
            return str(_("none"))
        return format_html(
            '<a href="{}">appointment.ics</a>', reverse("admin:clinic_letter_calendar", args=[letter.pk])
        )

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("clinic.resend_letter")

    @admin.action(description=_("Send the chosen letters again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: LetterQuerySet) -> None:
        if not settings.SENDS_MAIL:
            self.message_user(request, _("There is no mail server: EMAIL_URL is not set."), messages.WARNING)
            return
        now = timezone.now()
        chosen = list(queryset.still_true(now).exclude(state=Letter.State.SENDING).order_by("pk")[:500])
        for letter in chosen:
            letters.send_again(letter, now=now)
            self.log_change(request, letter, "Sent again.")
        words = ngettext("%d letter will be sent again.", "%d letters will be sent again.", len(chosen)) % len(chosen)
        self.message_user(request, words, messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<int:pk>/send-again/",
                self.admin_site.admin_view(require_POST(self.resend)),
                name="clinic_letter_resend",
            ),
            path("<int:pk>/calendar/", self.admin_site.admin_view(self.calendar), name="clinic_letter_calendar"),
            path("<int:pk>/links/", self.admin_site.admin_view(require_POST(self.links)), name="clinic_letter_links"),
        ]
        return own + super().get_urls()

    def resend(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_resend_permission(request):
            raise PermissionDenied
        get_object_or_404(Letter, pk=pk)
        self.send_again(request, Letter.objects.filter(pk=pk))
        return redirect(reverse("admin:clinic_letter_change", args=[pk]))

    def calendar(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        letter = get_object_or_404(Letter.objects.exclude(calendar=""), pk=pk)
        attachment = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
        return HttpResponse(letter.calendar, content_type="text/calendar; charset=utf-8", headers=attachment)

    def links(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows the letter as its reader gets it. Only in the trial, where no reader does: it mints the tokens."""
        if not _is_read_here() or not self.has_view_permission(request):
            raise PermissionDenied
        letter = get_object_or_404(Letter, pk=pk)
        self.log_change(request, letter, "Read with its links.")
        context = {
            **self.admin_site.each_context(request),
            "title": letter.subject,
            "letter": letter,
            "body": letters.with_links(letter, now=timezone.now()),
            "opts": Letter._meta,
        }
        return TemplateResponse(request, "admin/clinic/letter/links.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        letter = self.get_object(request, object_id)
        is_true = letter is not None and letter.is_true_at(timezone.now())
        offers = {
            "may_send_again": is_true and settings.SENDS_MAIL and self.has_resend_permission(request),
            "may_open_links": _is_read_here(),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **offers})


def _is_read_here() -> bool:
    """In the trial letters reach nobody else; anywhere else staff must not act by somebody's links."""
    return settings.TRIAL and not settings.SENDS_MAIL
