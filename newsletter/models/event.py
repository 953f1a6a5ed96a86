from django.db import models
from django.utils.translation import gettext_lazy as _

from newsletter.models.delivery import Delivery


class MailEvent(models.Model):
    """One thing that the mail provider told us, once: the same number again is a repetition and does nothing."""

    provider = models.CharField(_("provider"), max_length=30)
    event_id = models.CharField(_("its number"), max_length=200)
    kind = models.CharField(_("what"), max_length=20)
    at = models.DateTimeField(_("when"))
    received_at = models.DateTimeField(_("received"))
    delivery = models.ForeignKey(Delivery, models.CASCADE, null=True, blank=True, related_name="events")

    class Meta:
        verbose_name = _("event of the mail provider")
        verbose_name_plural = _("events of the mail provider")
        ordering = ["-received_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["provider", "event_id"], name="mail_event_once")]
        indexes = [models.Index(fields=["-received_at", "-id"], name="mail_event_newest")]

    def __str__(self) -> str:
        return f"{_('Event')} {self.pk}"
