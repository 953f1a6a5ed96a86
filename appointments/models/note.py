from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from appointments.models.request import AppointmentRequest


class Note(models.Model):
    """What a colleague should know about a request. It is added to, never changed."""

    request = models.ForeignKey(AppointmentRequest, models.CASCADE, related_name="notes")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("author"),
    )
    text = models.TextField(_("note"), max_length=2000)
    created_at = models.DateTimeField(_("written"), editable=False)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return str(_("Note %(number)s") % {"number": self.pk})
