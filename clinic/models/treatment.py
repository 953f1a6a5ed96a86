from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic.models.image import Image
from clinic.models.provider import Provider
from clinic.rich_text import RichTextField


class TreatmentCategory(models.Model):
    """A part of the catalogue, like Injectables; articles stand under the same names."""

    name = models.CharField(_("name"), max_length=60)
    slug = models.SlugField(_("address on the site"), unique=True)
    summary = models.TextField(_("summary"), max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))

    class Meta:
        verbose_name = _("treatment category")
        verbose_name_plural = _("treatment categories")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class TreatmentQuerySet(models.QuerySet["Treatment"]):
    def shown(self) -> "TreatmentQuerySet":
        """What the site offers, in the order of the catalogue."""
        shown = self.filter(is_published=True).select_related("category", "picture")
        return shown.order_by("category__position", "category__name", "position", "name")


class Treatment(models.Model):
    category = models.ForeignKey(
        TreatmentCategory, models.PROTECT, related_name="treatments", verbose_name=_("category")
    )
    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("address on the site"), max_length=100, unique=True)
    summary = models.TextField(_("summary"), max_length=300, help_text=_("One or two sentences, for lists."))
    body = RichTextField(_("text"), blank=True)
    price_from = models.DecimalField(
        _("price from"), max_digits=9, decimal_places=2, null=True, blank=True, help_text=_("Empty: “by consultation”.")
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    price_as_of = models.DateField(_("price as of"), null=True, blank=True, help_text=_("Shown beside the price."))
    duration_minutes = models.PositiveSmallIntegerField(_("length in minutes"), null=True, blank=True)
    downtime = models.CharField(_("downtime"), max_length=120, blank=True)
    results_last = models.CharField(_("results last"), max_length=120, blank=True)
    performed_by = models.ManyToManyField(
        Provider, blank=True, related_name="treatments", verbose_name=_("people who perform it")
    )
    picture = models.ForeignKey(
        Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("picture")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_published = models.BooleanField(_("on the site"), default=True)

    objects = TreatmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("treatment")
        verbose_name_plural = _("treatments")
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(price_from__isnull=True) | models.Q(price_from__gte=0, price_as_of__isnull=False),
                name="treatment_price_is_dated",
                violation_error_message=_("A price needs the date from which it holds, and cannot be below zero."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("clinic:treatment", args=[self.slug])
