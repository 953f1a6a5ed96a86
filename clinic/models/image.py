from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.core.exceptions import ValidationError
from django.core.files.storage import Storage, storages
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _


def private_storage() -> Storage:
    return storages["private"]


@dataclass(frozen=True)
class Source:
    """What one `<source>` says: a MIME type, and the srcset of one format in rising widths."""

    format: str
    srcset: str


class ImageQuerySet(models.QuerySet["Image"]):
    def waiting(self) -> "ImageQuerySet":
        """Those whose renditions are still to be made, the oldest first."""
        return self.filter(rendered_at=None, error="").order_by("pk")

    def broken(self) -> "ImageQuerySet":
        return self.exclude(error="").order_by("pk")


class Image(models.Model):
    """A picture as it was uploaded, kept private. Pages show its renditions."""

    title = models.CharField(_("title"), max_length=120, help_text=_("For staff, to find it again."))
    original = models.FileField(
        _("file"),
        upload_to="originals/%Y/%m",
        storage=private_storage,
        max_length=200,
        help_text=_("JPEG, PNG, WebP or AVIF, at most 30 MB."),
    )
    alt = models.CharField(
        _("text alternative"),
        max_length=250,
        blank=True,
        help_text=_("What a person who cannot see the picture should know. Not “picture of”."),
    )
    is_decorative = models.BooleanField(
        _("decorative"), default=False, help_text=_("Says nothing that the text does not say: screen readers skip it.")
    )
    width = models.PositiveIntegerField(_("width in pixels"), editable=False)
    height = models.PositiveIntegerField(_("height in pixels"), editable=False)
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    rendered_at = models.DateTimeField(_("renditions made"), null=True, editable=False)
    error = models.TextField(_("why it could not be made"), blank=True, editable=False)

    objects = ImageQuerySet.as_manager()

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_decorative=True) | ~models.Q(alt=""),
                name="image_has_alt_or_is_decorative",
                violation_error_message=_("Describe the picture, or mark it as decorative."),
            )
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        if self.is_decorative and self.alt:
            raise ValidationError({"alt": _("A decorative picture has no text alternative. Clear one of the two.")})
        if not self.is_decorative and not self.alt:
            raise ValidationError({"alt": _("Describe the picture, or mark it as decorative.")})

    @cached_property
    def _renditions(self) -> Sequence["Rendition"]:
        return sorted(self.renditions.all(), key=lambda rendition: (rendition.format != "webp", rendition.width))

    @property
    def sources(self) -> list[Source]:
        """WebP first, then JPEG; empty until the renditions are made."""
        return [
            Source(kind, ", ".join(f"{rendition.file.url} {rendition.width}w" for rendition in group))
            for kind, group in groupby(self._renditions, key=lambda rendition: f"image/{rendition.format}")
        ]

    @property
    def fallback(self) -> "Rendition | None":
        """The widest JPEG, for `src`, `width` and `height`."""
        return self._renditions[-1] if self._renditions else None


class Rendition(models.Model):
    """A picture in one width and format, without metadata, as pages show it."""

    class Format(models.TextChoices):
        WEBP = "webp", "WebP"
        JPEG = "jpeg", "JPEG"

    image = models.ForeignKey(Image, models.CASCADE, related_name="renditions")
    format = models.CharField(max_length=4, choices=Format)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file = models.FileField(upload_to="pictures", max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "format", "width"], name="rendition_once")]

    def __str__(self) -> str:
        return f"{self.format} {self.width} × {self.height}"
