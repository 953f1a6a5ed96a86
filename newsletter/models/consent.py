from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from newsletter.models.topic import Topic


class ConsentQuerySet(models.QuerySet["Consent"]):
    def waiting_for(self, topic: Topic, *, since: datetime) -> "ConsentQuerySet":
        """Asks for this topic, at or after `since`, of people who are not on the list yet."""
        asked = self.filter(kind=Consent.Kind.ASKED, at__gte=since, topic_keys__contains=[topic.pk])
        return asked.exclude(subscriber__state="confirmed")


class Consent(models.Model):
    """One line of evidence. The database refuses to change it; it goes only with its subscriber."""

    class Kind(models.TextChoices):
        ASKED = "asked", _("asked")
        CONFIRMED = "confirmed", _("confirmed")
        CHOSE = "chose", _("chose topics")
        IMPORTED = "imported", _("imported with proof")
        LEFT = "left", _("left")

    subscriber = models.ForeignKey(
        "newsletter.Subscriber", models.CASCADE, related_name="consents", verbose_name=_("subscriber"), db_index=False
    )
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    words = models.TextField(_("exact words"))
    version = models.CharField(_("version of the words"), max_length=30)
    topics = models.JSONField(
        _("topics"), default=list, blank=True, help_text=_("Their names as they were shown. None: everything.")
    )
    # A topic may be renamed before the ask is confirmed. None: from before they were kept.
    topic_keys = models.JSONField(null=True, editable=False)
    # As somebody typed it. Until they confirm, that may have been a stranger.
    name = models.CharField(_("name"), max_length=80, blank=True, default="", db_default="")
    at = models.DateTimeField(_("when"))
    page = models.CharField(_("page"), max_length=200, blank=True)
    network_address = models.GenericIPAddressField(_("network address"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("recorded by"),
        help_text=_("Empty when it was the person's own button."),
    )

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consent, word for word")
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(by__isnull=True) | Q(kind__in=["left", "imported"]), name="consent_is_given_in_person"
            ),
            models.CheckConstraint(condition=~Q(words="") & ~Q(version=""), name="consent_has_words"),
        ]
        indexes = [
            models.Index(fields=["subscriber", "-at"], name="consent_of_subscriber"),
            models.Index(fields=["at"], condition=Q(kind__in=["confirmed", "imported"]), name="consent_joined"),
            models.Index(fields=["at"], condition=Q(kind="left"), name="consent_left"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
