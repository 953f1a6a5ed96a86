from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.admin.times import people
from appointments.models import Status

WAYS = {"coming", "today", "past", "all"}


class WhenFilter(admin.SimpleListFilter):
    """The list opens with what is to come; a search looks among everything, unless something is chosen."""

    title = _("when")
    parameter_name = "when"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.chosen = when(request)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("coming", _("from today")), ("today", _("today")), ("past", _("before today")), ("all", _("all"))]

    def value(self) -> str:
        return self.chosen

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # The admin has set the practice's zone.
        midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time()))
        match self.value():
            case "coming":
                return queryset.filter(starts_at__gte=midnight)
            case "today":
                return queryset.filter(starts_at__gte=midnight, starts_at__lt=midnight + timedelta(days=1))
            case "past":
                return queryset.filter(starts_at__lt=midnight)
        return queryset


def when(request: HttpRequest) -> str:
    """The usual one also for what is not in the list: anything may stand in an address."""
    chosen = request.GET.get("when", "")
    usual = "all" if request.GET.get(SEARCH_VAR, "").strip() else "coming"
    return chosen if chosen in WAYS else usual


class StatusFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(status.value, status.label) for status in Status if status != Status.HELD]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() in dict(self.lookup_choices) else queryset


class ProviderFilter(admin.SimpleListFilter):
    title = _("with")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(str(person.pk), person.name) for person in people()[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() in dict(self.lookup_choices) else queryset
