import zoneinfo
from collections.abc import Iterator
from datetime import date, time
from itertools import groupby
from urllib.parse import urlencode

from django.db import models
from django.urls import reverse
from django.utils import dates, formats
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clinic.models.image import Image
from clinic.models.practice import Address, Practice, validate_phone, validate_time_zone


class LocationQuerySet(models.QuerySet["Location"]):
    def shown(self) -> "LocationQuerySet":
        """Those on the site, with their hours, in the practice's order."""
        return self.filter(is_active=True).prefetch_related("hours").order_by("position", "name")


class Location(Address):
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("address on the site"), unique=True)
    phone = models.CharField(
        _("phone"),
        max_length=40,
        blank=True,
        validators=[validate_phone],
        help_text=_("Empty: the practice's own."),
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=40,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Empty: the practice's own."),
    )
    directions = models.TextField(_("how to get here"), blank=True)
    parking = models.TextField(_("parking and access"), blank=True)
    picture = models.ForeignKey(
        Image, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("picture")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Smaller numbers come first."))
    is_active = models.BooleanField(_("on the site"), default=True)

    objects = LocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("clinic:location", args=[self.slug])

    @property
    def directions_url(self) -> str:
        """A map search that opens only when it is followed; nothing is loaded from there."""
        return f"https://www.openstreetmap.org/search?{urlencode({'query': self.address_line})}"

    @cached_property
    def zone(self) -> zoneinfo.ZoneInfo:
        name = self.time_zone or Practice.objects.values_list("time_zone", flat=True).first()
        return zoneinfo.ZoneInfo(name or "UTC")

    @cached_property
    def week(self) -> list[tuple[int, list["OpeningHours"]]]:
        """Weekday (0 is Monday) and its spans in order; all seven days, closed ones with an empty list."""
        spans = sorted(self.hours.all(), key=lambda span: (span.weekday, span.opens))
        by_day = {day: list(group) for day, group in groupby(spans, key=lambda span: span.weekday)}
        return [(day, by_day.get(day, [])) for day in range(7)]

    @property
    def named_week(self) -> list[tuple[str, list["OpeningHours"]]]:
        return [(str(dates.WEEKDAYS[day]), spans) for day, spans in self.week]

    @property
    def hours_lines(self) -> list[str]:
        """“Mon to Fri 8:30 a.m.–5 p.m.”: neighbouring days with the same hours share a line.

        It breaks only between the days and the hours, and between two spans.
        """
        return [
            f"{_unbroken(_days(days))} {hours}"
            for hours, days in _runs(
                (day, ", ".join(_unbroken(str(span)) for span in spans)) for day, spans in self.week
            )
            if hours
        ]

    @property
    def week_in_minutes(self) -> list[list[list[int]]]:
        """Monday to Sunday, each a list of [opens, closes] in minutes from midnight, for the “open now” script."""
        return [[[_minutes(span.opens), _minutes(span.closes)] for span in spans] for _day, spans in self.week]

    def coming_closures(self, today: date) -> "models.QuerySet[Closure]":
        """Its own and the whole practice's closures that have not ended, the next one first."""
        mine = models.Q(location=self) | models.Q(location=None)
        return Closure.objects.filter(mine, ends_on__gte=today).order_by("starts_on", "pk")[:20]


def _minutes(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _runs(days: Iterator[tuple[int, str]]) -> Iterator[tuple[str, list[int]]]:
    for hours, group in groupby(days, key=lambda pair: pair[1]):
        yield hours, [day for day, _hours in group]


def _unbroken(words: str) -> str:
    """The same words in one line, however narrow the column: a line may end after a dash, unless it is joined."""
    return words.replace(" ", "\N{NO-BREAK SPACE}").replace("–", "\N{WORD JOINER}–\N{WORD JOINER}")


def _days(days: list[int]) -> str:
    first, last = dates.WEEKDAYS_ABBR[days[0]], dates.WEEKDAYS_ABBR[days[-1]]
    if len(days) <= 2:
        return ", ".join(str(dates.WEEKDAYS_ABBR[day]) for day in days)
    return gettext("%(first)s to %(last)s") % {"first": first, "last": last}


class OpeningHours(models.Model):
    """One span of one weekday, on the location's wall clock; a day with a break has two."""

    location = models.ForeignKey(Location, models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(_("day"), choices=list(dates.WEEKDAYS.items()))
    opens = models.TimeField(_("opens"))
    closes = models.TimeField(_("closes"))

    class Meta:
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")
        ordering = ["weekday", "opens"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(weekday__range=(0, 6)),
                name="opening_hours_weekday",
                violation_error_message=_("No such day."),
            ),
            models.CheckConstraint(
                condition=models.Q(closes__gt=models.F("opens")),
                name="opening_hours_close_after_opening",
                violation_error_message=_("It has to close after it opens."),
            ),
            models.UniqueConstraint(
                fields=["location", "weekday", "opens"],
                name="opening_hours_once",
                violation_error_message=_("This day has a line with the same opening time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{formats.time_format(self.opens, 'TIME_FORMAT')}–{formats.time_format(self.closes, 'TIME_FORMAT')}"


class Closure(models.Model):
    """Days on which a location is closed, or the whole practice when none is named."""

    location = models.ForeignKey(
        Location,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="closures",
        verbose_name=_("location"),
        help_text=_("Empty: all of them."),
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    reason = models.CharField(_("reason"), max_length=80, blank=True, help_text=_("Shown to patients."))

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        ordering = ["starts_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_on__gte=models.F("starts_on")),
                name="closure_ends_after_start",
                violation_error_message=_("The last day cannot be before the first."),
            )
        ]

    def __str__(self) -> str:
        return self.reason or str(_("closed"))
