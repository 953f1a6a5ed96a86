from django.db import models
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from appointments.models.request import AppointmentRequest


class PreferredTime(models.Model):
    """A day that suits the patient, a part of it, or a part of any day."""

    class Part(models.TextChoices):
        MORNING = "morning", _("morning")
        AFTERNOON = "afternoon", _("afternoon")
        EVENING = "evening", _("evening")
        ANY = "any", _("any time")

    request = models.ForeignKey(AppointmentRequest, models.CASCADE, related_name="preferred_times")
    day = models.DateField(_("day"), null=True, blank=True, help_text=_("Empty: any day."))
    part = models.CharField(_("part of the day"), max_length=9, choices=Part, default=Part.ANY)

    class Meta:
        verbose_name = _("preferred time")
        verbose_name_plural = _("preferred times")
        ordering = ["day", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["request", "day", "part"],
                nulls_distinct=False,
                name="preferred_time_once",
                violation_error_message=_("This day and part of the day are chosen already."),
            ),
            models.CheckConstraint(
                condition=models.Q(day__isnull=False) | ~models.Q(part="any"),
                name="preferred_time_says_something",
                violation_error_message=_("Choose a day or a part of the day."),
            ),
        ]

    def __str__(self) -> str:
        day = formats.date_format(self.day, "l, F j") if self.day else str(_("any day"))
        return capfirst(f"{day}, {self.get_part_display()}")
