from django.db import models
from django.utils.translation import gettext_lazy as _

from appointments import phones, references
from appointments.models.request import WithoutAccents
from appointments.text import without_accents
from clinic.text import validate_no_web_address, validate_one_line


class PatientQuerySet(models.QuerySet["Patient"]):
    def reached_by(self, *, email: str, phone_e164: str) -> "PatientQuerySet":
        """Everybody with this mail address or this number: a mother and her daughter may share both."""
        same = models.Q()
        if email:
            same |= models.Q(email__iexact=email)
        if phone_e164:
            same |= models.Q(phone_e164=phone_e164)
        return self.filter(same).order_by("pk") if same else self.none()

    def to_compare(self) -> "PatientQuerySet":
        """Those who may be in the books twice, until staff have looked."""
        return self.filter(looks_like_another=True).order_by("pk")

    def found_by(self, typed: str) -> "PatientQuerySet":
        """By a part of a name or an email address, a phone number in any format, or the reference of an appointment."""
        found = models.Q(plain_name__icontains=without_accents(typed)) | models.Q(email__icontains=typed)
        if digits := phones.searchable_digits(typed):
            found |= models.Q(phone_e164__contains=digits)
        if reference := references.as_written(typed):
            found |= models.Q(appointments__reference=reference)
        return self.alias(plain_name=WithoutAccents("name")).filter(found).distinct()


class Patient(models.Model):
    """A person who is treated. A public form finds one or makes a new one; it never changes what stands here."""

    name = models.CharField(_("name"), max_length=100, validators=[validate_one_line, validate_no_web_address])
    email = models.EmailField(_("email"), max_length=254, blank=True, validators=[validate_one_line])
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validate_one_line])
    phone_e164 = models.CharField(_("phone, normalised"), max_length=16, blank=True, editable=False)
    note = models.TextField(_("note"), max_length=2000, blank=True, help_text=_("For staff alone."))
    looks_like_another = models.BooleanField(
        _("may be in the books twice"),
        default=False,
        help_text=_("Somebody else has the same mail address or phone number. Untick it when you have compared them."),
    )
    created_at = models.DateTimeField(_("since"), editable=False)

    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(email="") | ~models.Q(phone=""),
                name="patient_can_be_reached",
                violation_error_message=_("Enter a phone number or an email address."),
            )
        ]
        indexes = [
            models.Index(models.functions.Upper("email"), name="patient_email"),
            models.Index(fields=["phone_e164"], name="patient_phone"),
            models.Index(fields=["name", "id"], name="patient_name"),
            models.Index(fields=["id"], condition=models.Q(looks_like_another=True), name="patient_to_compare"),
        ]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return str(_("Patient %(number)s") % {"number": self.pk})
