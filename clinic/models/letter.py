import uuid
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _


class LetterQuerySet(models.QuerySet["Letter"]):
    def due(self, now: datetime) -> "LetterQuerySet":
        """What the worker should send now, the longest waiting first."""
        return self.filter(state__in=Letter.WAITING, next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def cut_off(self, now: datetime) -> "LetterQuerySet":
        """Whose sending began and never ended: the worker died, or the connection did."""
        return self.filter(state=Letter.State.SENDING, lease_until__lt=now).order_by("pk")

    def still_true(self, now: datetime) -> "LetterQuerySet":
        return self.exclude(state=Letter.State.WITHDRAWN).exclude(not_after__lte=now)

    def failed(self) -> "LetterQuerySet":
        return self.filter(state=Letter.State.FAILED).order_by("-created_at")


class Letter(models.Model):
    """One letter to one person. The body holds `[[name]]` where a link belongs; tokens are minted at sending."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        RETRY = "retry", _("will be tried again")
        UNCERTAIN = "uncertain", _("cut off, will be sent again")
        FAILED = "failed", _("failed")
        KEPT = "kept", _("kept here, no mail server")
        WITHDRAWN = "withdrawn", _("withdrawn, no longer true")

    WAITING = (State.QUEUED, State.RETRY, State.UNCERTAIN)

    to = models.EmailField(_("to"), max_length=254)
    kind = models.CharField(_("kind"), max_length=60)
    language = models.CharField(_("language"), max_length=10, default="en")
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    links = models.JSONField(_("links"), default=dict, blank=True)
    calendar = models.TextField(_("calendar file"), blank=True)
    reply_to = models.EmailField(_("reply to"), max_length=254, blank=True)
    message_key = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("written"))
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    not_after = models.DateTimeField(_("not to be sent after"), null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        ordering = ["-created_at", "-pk"]
        permissions = [("resend_letter", _("Can send a letter again"))]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state__in=["queued", "retry", "uncertain"])
                | models.Q(next_attempt_at__isnull=False),
                name="letter_waiting_has_next_attempt",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sending") | models.Q(lease_until__isnull=False),
                name="letter_sending_has_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state__in=["queued", "retry", "uncertain"]),
                name="letter_due",
            ),
            models.Index(fields=["lease_until"], condition=models.Q(state="sending"), name="letter_sending"),
            models.Index(fields=["-created_at"], condition=models.Q(state="failed"), name="letter_failed"),
            models.Index(fields=["-created_at", "-id"], name="letter_newest"),
        ]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return f"{_('Letter')} {self.pk}"

    def is_true_at(self, now: datetime) -> bool:
        """Whether it may still be sent: not withdrawn, and before the instant after which it tells nothing."""
        return self.state != self.State.WITHDRAWN and (self.not_after is None or now < self.not_after)
