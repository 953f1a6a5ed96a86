import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models.constraints import Deferrable
from django.db.models.lookups import LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from appointments import phones, references
from appointments.models.patient import Patient
from appointments.models.request import AppointmentRequest, WithoutAccents
from appointments.models.resource import Resource
from appointments.models.visit_type import VisitType
from appointments.text import without_accents
from clinic.models import Location, User

if TYPE_CHECKING:
    from appointments.models.booking_rules import BookingRules


class StepRefused(Exception):
    """An appointment in this state cannot take that step; the message is for whoever asked for it."""


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def known(self) -> "AppointmentQuerySet":
        """Those that somebody made: a hold that nobody has filled in yet, or that ran out, is none."""
        return self.filter(patient__isnull=False)

    def between(self, first: datetime, last: datetime) -> "AppointmentQuerySet":
        """Those that begin from `first` until before `last`, in the order of the day."""
        return self.known().filter(starts_at__gte=first, starts_at__lt=last).order_by("starts_at", "pk")

    def standing(self) -> "AppointmentQuerySet":
        """Those that are to take place."""
        return self.filter(status__in=[Status.REQUESTED, Status.CONFIRMED])

    def awaiting_answer(self) -> "AppointmentQuerySet":
        """Booked by patients where staff have to say yes; the first to run out first."""
        return self.filter(status=Status.REQUESTED).order_by("expires_at", "pk")

    def run_out(self, now: datetime) -> "AppointmentQuerySet":
        """Held or requested for longer than they may: free for others, if not in name yet."""
        return self.filter(expires_at__lte=now, status__in=[Status.HELD, Status.REQUESTED]).order_by("expires_at", "pk")

    def of_provider_account(self, user: User) -> "AppointmentQuerySet":
        """Those of the provider who signs in with this account."""
        mine = Allocation.objects.filter(appointment=models.OuterRef("pk"), resource__provider__user=user)
        return self.filter(models.Exists(mine))

    def lock(self) -> bool:
        """Locks the one row, unless somebody else has it; whether it is there and ours.

        Read it only then: a row that is locked and joined in one statement may come with the joined rows of before.
        """
        return self.select_for_update(skip_locked=True).values_list("pk", flat=True).first() is not None

    def for_lists(self) -> "AppointmentQuerySet":
        """With what a line shows."""
        return self.select_related("patient", "visit_type", "location", "provider").defer("typed")

    def found_by(self, typed: str) -> "AppointmentQuerySet":
        """By a part of a name or an email address, by a phone number in any format, or by reference."""
        patients = models.Q(plain_name__icontains=without_accents(typed)) | models.Q(email__icontains=typed)
        if digits := phones.searchable_digits(typed):
            patients |= models.Q(phone_e164__contains=digits)
        found = models.Q(patient__in=Patient.objects.alias(plain_name=WithoutAccents("name")).filter(patients))
        if reference := references.as_written(typed):
            found |= models.Q(reference=reference)
        return self.known().filter(found)

    def number_by_code(self, codes: Sequence[str]) -> dict[str, int]:
        """How many came by the links of each of these mailings; codes of which nothing came are left out."""
        came = self.filter(came_from__in=codes).exclude(came_from="").order_by()
        return dict(came.values_list("came_from").annotate(number=models.Count("pk")))


