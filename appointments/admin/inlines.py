from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentRequest, Note, PreferredTime


class PreferredTimeInline(admin.StackedInline):
    """Only while a call is written down; afterwards it is part of what the patient said."""

    model = PreferredTime
    extra = 2
    max_num = 9

    def has_add_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return request.user.has_perm("appointments.add_appointmentrequest")


class NoteInline(admin.StackedInline):
    """Notes are added to, never changed: those that stand there can only be read."""

    model = Note
    fields = ["text", "written"]
    readonly_fields = ["written"]
    extra = 1
    formfield_overrides = {models.TextField: {"widget": AdminTextareaWidget({"rows": 3})}}

    @admin.display(description=_("written"))
    def written(self, note: Note) -> str:
        if note._state.adding:
            return "–"
        moment = date_format(timezone.localtime(note.created_at), "SHORT_DATETIME_FORMAT")
        return f"{note.author}, {moment}" if note.author else moment

    def has_change_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return False
