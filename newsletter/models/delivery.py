from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.models.campaign import Campaign
from newsletter.models.subscriber import Subscriber


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state__in=Delivery.WAITING)

    def uncertain(self) -> "DeliveryQuerySet":
        """Nobody knows whether these arrived; a person or the provider settles each. The oldest first."""
        return self.filter(state=Delivery.State.UNCERTAIN).order_by("attempted_at", "pk")

    def cut_off(self, now: datetime) -> "DeliveryQuerySet":
        """Whose sending began and never ended: the worker died, or lost the database."""
        return self.filter(state=Delivery.State.SENDING, lease_until__lt=now).order_by("pk")


class Delivery(models.Model):
    """One campaign for one person: a line of the ledger, made when the campaign starts and never twice."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENDING = "sending", _("being sent")
        ACCEPTED = "accepted", _("sent")
        RETRY = "retry", _("will be tried again")
        FAILED = "failed", _("failed")
        UNCERTAIN = "uncertain", _("uncertain")
        SKIPPED = "skipped", _("not sent: off the list")
        KEPT = "kept", _("kept here, no mail server")

    WAITING = (State.QUEUED, State.RETRY)

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="deliveries", verbose_name=_("campaign"), db_index=False
    )
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="deliveries", verbose_name=_("subscriber"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempted_at = models.DateTimeField(_("last attempt"), null=True, blank=True)
    answer = models.TextField(_("the server's words"), blank=True)
    # The SHA-256 of the token in this letter's links, which also tells who left because of it.
    token_hash = models.BinaryField(max_length=32, null=True, editable=False)
    provider_id = models.CharField(_("the provider's number"), max_length=200, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    bounced_at = models.DateTimeField(_("bounced"), null=True, blank=True)
    complained_at = models.DateTimeField(_("complained"), null=True, blank=True)
    left_at = models.DateTimeField(_("left by this letter"), null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("settled by")
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "subscriber"], name="delivery_once"),
            models.CheckConstraint(
                condition=~Q(state__in=["queued", "retry"]) | Q(next_attempt_at__isnull=False),
                name="delivery_waiting_has_next_attempt",
            ),
            models.CheckConstraint(
                condition=~Q(state="sending") | Q(lease_until__isnull=False), name="delivery_sending_has_lease"
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "next_attempt_at", "id"],
                condition=Q(state__in=["queued", "retry"]),
                name="delivery_due",
            ),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="delivery_sending"),
            models.Index(
                fields=["campaign", "attempted_at", "id"], condition=Q(state="uncertain"), name="delivery_uncertain"
            ),
            models.Index(fields=["campaign", "id"], condition=Q(state="failed"), name="delivery_failed"),
            models.Index(fields=["token_hash"], condition=Q(token_hash__isnull=False), name="delivery_token"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="delivery_provider_id"),
        ]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return f"{_('Delivery')} {self.pk}"


class Pace(models.Model):
    """How fast one campaign goes over all workers, and whether it rests because the mail server is away.

    Apart from the campaign, whose every change makes the pages of the site anew.
    """

    campaign = models.OneToOneField(Campaign, models.CASCADE, primary_key=True, related_name="pace")
    # Letters that may go now; a bucket that fills by the rate, up to two seconds' worth and at least one.
    tokens = models.FloatField(default=0)
    filled_at = models.DateTimeField()
    rests_until = models.DateTimeField(null=True, blank=True)
    rests = models.PositiveSmallIntegerField(default=0)
    trouble = models.TextField(blank=True)

    class Meta:
        verbose_name = _("pace of a campaign")
        verbose_name_plural = _("paces of campaigns")

    def __str__(self) -> str:
        return f"{_('Pace')} {self.pk}"
