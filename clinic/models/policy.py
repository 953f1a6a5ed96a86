from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic.rich_text import RichTextField


class PolicyQuerySet(models.QuerySet["Policy"]):
    def shown(self) -> "PolicyQuerySet":
        return self.filter(is_published=True).order_by("position", "title")


class Policy(models.Model):
    """A page that the footer of every page links to."""

    class Kind(models.TextChoices):
        NOTICE_OF_PRIVACY_PRACTICES = "notice-of-privacy-practices", _("Notice of Privacy Practices")
        PRIVACY = "privacy", _("Privacy")
        GOOD_FAITH_ESTIMATE = "good-faith-estimate", _("Good Faith Estimate")
        ACCESSIBILITY = "accessibility", _("Accessibility")
        OTHER = "other", _("Other")

    kind = models.CharField(_("kind"), max_length=30, choices=Kind)
    title = models.CharField(_("title"), max_length=120)
    slug = models.SlugField(_("address on the site"), unique=True)
    body = RichTextField(_("text"))
    updated_on = models.DateField(_("last changed"))
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_published = models.BooleanField(_("on the site"), default=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy")
        verbose_name_plural = _("policies")
        ordering = ["position", "title"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("clinic:policy", args=[self.slug])
