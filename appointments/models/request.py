import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from appointments import phones, references
from appointments.text import without_accents
from clinic.models import Location, Offer, Provider, Treatment, TreatmentCategory, User
from clinic.text import validate_no_web_address, validate_one_line


class StatusRefused(Exception):
    """A request in this state cannot take that step; the message is for staff."""


class WithoutAccents(models.Func):
    """In PostgreSQL what `without_accents()` is in Python: letters and their marks taken apart, the marks left out."""

    template = r"regexp_replace(normalize(%(expressions)s, NFD), '[\u0300-\u036f]', '', 'g')"
    output_field = models.TextField()


class RequestQuerySet(models.QuerySet["AppointmentRequest"]):
    def awaiting_reply(self) -> "RequestQuerySet":
        """Nobody has answered them yet; the longest waiting first."""
        return self.filter(status=AppointmentRequest.Status.NEW).order_by("created_at", "pk")

    def open(self) -> "RequestQuerySet":
        """Those that the desk still has to do something about."""
        return self.filter(status__in=AppointmentRequest.OPEN)

    def in_status(self, status: str) -> "RequestQuerySet":
        return self.filter(status=status)

    def assigned_to(self, user: User | None) -> "RequestQuerySet":
        """Those of one colleague, or with None those that nobody has taken on."""
        return self.filter(assignee=user)

    def overdue(self, today: date) -> "RequestQuerySet":
        """Unanswered after the working day by whose end an answer was promised."""
        return self.awaiting_reply().filter(due_on__lt=today)

    def for_queue(self) -> "RequestQuerySet":
        """With what a line of the queue shows."""
        return self.select_related("treatment", "category", "assignee")

    def found_by(self, typed: str) -> "RequestQuerySet":
        """By a part of a name or an email address, by a phone number in any format, or by reference."""
        found = models.Q(plain_name__icontains=without_accents(typed)) | models.Q(email__icontains=typed)
        if digits := phones.searchable_digits(typed):
            found |= models.Q(phone_e164__contains=digits)
        if reference := references.as_written(typed):
            found |= models.Q(reference=reference)
        return self.alias(plain_name=WithoutAccents("name")).filter(found)

    def number_by_code(self, codes: Sequence[str]) -> dict[str, int]:
        """How many came by the links of each of these mailings; codes of which nothing came are left out."""
        came = self.filter(came_from__in=codes).exclude(came_from="").order_by()
        return dict(came.values_list("came_from").annotate(number=models.Count("pk")))


