from datetime import datetime, time, timedelta, tzinfo
from decimal import Decimal

from django import template
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from clinic.models import Treatment

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}

register = template.Library()


@register.simple_tag
def money(amount: Decimal, currency: str) -> str:
    """“$1,200”, with cents only where there are any; a currency without a sign of its own keeps its code."""
    places = 0 if amount == amount.to_integral_value() else 2
    number = number_format(amount, decimal_pos=places, force_grouping=True)
    return f"{SYMBOLS[currency]}{number}" if currency in SYMBOLS else f"{number} {currency}"


@register.filter
def price(treatment: Treatment) -> str:
    if treatment.price_from is None:
        return _("by consultation")
    return _("from %(price)s") % {"price": money(treatment.price_from, treatment.currency)}


@register.filter
def minutes(number: int | None) -> str:
    return _("%(number)d min") % {"number": number} if number else ""


@register.filter
def last_moment(end: datetime, zone: tzinfo | None = None) -> str:
    """“April 30, 2026, 3 p.m. EDT” in this zone, else in the one that holds; what ends at midnight ends with the day
    before, “April 30, 2026”."""
    local = timezone.localtime(end, zone)
    if local.time() == time.min:
        return date_format(local - timedelta(microseconds=1), "DATE_FORMAT")
    return f"{date_format(local, 'DATETIME_FORMAT')} {local:%Z}"


@register.filter
def turn(line: str) -> SafeString:
    """The opening line with what follows its first comma in italics on a line of its own."""
    first, comma, rest = line.partition(", ")
    return format_html("{},<br><em>{}</em>", first, rest) if comma else format_html("{}", line)


@register.filter
def initials(name: str) -> str:
    """“Helen Alder” is HA: for a person without a photo."""
    words = [word for word in name.split() if word[0].isalpha() and not word.endswith(".")]
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()
