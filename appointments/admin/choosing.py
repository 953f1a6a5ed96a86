"""Ticking several of what the practice has."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from appointments.admin.objections import works_at
from appointments.models import Resource, VisitType

MOST = 300


class Ticks(forms.CheckboxSelectMultiple):
    """Boxes in a group that says what they are for: the admin's label belongs to none of them."""

    def __init__(self, legend: str | Promise, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.legend = legend

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        boxes = super().render(name, value, attrs, renderer)
        return format_html('<div class="ticks" role="group" aria-label="{}">{}</div>', self.legend, boxes)


class ResourcesField(forms.MultipleChoiceField):
    """Several of those that `offer` was told of; cleaned to a list of Resource in the practice's order."""

    def offer(self, resources: Iterable[Resource]) -> None:
        self.offered = {str(resource.pk): resource for resource in resources}
        self.choices = [(key, described(resource)) for key, resource in self.offered.items()]

    def clean(self, value: Any) -> list[Resource]:
        chosen = set(super().clean(value))
        return [resource for key, resource in self.offered.items() if key in chosen]


def resources_for(visit_type: VisitType | None) -> QuerySet[Resource]:
    """Those in use, and those that this visit type has chosen already: people first, then by place."""
    chosen = Q(pk__in=Resource.objects.filter(needs__visit_type=visit_type)) if visit_type and visit_type.pk else Q()
    return (
        Resource.objects.filter(Q(is_active=True) | chosen if chosen else Q(is_active=True))
        .select_related("provider", "location")
        .prefetch_related("hours", "provider__locations")
        .order_by(F("location__position").asc(nulls_first=True), "location__name", "kind", "position", "name", "pk")[
            :MOST
        ]
    )


def described(resource: Resource) -> str:
    """“Room 2, Southpark”, and of a person where they work."""
    if resource.location:
        where = resource.location.name
    else:
        where = get_text_list([place.name for place in works_at(resource)], _("and"))
    told = {"name": resource.name, "where": where or _("no location yet")}
    words = _("%(name)s – %(where)s") if resource.is_active else _("%(name)s – %(where)s, not in use")
    return words % told
