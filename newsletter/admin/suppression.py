from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from clinic.admin.read_only import ReadOnlyAdmin
from newsletter.admin.delivery import BoundedPaginator
from newsletter.models import Suppression
from newsletter.models.suppression import SuppressionQuerySet


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    """The log of addresses that get no newsletter, to be read only: staff take people off at the subscribers."""

    list_display = ["email", "reason", "at", "words", "by"]
    list_filter = ["reason"]
    list_select_related = ["by"]
    list_per_page = 50
    search_fields = ["email"]
    search_help_text = _("One whole address.")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    change_list_template = "admin/newsletter/bounded_list.html"
    sortable_by = ()
    empty_words = _("No address yet. Here stands who has left, who complained, and whose address does not work.")
    fields = ["email", "reason", "at", "words", "by"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the whole address, however it is cased: the log may be long, and is no list to browse for people."""
        typed = search_term.strip().replace("\0", "")
        return (cast(SuppressionQuerySet, queryset).of(typed) if typed else queryset), False
