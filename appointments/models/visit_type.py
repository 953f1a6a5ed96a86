from dataclasses import dataclass
from itertools import pairwise

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from appointments.models.resource import Resource
from clinic.models import Location, Treatment

LONGEST_VISIT = 12 * 60  # minutes, buffers included; an allocation may last 24 h


class VisitTypeQuerySet(models.QuerySet["VisitType"]):
    def shown(self) -> "VisitTypeQuerySet":
        """Those that patients may book, consultations first, then in the catalogue's order."""
        hidden = models.Q(treatment__isnull=False, treatment__is_published=False)
        return (
            self.filter(is_published=True)
            .exclude(hidden)
            .select_related("treatment", "treatment__category")
            .order_by(
                models.F("treatment__category__position").asc(nulls_first=True),
                models.F("treatment__category__name").asc(nulls_first=True),
                "position",
                "name",
                "pk",
            )
        )


class VisitType(models.Model):
    """What can be booked: a treatment, or a consultation when it belongs to none."""

    class Confirmation(models.TextChoices):
        AT_ONCE = "at_once", _("at once")
        BY_STAFF = "by_staff", _("by staff, who are told of it")

    name = models.CharField(_("name"), max_length=100, help_text=_("As patients read it."))
    slug = models.SlugField(_("address on the site"), max_length=100, unique=True)
    treatment = models.ForeignKey(
        Treatment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="visit_types",
        verbose_name=_("treatment"),
        help_text=_("Empty: it is a consultation."),
    )
    summary = models.TextField(_("summary"), max_length=300, blank=True, help_text=_("What happens, in a sentence."))
    locations = models.ManyToManyField(Location, related_name="visit_types", verbose_name=_("where"))
    step_minutes = models.PositiveSmallIntegerField(
        _("starts every"),
        default=15,
        choices=[(n, _("%d minutes") % n) for n in (5, 10, 15, 20, 30, 60)],
        help_text=_("On the clock: every 20 minutes means 9:00, 9:20, 9:40."),
    )
    buffer_before = models.PositiveSmallIntegerField(
        _("minutes kept free before"), default=0, validators=[MaxValueValidator(120)]
    )
    buffer_after = models.PositiveSmallIntegerField(
        _("minutes kept free after"), default=0, validators=[MaxValueValidator(120)]
    )
    notice_hours = models.PositiveSmallIntegerField(
        _("hours of notice"),
        default=24,
        validators=[MaxValueValidator(24 * 60)],
        help_text=_("Patients cannot book less than this ahead; staff can."),
    )
    horizon_days = models.PositiveSmallIntegerField(
        _("days ahead"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(400)],
        help_text=_("How far ahead patients can book."),
    )
    confirmation = models.CharField(_("confirmed"), max_length=8, choices=Confirmation, default=Confirmation.AT_ONCE)
    price_from = models.DecimalField(
        _("price from"),
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("0 is shown as “free of charge”; empty shows nothing."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_published = models.BooleanField(_("patients can book it"), default=True)

    objects = VisitTypeQuerySet.as_manager()

    class Meta:
        verbose_name = _("visit type")
        verbose_name_plural = _("visit types")
        ordering = ["position", "name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(step_minutes__in=[5, 10, 15, 20, 30, 60]), name="visit_type_step"
            ),
            models.CheckConstraint(condition=models.Q(horizon_days__range=(1, 400)), name="visit_type_horizon"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("appointments:book_visit", args=[self.slug])

    @cached_property
    def course(self) -> "Course":
        """How its minutes are spent; reads phases and needs, prefetched or not."""
        return Course.of(self)

    @property
    def minutes(self) -> int:
        """What the patient is told: from their first phase to their last."""
        return self.course.minutes


class Need(models.Model):
    """Something that a visit occupies, one of a pool: “any nurse”, “room 1 or 2”, “this laser”.

    The same one serves the whole visit. Patients choose among the people of the first need that has people.
    """

    visit_type = models.ForeignKey(VisitType, models.CASCADE, related_name="needs")
    name = models.CharField(_("what is needed"), max_length=60, help_text=_("Like “Nurse” or “Laser”."))
    resources = models.ManyToManyField(Resource, related_name="needs", verbose_name=_("any one of"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("need")
        verbose_name_plural = _("needs")
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name


class Phase(models.Model):
    """A part of a visit, with what it occupies: numbing takes a room, the laser takes room, nurse and laser."""

    visit_type = models.ForeignKey(VisitType, models.CASCADE, related_name="phases")
    name = models.CharField(_("phase"), max_length=60, help_text=_("Like “Numbing” or “Cleaning”."))
    minutes = models.PositiveSmallIntegerField(
        _("minutes"), validators=[MinValueValidator(5), MaxValueValidator(LONGEST_VISIT)]
    )
    is_with_patient = models.BooleanField(_("the patient is there"), default=True)
    needs = models.ManyToManyField(Need, related_name="phases", verbose_name=_("occupies"))
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("phase")
        verbose_name_plural = _("phases")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(minutes__range=(5, LONGEST_VISIT)),
                name="phase_minutes",
                violation_error_message=_("A phase lasts from 5 minutes to 12 hours."),
            )
        ]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Course:
    """The minutes of a visit, counted from the start that the patient is told.

    `occupied` maps each need's primary key to its spans, (from, until), buffers included, in order and not touching.
    """

    minutes: int
    occupied: dict[int, list[tuple[int, int]]]

    @classmethod
    def of(cls, visit_type: VisitType) -> "Course":
        phases = sorted(visit_type.phases.all(), key=lambda phase: (phase.position, phase.pk))
        facts = [(phase.minutes, phase.is_with_patient, [need.pk for need in phase.needs.all()]) for phase in phases]
        return cls.laid_out(facts, before=visit_type.buffer_before, after=visit_type.buffer_after)

    @classmethod
    def laid_out(cls, phases: list[tuple[int, bool, list[int]]], *, before: int, after: int) -> "Course":
        """`phases` are (minutes, whether the patient is there, needs) in order; buffers widen the outer two."""
        edges = [0]
        for minutes, _with_patient, _needs in phases:
            edges.append(edges[-1] + minutes)
        told = [span for span, phase in zip(pairwise(edges), phases, strict=True) if phase[1]]
        start, end = (told[0][0], told[-1][1]) if told else (0, 0)
        spans: dict[int, list[tuple[int, int]]] = {}
        for number, (opens, closes) in enumerate(pairwise(edges)):
            widened = opens - (before if number == 0 else 0), closes + (after if number == len(phases) - 1 else 0)
            for need in phases[number][2]:
                mine = spans.setdefault(need, [])
                if mine and mine[-1][1] == widened[0] - start:
                    mine[-1] = mine[-1][0], widened[1] - start
                else:
                    mine.append((widened[0] - start, widened[1] - start))
        return cls(end - start, spans)
