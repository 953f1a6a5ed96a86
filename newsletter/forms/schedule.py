from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

FURTHEST = timedelta(days=366)


class ScheduleForm(forms.Form):
    """A day and a time on the practice's clock; once valid, `cleaned_data["instant"]` is the moment that is meant."""

    on = forms.DateField(label=gettext_lazy("Day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))
    at = forms.TimeField(label=gettext_lazy("Time"), widget=forms.TimeInput({"type": "time"}, format="%H:%M"))
    # Asked only on the night on which the clock goes back.
    which = forms.ChoiceField(
        label=gettext_lazy("Which of the two"),
        required=False,
        choices=[("0", "0"), ("1", "1")],
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, zone: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.now, self.is_doubled = zone, now, False
        today = now.astimezone(zone).date()
        self.fields["on"].widget.attrs |= {"min": today.isoformat(), "max": (today + FURTHEST).isoformat()}

    def clean(self) -> dict[str, Any]:
        on, at = self.cleaned_data.get("on"), self.cleaned_data.get("at")
        if on and at and "which" not in self.errors:
            self.cleaned_data["instant"] = self._instant(on, at)
        return self.cleaned_data

    def _instant(self, on: date, at: time) -> datetime | None:
        """None when an error was added. Days are compared first: some of those that can be typed have no moment."""
        today = self.now.astimezone(self.zone).date()
        if on > today + FURTHEST:
            self.add_error("on", _("Choose a day within the coming year."))
            return None
        if on < today:
            self.add_error("on", _("This day is past. Choose a later one."))
            return None
        instant = self._on_the_clock(on, at)
        if instant is not None and instant <= self.now:
            self.add_error("at", _("This time is past. Choose a later one, or send it now."))
            return None
        return instant

    def _on_the_clock(self, on: date, at: time) -> datetime | None:
        first, second = (datetime.combine(on, at, self.zone).replace(fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            return first.astimezone(UTC)
        if first.astimezone(UTC) > second.astimezone(UTC):
            # Counted on by the old clock, the time falls as much behind the jump as it lies behind its beginning.
            later = time_format(first.astimezone(UTC).astimezone(self.zone))
            said = {"time": time_format(at), "later": later}
            self.add_error(
                "at",
                _("The clock goes forward that night and never shows %(time)s: choose %(later)s or another time.")
                % said,
            )
            return None
        self._ask_which(first, second)
        if not self.cleaned_data.get("which"):
            said = {"time": time_format(at)}
            self.add_error(
                "which", _("The clock goes back that night, so %(time)s comes twice. Say which you mean.") % said
            )
            return None
        return (first if self.cleaned_data["which"] == "0" else second).astimezone(UTC)

    def _ask_which(self, first: datetime, second: datetime) -> None:
        self.is_doubled = True
        which = self.fields["which"]
        assert isinstance(which, forms.ChoiceField)  # noqa: S101 -- for the type checker alone
        which.choices = [
            ("0", _("the first, %(zone)s") % {"zone": f"{first:%Z}"}),
            ("1", _("the second, %(zone)s, an hour later") % {"zone": f"{second:%Z}"}),
        ]


class RateForm(forms.Form):
    rate_per_minute = forms.IntegerField(
        label=gettext_lazy("Letters a minute"),
        required=False,
        min_value=1,
        max_value=100_000,
        help_text=gettext_lazy("Empty: as the rules of the mailings say."),
    )
