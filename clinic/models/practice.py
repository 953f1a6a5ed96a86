import re
import zoneinfo

from django.core.exceptions import ValidationError
from django.core.validators import FileExtensionValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.films import film_name, validate_film_size
from clinic.models.image import Image


def validate_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(_("Choose a time zone by its IANA name, like America/New_York."))


def validate_phone(value: str) -> None:
    """Every page links to it as `tel:`, so it holds digits and the marks between them, and no words."""
    if not re.fullmatch(r"[0-9 +()./-]*", value) or not 7 <= len(re.findall("[0-9]", value)) <= 15:
        raise ValidationError(_("Enter a phone number, like 704-555-0142 or +44 20 7946 0018."))


class Address(models.Model):
    """A postal address, as the practice and each of its locations have one."""

    street = models.CharField(_("street"), max_length=120)
    city = models.CharField(_("city"), max_length=80)
    region = models.CharField(_("state or region"), max_length=40, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)

    class Meta:
        abstract = True

    @property
    def address_line(self) -> str:
        """One line, as a letter or a map search wants it."""
        place = " ".join(part for part in (self.region, self.postal_code) if part)
        return ", ".join(part for part in (self.street, self.city, place) if part)

    @property
    def has_postal_address(self) -> bool:
        """Whether it is one that mail arrives at, as what advertises has to show: 15 U.S.C. 7704(a)(5)(A)(iii)."""
        return bool(self.street.strip() and self.city.strip())


class Practice(Address):
    """What the practice is: one row, shown on every page."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(_("name"), max_length=80)
    tagline = models.CharField(
        _("tagline"), max_length=120, blank=True, help_text=_("What you do and where, in a few words.")
    )
    opening_line = models.CharField(
        _("opening line"), max_length=80, blank=True, help_text=_("The large line at the top of the home page.")
    )
    lead = models.TextField(_("lead"), max_length=300, blank=True, help_text=_("One or two sentences below that line."))
    phone = models.CharField(_("phone"), max_length=40, validators=[validate_phone])
    email = models.EmailField(_("email"), help_text=_("Requests from patients are announced here."))
    country = models.CharField(_("country"), max_length=60, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=40, default="America/New_York", validators=[validate_time_zone]
    )
    banner_video = models.FileField(
        _("banner film"),
        upload_to=film_name,
        blank=True,
        validators=[FileExtensionValidator(["mp4", "webm"]), validate_film_size],
        help_text=_("A short film without sound, MP4 or WebM. It stands still for people who prefer that."),
    )
    banner_poster = models.ForeignKey(
        Image,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("banner picture"),
        help_text=_("Shown before the film starts, and instead of it when there is none."),
    )

    class Meta:
        verbose_name = _("practice")
        verbose_name_plural = _("practice")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="practice_one_row")]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)