class Appointment(models.Model):
    """A time that is kept for somebody: first held without a name, then a patient's. Never deleted by a cancellation.

    Only `appointments.services` gives it a time or takes it away; the allocations say what is really occupied.
    """

    class Status(models.TextChoices):
        HELD = "held", _("held")
        REQUESTED = "requested", _("waiting for us")
        CONFIRMED = "confirmed", _("confirmed")
        ARRIVED = "arrived", _("arrived")
        COMPLETED = "completed", _("completed")
        NO_SHOW = "no_show", _("did not come")
        CANCELLED = "cancelled", _("cancelled")
        DECLINED = "declined", _("declined")
        EXPIRED = "expired", _("expired")

    reference = models.CharField(_("reference"), max_length=10, editable=False, default=references.new_reference)
    # What one opened page sent: a double click carries the same.
    submission = models.UUIDField(default=uuid.uuid4, editable=False)
    # The browser that holds it, by a random number in its cookie.
    holder = models.UUIDField(null=True, editable=False)
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, related_name="appointments", verbose_name=_("patient")
    )
    visit_type = models.ForeignKey(VisitType, models.PROTECT, related_name="+", verbose_name=_("visit"))
    location = models.ForeignKey(Location, models.PROTECT, related_name="+", verbose_name=_("location"))
    provider = models.ForeignKey(
        Resource, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("with")
    )
    request = models.ForeignKey(
        AppointmentRequest,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="appointments",
        verbose_name=_("from the request"),
    )
    # The code of the mailing whose link led to it, or to its request (clinic.came_from).
    came_from = models.CharField(
        _("from the mailing"), max_length=12, blank=True, default="", db_default="", editable=False
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.HELD, editable=False)
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True, editable=False)
    times_kept = models.PositiveSmallIntegerField(default=0, editable=False)
    # What was typed on the way to a booking, so that nothing has to be typed twice; gone once it is booked.
    typed = models.JSONField(null=True, editable=False)
    message = models.TextField(_("message"), max_length=2000, blank=True)
    consent_text = models.TextField(_("agreed to"), blank=True, editable=False)
    consent_version = models.CharField(_("version of these words"), max_length=20, blank=True, editable=False)
    booked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("booked by"),
    )
    created_at = models.DateTimeField(_("made"), editable=False)
    # When this very time was agreed: reminders that were due earlier are not sent.
    settled_at = models.DateTimeField(_("agreed"), null=True, editable=False)
    is_coming_at = models.DateTimeField(_("said that they come"), null=True, editable=False)
    # Of the calendar entry, RFC 5545 section 3.8.4.7 and 3.8.7.4: the same for ever, and one more at each change.
    calendar_uid = models.UUIDField(default=uuid.uuid4, editable=False)
    sequence = models.PositiveIntegerField(default=0, editable=False)
    # What the patient has last been told, and when to tell them of what has changed since.
    told_status = models.CharField(max_length=9, blank=True, editable=False)
    told_starts_at = models.DateTimeField(null=True, editable=False)
    told_location = models.ForeignKey(Location, models.PROTECT, null=True, editable=False, related_name="+")
    told_provider = models.ForeignKey(Resource, models.PROTECT, null=True, editable=False, related_name="+")
    tell_at = models.DateTimeField(null=True, editable=False)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        ordering = ["-starts_at", "-pk"]
        permissions = [("see_whole_diary", _("Can see the appointments of all providers"))]
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="appointment_reference_once"),
            models.UniqueConstraint(fields=["submission"], name="appointment_submission_once"),
            models.UniqueConstraint(fields=["calendar_uid"], name="appointment_calendar_uid_once"),
            models.CheckConstraint(
                condition=models.Q(patient__isnull=False) | models.Q(status__in=["held", "expired"]),
                name="appointment_has_patient_unless_held",
            ),
            models.CheckConstraint(
                condition=models.Q(typed__isnull=True) | models.Q(patient__isnull=True),
                name="appointment_typed_only_while_held",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="appointment_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=False, status__in=["held", "requested"])
                | models.Q(expires_at__isnull=True) & ~models.Q(status="held"),
                name="appointment_expires_while_open",
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at", "id"], name="appointment_day"),
            models.Index(fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="appointment_open"),
            models.Index(fields=["tell_at"], condition=models.Q(tell_at__isnull=False), name="appointment_to_tell"),
            models.Index(fields=["came_from"], condition=~models.Q(came_from=""), name="appointment_came_from"),
            models.Index(fields=["holder"], condition=models.Q(patient__isnull=True), name="appointment_of_holder"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(patient__isnull=True, status="expired"),
                name="appointment_never_filled",
            ),
        ]

    def __str__(self) -> str:
        # Names nobody and no treatment: Django's own log of admin actions keeps this text.
        return str(_("Appointment %(reference)s") % {"reference": self.reference})

    @property
    def local_start(self) -> datetime:
        return self.starts_at.astimezone(self.location.zone)

    @property
    def local_end(self) -> datetime:
        return self.ends_at.astimezone(self.location.zone)

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    @property
    def is_standing(self) -> bool:
        return self.status in {Status.REQUESTED, Status.CONFIRMED}

    def has_run_out(self, now: datetime) -> bool:
        """Whether it was held, or waited for staff, for longer than it may."""
        return self.expires_at is not None and self.expires_at <= now

    def changeable_until(self, rules: "BookingRules") -> datetime:
        """Until when patients move and cancel it by themselves."""
        return self.starts_at - rules.cutoff

    def lapse(self, *, now: datetime) -> None:
        """Ends what has run out; who has asked for it is told."""
        also: dict[str, Any] = (
            {"tell_at": now, "sequence": self.sequence + 1} if self.status == Status.REQUESTED else {}
        )
        self.step_to(Status.EXPIRED, by=None, now=now, **also)

    def may_become(self, status: str) -> bool:
        return status in STEPS[Status(self.status)]

    def step_to(self, status: Status, *, by: User | None, now: datetime, reason: str = "", **also: Any) -> None:
        """Takes the step in memory, saves it with the fields of `also`, and records it.

        Call it in a transaction that has locked the row. Raises StepRefused. A database trigger takes the
        allocations along.
        """
        if not self.may_become(status):
            told = {"status": self.get_status_display(), "step": status.label}
            raise StepRefused(_("This appointment is %(status)s; it cannot become %(step)s.") % told)
        was, self.status = self.status, status
        if status not in {Status.HELD, Status.REQUESTED}:
            also["expires_at"] = None
        for name, value in also.items():
            setattr(self, name, value)
        self.save(update_fields=["status", *also])
        self.changes.create(by=by, at=now, was=was, became=status, reason=reason)


