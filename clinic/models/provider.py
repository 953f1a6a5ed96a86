from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from clinic.models.image import Image
from clinic.models.location import Location
from clinic.rich_text import RichTextField


class ProviderQuerySet(models.QuerySet["Provider"]):
    def shown(self) -> "ProviderQuerySet":
        pictures = self.filter(is_active=True).select_related("photo").prefetch_related("photo__renditions")
        return pictures.order_by("position", "name")


class Provider(models.Model):
    """A person who treats patients."""

    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("address on the site"), unique=True)
    credentials = models.CharField(_("credentials"), max_length=60, blank=True, help_text=_("Like “MD, FACS”."))
    role = models.CharField(_("role"), max_length=80, help_text=_("Like “Facial plastic surgeon”."))
    boards = models.TextField(_("boards and certificates"), blank=True, help_text=_("One on each line."))
    languages = models.CharField(_("languages"), max_length=120, blank=True, help_text=_("Like “English, Spanish”."))
    biography = RichTextField(_("about"), blank=True)
    photo = models.ForeignKey(Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("photo"))
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="provider",
        verbose_name=_("account"),
        help_text=_("With this account they sign in and see their own appointments only."),
    )
    locations = models.ManyToManyField(Location, blank=True, related_name="providers", verbose_name=_("locations"))
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_active = models.BooleanField(_("on the site"), default=True)

    objects = ProviderQuerySet.as_manager()

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return f"{self.name}, {self.credentials}" if self.credentials else self.name

    def get_absolute_url(self) -> str:
        return reverse("clinic:provider", args=[self.slug])

    @property
    def boards_list(self) -> list[str]:
        return [line.strip() for line in self.boards.splitlines() if line.strip()]
