from django.core.exceptions import ValidationError
from django.db import models
from django.utils import dates, formats
from django.utils.translation import gettext_lazy as _

from clinic.models import Location, Provider


class ResourceQuerySet(models.QuerySet["Resource"]):
    def in_use(self) -> "ResourceQuerySet":
        """Those that can be booked."""
        return self.filter(is_active=True).select_related("provider", "location").order_by("position", "name", "pk")


class Resource(models.Model):
    """Whatever can be busy: a provider, a room or a device. Nothing is ever booked twice at the same time."""

    class Kind(models.TextChoices):
        PROVIDER = "provider", _("person")
        ROOM = "room", _("room")
        DEVICE = "device", _("device")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    name = models.CharField(_("name"), max_length=80, help_text=_("Like “Room 2” or “Laser A”."))
    provider = models.OneToOneField(
        Provider,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="resource",
        verbose_name=_("provider"),
        help_text=_("Only for a person."),
    )
    location = models.ForeignKey(
        Location,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="resources",
        verbose_name=_("stands in"),
        help_text=_("Only for a room or a device."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_active = models.BooleanField(_("in use"), default=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("person, room or device")
        verbose_name_plural = _("people, rooms and devices")
        ordering = ["position", "name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="provider", provider__isnull=False, location__isnull=True)
                | models.Q(kind__in=["room", "device"], provider__isnull=True, location__isnull=False),
                name="resource_person_or_place",
                violation_error_message=_("A person needs a provider; a room or a device needs its location."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Span(models.Model):
    """From and until on the wall clock of a location."""

    opens = models.TimeField(_("from"))
    closes = models.TimeField(_("until"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{formats.time_format(self.opens, 'TIME_FORMAT')}–{formats.time_format(self.closes, 'TIME_FORMAT')}"


class ResourceHours(Span):
    """One span of one weekday on which somebody or something can be booked at a location; a break makes two.

    A resource without any of these follows the opening hours of its location, a person those of each of theirs.
    """

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="hours")
    location = models.ForeignKey(Location, models.CASCADE, related_name="+", verbose_name=_("location"))
    weekday = models.PositiveSmallIntegerField(_("day"), choices=list(dates.WEEKDAYS.items()))
    valid_from = models.DateField(_("first day"), null=True, blank=True, help_text=_("Empty: from always."))
    valid_until = models.DateField(_("last day"), null=True, blank=True, help_text=_("Empty: for ever."))

    class Meta:
        verbose_name = _("working hours")
        verbose_name_plural = _("working hours")
        ordering = ["weekday", "opens", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(weekday__range=(0, 6)), name="resource_hours_weekday"),
            models.CheckConstraint(
                condition=models.Q(closes__gt=models.F("opens")),
                name="resource_hours_close_after_opening",
                violation_error_message=_("It has to end after it begins."),
            ),
            models.CheckConstraint(
                condition=models.Q(valid_until__isnull=True)
                | models.Q(valid_from__isnull=True)
                | models.Q(valid_until__gte=models.F("valid_from")),
                name="resource_hours_valid_in_order",
                violation_error_message=_("The last day cannot be before the first."),
            ),
        ]

    def clean(self) -> None:
        if self.resource_id and self.location_id and self.resource.location_id not in {None, self.location_id}:
            raise ValidationError({"location": _("It does not stand there.")})


class HoursException(models.Model):
    """Days that differ from the weekly hours: closed, or open extra; the whole day, or between two times.

    Without a resource it concerns a whole location; without a location, all of them. Closed beats open.
    """

    class Kind(models.TextChoices):
        CLOSED = "closed", _("closed")
        OPEN = "open", _("open extra")

    kind = models.CharField(_("what"), max_length=6, choices=Kind, default=Kind.CLOSED)
    resource = models.ForeignKey(
        Resource,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="exceptions",
        verbose_name=_("who or what"),
        help_text=_("Empty: everybody and everything there."),
    )
    location = models.ForeignKey(
        Location,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("location"),
        help_text=_("Empty: wherever they are. Open extra needs a location."),
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    opens = models.TimeField(_("from"), null=True, blank=True, help_text=_("Empty: the whole day."))
    closes = models.TimeField(_("until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=80, blank=True, help_text=_("For staff alone."))

    class Meta:
        verbose_name = _("other hours")
        verbose_name_plural = _("other hours")
        ordering = ["starts_on", "opens", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")),
                name="hours_exception_days_in_order",
                violation_error_message=_("The last day cannot be before the first."),
            ),
            models.CheckConstraint(
                condition=models.Q(opens__isnull=True, closes__isnull=True) | models.Q(closes__gt=models.F("opens")),
                name="hours_exception_times_in_order",
                violation_error_message=_("Enter both times, the later one second, or none for the whole day."),
            ),
            models.CheckConstraint(
                condition=models.Q(kind="closed") | models.Q(location__isnull=False, opens__isnull=False),
                name="hours_exception_open_says_where_and_when",
                violation_error_message=_("Open extra needs a location and both times."),
            ),
        ]

    def __str__(self) -> str:
        days = formats.date_format(self.starts_on, "DATE_FORMAT")
        return f"{days} {self.get_kind_display()}"
