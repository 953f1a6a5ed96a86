from django.db import models
from django.utils.translation import gettext_lazy as _


class MailLink(models.Model):
    """A link in a letter. Only its SHA-256 is stored; several may be valid at once for one object."""

    purpose = models.CharField(_("purpose"), max_length=40)
    object_id = models.PositiveBigIntegerField(_("object"))
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)

    class Meta:
        verbose_name = _("mail link")
        verbose_name_plural = _("mail links")
        indexes = [
            models.Index(fields=["purpose", "object_id"], name="mail_link_object"),
            models.Index(fields=["expires_at"], name="mail_link_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} #{self.pk}"
