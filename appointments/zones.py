"""Time zones in words that patients know. Python knows only their IANA names and abbreviations."""

from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

NAMES = {
    "America/New_York": gettext_lazy("Eastern Time"),
    "America/Detroit": gettext_lazy("Eastern Time"),
    "America/Indiana/Indianapolis": gettext_lazy("Eastern Time"),
    "America/Chicago": gettext_lazy("Central Time"),
    "America/Denver": gettext_lazy("Mountain Time"),
    "America/Boise": gettext_lazy("Mountain Time"),
    "America/Phoenix": gettext_lazy("Arizona Time"),
    "America/Los_Angeles": gettext_lazy("Pacific Time"),
    "America/Anchorage": gettext_lazy("Alaska Time"),
    "Pacific/Honolulu": gettext_lazy("Hawaii Time"),
    "America/Puerto_Rico": gettext_lazy("Atlantic Time"),
}


def zone_name(zone: ZoneInfo) -> str:
    """“Eastern Time”; elsewhere “Berlin time”, by the city that the IANA name ends with."""
    if zone.key in NAMES:
        return str(NAMES[zone.key])
    return _("%(city)s time") % {"city": zone.key.rpartition("/")[2].replace("_", " ")}
