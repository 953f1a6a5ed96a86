from django.core.validators import FileExtensionValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.films import film_name, validate_film_size
from clinic.models.image import Image
from clinic.models.treatment import Treatment


class TestimonialQuerySet(models.QuerySet["Testimonial"]):
    def shown(self) -> "TestimonialQuerySet":
        return self.filter(is_published=True).select_related("poster").order_by("position", "pk")

    def films(self) -> "TestimonialQuerySet":
        return self.exclude(video="")


class Testimonial(models.Model):
    """What a patient, or a colleague, says of the practice: in words, or in a captioned film."""

    __test__ = False  # pytest collects classes by the name Test…

    attribution = models.CharField(
        _("who says it"), max_length=120, help_text=_("As the person agreed to be named, like “M., 52”.")
    )
    quote = models.TextField(_("words"), max_length=600)
    treatment = models.ForeignKey(
        Treatment, models.SET_NULL, null=True, blank=True, related_name="testimonials", verbose_name=_("treatment")
    )
    video = models.FileField(
        _("film"),
        upload_to=film_name,
        blank=True,
        validators=[FileExtensionValidator(["mp4", "webm"]), validate_film_size],
        help_text=_("MP4 or WebM, at most 30 MB. It is published as it is, with whatever the camera wrote into it."),
    )
    poster = models.ForeignKey(
        Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("still picture")
    )
    captions = models.FileField(
        _("captions"),
        upload_to=film_name,
        blank=True,
        validators=[FileExtensionValidator(["vtt"]), validate_film_size],
        help_text=_("WebVTT. A film needs captions for those who do not hear it."),
    )
    transcript = models.TextField(_("transcript"), blank=True)
    by_physician = models.BooleanField(_("spoken by a physician"), default=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_published = models.BooleanField(_("on the site"), default=True)

    objects = TestimonialQuerySet.as_manager()

    class Meta:
        verbose_name = _("testimonial")
        verbose_name_plural = _("testimonials")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(video="") | ~(models.Q(captions="") | models.Q(transcript="")),
                name="testimonial_film_has_captions",
                violation_error_message=_("A film needs captions and a transcript."),
            )
        ]

    def __str__(self) -> str:
        return self.attribution
