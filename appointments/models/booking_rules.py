import re
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from appointments.models.appointment import Appointment
from clinic.models import Letter

MOST_REMINDERS = 4
FARTHEST_REMINDER = 30  # days before the visit


def read_reminder_days(typed: str) -> list[int]:
    """Days before the visit, the farthest first, each once. Raises ValidationError for anything but such numbers."""
    parts = [part.strip() for part in typed.split(",")] if typed.strip() else []
    if not all(re.fullmatch("[0-9]{1,2}", part) and 1 <= int(part) <= FARTHEST_REMINDER for part in parts):
        words = _("Write whole numbers from 1 to %(most)d with commas between them, like “3, 1”.")
        raise ValidationError(words, "days", {"most": FARTHEST_REMINDER})
    days = {int(part) for part in parts}
    if len(days) > MOST_REMINDERS:
        raise ValidationError(_("At most %(most)d reminders for one visit."), "many", {"most": MOST_REMINDERS})
    return sorted(days, reverse=True)


def validate_reminder_days(typed: str) -> None:
    read_reminder_days(typed)


class BookingRules(models.Model):
    """What the practice has decided about booking: one row, or these defaults while there is none."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    hold_minutes = models.PositiveSmallIntegerField(
        _("minutes for which a chosen time is held"),
        default=10,
        validators=[MinValueValidator(2), MaxValueValidator(60)],
    )
    request_hours = models.PositiveSmallIntegerField(
        _("hours in which staff confirm"),
        default=48,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 14)],
        help_text=_("A booking that waits for staff keeps its time for so long, and lapses then."),
    )
    most_requested = models.PositiveSmallIntegerField(
        _("waiting bookings of one person"),
        default=2,
        validators=[MinValueValidator(1)],
        help_text=_("How many bookings that wait for staff one email address or phone number may have."),
    )
    cutoff_hours = models.PositiveSmallIntegerField(
        _("hours before the visit"),
        default=24,
        help_text=_("Until then patients move and cancel by themselves; later they call."),
    )
    cancellation_policy = models.TextField(
        _("cancellation policy"), max_length=1000, blank=True, help_text=_("Shown before a patient cancels or moves.")
    )
    undo_minutes = models.PositiveSmallIntegerField(
        _("minutes before a change is told"),
        default=5,
        validators=[MaxValueValidator(60)],
        help_text=_("A change that is taken back within them sends no letter."),
    )
    reminder_days = models.CharField(
        _("reminders, days before the visit"),
        max_length=40,
        default="3, 1",
        blank=True,
        validators=[validate_reminder_days],
        help_text=_("Like “3, 1”. Empty: no reminders."),
    )
    what_happens_next = models.TextField(
        _("what happens next"),
        max_length=1000,
        blank=True,
        help_text=_("Shown after a booking: what to bring, when to come."),
    )

    class Meta:
        verbose_name = _("booking rules")
        verbose_name_plural = _("booking rules")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="booking_rules_one_row")]

    def __str__(self) -> str:
        return str(_("Booking rules"))

    @classmethod
    def current(cls) -> "BookingRules":
        return cls.objects.first() or cls()

    @property
    def hold(self) -> timedelta:
        return timedelta(minutes=self.hold_minutes)

    def answer_by(self, starts_at: datetime, *, now: datetime) -> datetime:
        """Until when a booking that waits for staff keeps its time: before the patient could not change it any more."""
        cutoff = starts_at - self.cutoff
        return min(now + timedelta(hours=self.request_hours), cutoff if cutoff > now else starts_at)

    @property
    def undo(self) -> timedelta:
        return timedelta(minutes=self.undo_minutes)

    @property
    def cutoff(self) -> timedelta:
        return timedelta(hours=self.cutoff_hours)

    @property
    def reminder_offsets(self) -> list[int]:
        """On which days before the visit patients are reminded, the farthest first."""
        return read_reminder_days(self.reminder_days)


class Reminder(models.Model):
    """That a patient was reminded of a visit at this time, so many days before: once, whatever happens."""

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="reminders")
    starts_at = models.DateTimeField()
    days_before = models.PositiveSmallIntegerField()
    # None: passed over, because a later one was due as well.
    letter = models.ForeignKey(Letter, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["appointment", "-days_before", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["appointment", "starts_at", "days_before"], name="reminder_once")
        ]

    def __str__(self) -> str:
        return str(_("Reminder %(number)s") % {"number": self.pk})
