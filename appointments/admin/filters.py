from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentRequest
from appointments.models.request import RequestQuerySet
from clinic.models import User


class StatusFilter(admin.SimpleListFilter):
    """The queue opens with what is still to be done; a search looks among everything, unless a status is chosen."""

    title = _("status")
    parameter_name = "status"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.usual = "all" if request.GET.get(SEARCH_VAR, "").strip() else "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), *AppointmentRequest.Status.choices, ("all", _("all"))]

    def value(self) -> str:
        """The usual one also for what is not in the list: anything may stand in an address."""
        chosen = super().value()
        return chosen if chosen in dict(self.lookup_choices) else self.usual

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        requests, status = cast(RequestQuerySet, queryset), self.value()
        if status == "open":
            return requests.open()
        return requests if status == "all" else requests.in_status(status)


class AssigneeFilter(admin.SimpleListFilter):
    title = _("assigned to")
    parameter_name = "assignee"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("me", _("me")), ("nobody", _("nobody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        requests = cast(RequestQuerySet, queryset)
        match self.value():
            case "me":
                return requests.assigned_to(cast(User, request.user))
            case "nobody":
                return requests.assigned_to(None)
        return requests
