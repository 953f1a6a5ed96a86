from typing import Any

from django import template
from django.http import QueryDict
from django.template.context import Context
from django.utils.translation import gettext as _

from appointments.models import VisitType
from clinic.came_from import code_in
from clinic.templatetags.clinic import money

register = template.Library()


@register.filter
def visit_price(visit: VisitType) -> str:
    """“from $80”, “free of charge” for 0, nothing where the practice has said nothing."""
    if visit.price_from is None:
        return ""
    if not visit.price_from:
        return _("free of charge")
    return _("from %(price)s") % {"price": money(visit.price_from, visit.currency)}


@register.inclusion_tag("components/two_ways.html", takes_context=True)
def two_ways(context: Context, current: str) -> dict[str, Any]:
    """The switch between “pick a time” and “ask us to find one”; nothing while no time can be picked."""
    asked: QueryDict = context["request"].GET
    kept = QueryDict(mutable=True)
    for name in ("treatment", "category"):
        if value := asked.get(name):
            kept[name] = str(value)
    if code := code_in(asked):
        kept["from"] = code
    return {"current": current, "query": kept.urlencode(), "is_shown": VisitType.objects.shown().exists()}