class AppointmentRequest(models.Model):
    """What a patient would like. It holds no time: staff answer it and book."""

    class Status(models.TextChoices):
        NEW = "new", _("new")
        CONTACTED = "contacted", _("contacted")
        BOOKED = "booked", _("booked")
        CLOSED = "closed", _("closed")

    class Channel(models.TextChoices):
        PHONE = "phone", _("Phone call")
        TEXT = "text", _("Text message")
        EMAIL = "email", _("Email")

    OPEN = (Status.NEW, Status.CONTACTED)
    STEPS = {
        Status.NEW: (Status.CONTACTED, Status.BOOKED, Status.CLOSED),
        Status.CONTACTED: (Status.BOOKED, Status.CLOSED),
        Status.BOOKED: (Status.CLOSED, Status.NEW),
        Status.CLOSED: (Status.NEW,),
    }

    reference = models.CharField(_("reference"), max_length=10, editable=False)
    # What one opened page sent: a double click carries the same.
    submission = models.UUIDField(default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(
        "appointments.Patient",
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="requests",
        db_index=False,
        verbose_name=_("patient"),
    )
    name = models.CharField(_("name"), max_length=100, validators=[validate_one_line, validate_no_web_address])
    email = models.EmailField(_("email"), max_length=254, blank=True, validators=[validate_one_line])
    phone = models.CharField(_("phone"), max_length=40, blank=True, validators=[validate_one_line])
    phone_e164 = models.CharField(_("phone, normalised"), max_length=16, blank=True, editable=False)
    is_new_patient = models.BooleanField(
        _("new or returning"),
        null=True,
        blank=True,
        choices=[(True, _("new patient")), (False, _("has been here before"))],
    )
    treatment = models.ForeignKey(
        Treatment, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("treatment")
    )
    category = models.ForeignKey(
        TreatmentCategory,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("category"),
        help_text=_("When it is not settled which treatment."),
    )
    location = models.ForeignKey(
        Location,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("location"),
        help_text=_("Empty: any."),
    )
    provider = models.ForeignKey(
        Provider,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("provider"),
        help_text=_("Empty: whoever is free first."),
    )
    offer = models.ForeignKey(
        Offer,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_index=False,
        verbose_name=_("offer"),
    )
    # Title, price, last day and terms as the patient read them: a promise outlives the offer and its next wording.
    offer_words = models.TextField(_("offer"), blank=True, default="", db_default="", editable=False)
    # The code of the mailing whose link led here (clinic.came_from).
    came_from = models.CharField(
        _("from the mailing"), max_length=12, blank=True, default="", db_default="", editable=False
    )
    channel = models.CharField(_("reply by"), max_length=5, choices=Channel, default=Channel.PHONE)
    message = models.TextField(_("message"), max_length=2000, blank=True)
    consent_text = models.TextField(_("agreed to"), blank=True, editable=False)
    consent_version = models.CharField(_("version of these words"), max_length=20, blank=True, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.NEW, editable=False)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        limit_choices_to={"is_staff": True, "is_active": True},
        verbose_name=_("assigned to"),
    )
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("written down by"),
    )
    due_on = models.DateField(_("answer due"), editable=False)
    created_at = models.DateTimeField(_("received"), editable=False)
    changed_at = models.DateTimeField(_("last step"), editable=False)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("appointment request")
        verbose_name_plural = _("appointment requests")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="request_reference_once"),
            models.UniqueConstraint(fields=["submission"], name="request_submission_once"),
            models.CheckConstraint(
                condition=~models.Q(email="") | ~models.Q(phone=""),
                name="request_can_be_answered",
                violation_error_message=_("Enter a phone number or an email address."),
            ),
            models.CheckConstraint(
                condition=models.Q(treatment__isnull=True) | models.Q(category__isnull=True),
                name="request_treatment_or_category",
                violation_error_message=_("Choose a treatment or a category, not both."),
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], condition=models.Q(status="new"), name="request_awaiting_reply"),
            models.Index(fields=["status", "-created_at", "-id"], name="request_queue"),
            models.Index(fields=["-created_at", "-id"], name="request_newest"),
            models.Index(fields=["patient"], name="request_patient"),
            models.Index(fields=["offer"], condition=models.Q(offer__isnull=False), name="request_offer"),
            models.Index(fields=["came_from"], condition=~models.Q(came_from=""), name="request_came_from"),
        ]

    def __str__(self) -> str:
        # Names nobody: Django's own log of admin actions keeps this text.
        return str(_("Request %(reference)s") % {"reference": self.reference})

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def asks_for(self) -> Treatment | TreatmentCategory | None:
        return self.treatment or self.category

    @property
    def offer_title(self) -> str:
        """Of the offer that came along, "" without one; it stays when the offer is deleted."""
        return self.offer_words.partition("\n")[0]

    def is_overdue(self, today: date) -> bool:
        return self.status == self.Status.NEW and self.due_on < today

    def age(self, now: datetime) -> str:
        """How long ago it came, in the one unit that matters: “12 min”, “2 h”, “3 days”."""
        waited = max(now - self.created_at, timedelta(0))
        if waited < timedelta(hours=1):
            return str(_("%d min") % (waited // timedelta(minutes=1)))
        if waited < timedelta(days=1):
            return str(_("%d h") % (waited // timedelta(hours=1)))
        return ngettext("%d day", "%d days", waited.days) % waited.days

    def next_steps(self) -> tuple[Status, ...]:
        return self.STEPS[self.Status(self.status)]

    def mark_contacted(self, *, by: User, now: datetime) -> None:
        self.move_to(self.Status.CONTACTED, by=by, now=now)

    def mark_booked(self, *, by: User, now: datetime) -> None:
        self.move_to(self.Status.BOOKED, by=by, now=now)

    def close(self, *, by: User, now: datetime) -> None:
        self.move_to(self.Status.CLOSED, by=by, now=now)

    def reopen(self, *, by: User, now: datetime) -> None:
        """Back into the queue: it was ended by mistake, or the patient asks again."""
        self.move_to(self.Status.NEW, by=by, now=now)

    def move_to(self, status: Status, *, by: User, now: datetime) -> None:
        """Takes the step and records it. Raises StatusRefused, also when a colleague was faster."""
        with transaction.atomic():
            # Of two people who click at once the second sees what the first has done.
            was = AppointmentRequest.objects.select_for_update().values_list("status", flat=True).get(pk=self.pk)
            self.status = was
            if status not in self.next_steps():
                told = {"request": self, "status": self.get_status_display(), "step": status.label}
                raise StatusRefused(_("%(request)s is %(status)s already; it cannot become %(step)s.") % told)
            self.status, self.changed_at = status, now
            self.save(update_fields=["status", "changed_at"])
            self.status_changes.create(by=by, at=now, was=was, became=status)

    def assign_to(self, user: User | None, *, now: datetime) -> None:
        self.assignee, self.changed_at = user, now
        self.save(update_fields=["assignee", "changed_at"])
