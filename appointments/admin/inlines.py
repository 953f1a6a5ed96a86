from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget
from django.db import models
from django.http import HttpRequest
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
    """Room for one note more. Those that stand there are shown above: they are added to, never changed."""

    model = Note
    fields = ["text"]
    extra = max_num = 1
    verbose_name = _("new note")
    formfield_overrides = {models.TextField: {"widget": AdminTextareaWidget({"rows": 3})}}

    def has_view_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AppointmentRequest | None = None) -> bool:
        return False
