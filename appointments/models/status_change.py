from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from appointments.models.request import AppointmentRequest


class StatusChange(models.Model):
    """Who moved a request on, and when. Only ever added to."""

    request = models.ForeignKey(AppointmentRequest, models.CASCADE, related_name="status_changes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("when"))
    was = models.CharField(_("from"), max_length=10, choices=AppointmentRequest.Status)
    became = models.CharField(_("to"), max_length=10, choices=AppointmentRequest.Status)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_was_display()} → {self.get_became_display()}"