Status = Appointment.Status

# Those that keep their time from others. The database has the same list, in appointments_blocks().
BLOCKING = (
    Status.HELD,
    Status.REQUESTED,
    Status.CONFIRMED,
    Status.ARRIVED,
    Status.COMPLETED,
    Status.NO_SHOW,
)
# The last ones of a line take back what was clicked by mistake; what did not block gets its time anew for that.
STEPS: dict[Status, tuple[Status, ...]] = {
    Status.HELD: (Status.REQUESTED, Status.CONFIRMED, Status.EXPIRED),
    Status.REQUESTED: (Status.CONFIRMED, Status.DECLINED, Status.CANCELLED, Status.EXPIRED),
    Status.CONFIRMED: (Status.ARRIVED, Status.NO_SHOW, Status.CANCELLED),
    Status.ARRIVED: (Status.COMPLETED, Status.CONFIRMED),
    Status.COMPLETED: (Status.ARRIVED,),
    Status.NO_SHOW: (Status.ARRIVED, Status.CONFIRMED),
    Status.CANCELLED: (Status.REQUESTED, Status.CONFIRMED),
    Status.DECLINED: (Status.CONFIRMED,),
    Status.EXPIRED: (Status.HELD, Status.CONFIRMED),
}


class Change(models.Model):
    """Who took an appointment which step, when and why; a move keeps the status. Only ever added to."""

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="changes")
    # Nobody: the patient, or the clock.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("when"))
    was = models.CharField(_("from"), max_length=9, choices=Status, blank=True)
    became = models.CharField(_("to"), max_length=9, choices=Status)
    was_at = models.DateTimeField(_("from the time"), null=True)
    became_at = models.DateTimeField(_("to the time"), null=True)
    reason = models.CharField(_("why"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_was_display()} → {self.get_became_display()}"


class IsFinite(models.Func):
    """False for the `infinity` of PostgreSQL, which is a bound like any other to a range."""

    function = "isfinite"
    output_field = models.BooleanField()


class Allocation(models.Model):
    """A span for which one resource is occupied, buffers included. The exclusion constraint is the promise."""

    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="allocations")
    resource = models.ForeignKey(Resource, models.PROTECT, related_name="allocations", db_index=False)
    occupied = DateTimeRangeField(_("occupied"))
    blocking = models.BooleanField(default=True)

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        ordering = ["appointment", "resource", "pk"]
        constraints = [
            ExclusionConstraint(
                name="allocation_never_twice",
                expressions=[("resource", RangeOperators.EQUAL), ("occupied", RangeOperators.OVERLAPS)],
                condition=models.Q(blocking=True),
                deferrable=Deferrable.IMMEDIATE,
                violation_error_message=_("Another appointment has this time."),
            ),
            # An empty or endless range would overlap nothing or everything, and `[]` would refuse the neighbour.
            models.CheckConstraint(
                condition=models.Q(
                    occupied__isempty=False,
                    occupied__lower_inc=True,
                    occupied__upper_inc=False,
                    occupied__lower_inf=False,
                    occupied__upper_inf=False,
                )
                & models.Q(IsFinite(models.F("occupied__startswith")))
                & models.Q(IsFinite(models.F("occupied__endswith")))
                & models.Q(
                    LessThanOrEqual(
                        models.F("occupied__endswith") - models.F("occupied__startswith"), timedelta(days=1)
                    )
                ),
                name="allocation_is_a_span",
            ),
        ]
        indexes = [
            # What is read: one resource's spans in order, both ends bounded (a span lasts 24 hours at most).
            models.Index(
                models.F("resource"),
                models.F("occupied__startswith"),
                name="allocation_by_start",
                condition=models.Q(blocking=True),
            ),
        ]

    def __str__(self) -> str:
        return str(_("Allocation %(number)s") % {"number": self.pk})
