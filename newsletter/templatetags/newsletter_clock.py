from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format

register = template.Library()


@register.filter
def moment(at: datetime) -> str:
    """“Monday, March 2, 2026, 7 a.m. EST”, in the zone that holds; with its zone also in the hour that comes twice."""
    local = timezone.localtime(at)
    # Django's own letter for the zone is silent in that hour.
    return f"{date_format(local, 'l, F j, Y, P')} {local:%Z}"
