from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.image import Image
from clinic.models.treatment import Treatment


class OfferQuerySet(models.QuerySet["Offer"]):
    def begun(self, now: datetime) -> "OfferQuerySet":
        """Those that the site may know of, also those that have ended."""
        return self.filter(starts_at__lte=now)

    def current(self, now: datetime) -> "OfferQuerySet":
        """Those that have begun and not ended, the one that ends first on top."""
        return self.filter(starts_at__lte=now, ends_at__gt=now).order_by("ends_at", "pk")


class Offer(models.Model):
    title = models.CharField(_("title"), max_length=120)
    slug = models.SlugField(_("address on the site"), max_length=100, unique=True)
    summary = models.TextField(_("summary"), max_length=400)
    terms = models.TextField(_("terms"), help_text=_("Who may use it, what is left out, how long it holds."))
    price = models.DecimalField(_("price"), max_digits=9, decimal_places=2, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    treatments = models.ManyToManyField(Treatment, blank=True, related_name="offers", verbose_name=_("treatments"))
    picture = models.ForeignKey(
        Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("picture")
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"), help_text=_("It leaves the site at this moment by itself."))

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["-ends_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="offer_ends_after_start",
                violation_error_message=_("An offer has to end after it starts."),
            ),
            models.CheckConstraint(
                condition=models.Q(price__isnull=True) | models.Q(price__gte=0),
                name="offer_price_not_negative",
                violation_error_message=_("A price cannot be below zero."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def has_ended(self, now: datetime) -> bool:
        return self.ends_at <= now
