"""Lists from elsewhere: uploaded, checked, brought in; and the whole list exported."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from clinic.models import User
from newsletter.forms.list_import import ListImportForm
from newsletter.models import ListImport, Subscriber
from newsletter.services import exporting, importing
from newsletter.services.importing import report
from newsletter.services.importing.judging import EFFECTIVE, Outcome, said

SHOWN = 100
TEMPLATES = "admin/newsletter/listimport"

log = logging.getLogger("clinic.lists")


@admin.register(ListImport)
class ListImportAdmin(admin.ModelAdmin):
    """What was uploaded by whom and what became of it. Nothing of it is edited; the buttons on its page go on."""

    empty_words = _(
        "No list has been imported yet. People who signed up elsewhere come here with a file from there, Mailchimp's "
        "for one, and with the proof that they asked for it."
    )
    list_display = ["__str__", "name", "state", "rows_done", "created_at", "by"]
    list_select_related = ["by"]
    list_per_page = 50
    show_full_result_count = False
    change_list_template = f"{TEMPLATES}/change_list.html"

    def get_urls(self) -> list[Any]:
        def own(way: str, view: Callable[..., HttpResponse | StreamingHttpResponse], name: str) -> Any:
            return path(way, self.admin_site.admin_view(view), name=f"newsletter_listimport_{name}")

        return [
            own("export/", require_POST(self.export), "export"),
            own("<int:pk>/progress/", require_GET(self.progress), "progress"),
            own("<int:pk>/report/", require_GET(self.report), "report"),
            own("<int:pk>/approval/", require_POST(self.approval), "approval"),
            own("<int:pk>/cancellation/", require_POST(self.cancellation), "cancellation"),
            own("<int:pk>/removal/", require_POST(self.removal), "removal"),
            *super().get_urls(),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: ListImport | None = None) -> bool:
        # It is part of the evidence; only its files go.
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ListImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            made = importing.upload(**form.cleaned_data, by=cast(User, request.user), now=timezone.now())
            self.log_addition(request, made, "Uploaded.")
            return redirect("admin:newsletter_listimport_change", made.pk)
        shown = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Import a list"), "form": form}
        status = 422 if request.method == "POST" else 200
        return TemplateResponse(request, f"{TEMPLATES}/upload.html", shown, status=status)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not object_id.isdecimal():
            raise Http404
        return self._page(request, self._found(request, int(object_id)), "import.html")

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes, for htmx."""
        return self._page(request, self._found(request, pk), "progress.html")

    def report(self, request: HttpRequest, pk: int) -> FileResponse:
        found = self._found(request, pk)
        if not found.report:
            raise Http404
        try:
            file = found.report.open("rb")
        except FileNotFoundError:
            raise Http404 from None
        return FileResponse(
            file, as_attachment=True, filename=f"import-{pk}.csv", content_type="text/csv; charset=utf-8"
        )

    def approval(self, request: HttpRequest, pk: int) -> HttpResponse:
        step = partial(importing.approve, now=timezone.now())
        return self._do(request, pk, step, _("They are being brought in."), "Approved.")

    def cancellation(self, request: HttpRequest, pk: int) -> HttpResponse:
        step = partial(importing.cancel, now=timezone.now())
        return self._do(request, pk, step, _("The import is cancelled."), "Cancelled.")

    def removal(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._do(
            request, pk, importing.remove_files, _("The file and the report are removed."), "Files removed."
        )

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """Written down before the first address leaves, so that one that was broken off is known as well."""
        if not cast(User, request.user).has_perm("newsletter.export_list"):
            raise PermissionDenied
        count = exporting.size()
        LogEntry.objects.create(
            user=cast(User, request.user),
            content_type=ContentType.objects.get_for_model(Subscriber),
            object_repr=gettext("The whole list"),
            action_flag=CHANGE,
            change_message=f"Exported, {count} people.",
        )
        log.info("The list was exported by user %s, %s people.", request.user.pk, count)
        name = f"mailing-list-{timezone.localdate().isoformat()}.zip"
        attachment = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(exporting.export(), content_type="application/zip", headers=attachment)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = {"may_export": cast(User, request.user).has_perm("newsletter.export_list")}
        return super().changelist_view(request, {**(extra_context or {}), **may})

    def _found(self, request: HttpRequest, pk: int) -> ListImport:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(ListImport.objects.select_related("by").prefetch_related("topics"), pk=pk)

    def _do(
        self, request: HttpRequest, pk: int, step: Callable[[ListImport], None], words: Any, written: str
    ) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = self._found(request, pk)
        try:
            step(found)
        except importing.NotNow as refusal:
            messages.warning(request, str(refusal))
        except OSError as error:
            words = _("The server could not remove a file: %(why)s. Try again, or ask who runs the server.")
            messages.error(request, words % {"why": error.strerror or type(error).__name__})
        else:
            self.log_change(request, found, written)
            messages.success(request, words)
        return redirect("admin:newsletter_listimport_change", pk)

    def _page(self, request: HttpRequest, found: ListImport, template: str) -> TemplateResponse:
        is_check = found.is_check
        problems = [] if found.is_under_way else _problems(found)
        would = {str(outcome.label): said(outcome, is_check=is_check) for outcome in Outcome}
        shown = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(found),
            "import": found,
            "may_change": self.has_change_permission(request),
            "is_check": is_check,
            "counts": [
                (said(outcome, is_check=is_check), found.counts[outcome])
                for outcome in Outcome
                if found.counts.get(outcome)
            ],
            "unlisted": sum(found.counts.get(name, 0) for name in report.UNCHANGED),
            "remarks": found.counts.get("remarks", 0),
            "percent": min(100, 100 * found.bytes_done // (found.bytes_total or 1)),
            "changes": sum(found.counts.get(outcome.value, 0) for outcome in EFFECTIVE),
            "button": _button(found),
            "whose": Subscriber.State(found.status).label if found.status else "",
            "problems": [{**row, "outcome": would.get(row["outcome"], row["outcome"])} for row in problems],
            "names_files": any(row["file"] != found.name for row in problems),
            "most": SHOWN,
        }
        return TemplateResponse(request, f"{TEMPLATES}/{template}", shown)


def _button(found: ListImport) -> str:
    """What bringing it in would do, with how many."""
    if count := found.counts.get(Outcome.BROUGHT_IN.value, 0):
        return ngettext("Bring in %(count)d person", "Bring in %(count)d people", count) % {"count": count}
    count = sum(found.counts.get(outcome.value, 0) for outcome in EFFECTIVE)
    return ngettext("Write down %(count)d who left", "Write down %(count)d who left", count) % {"count": count}


def _problems(found: ListImport) -> list[dict[str, str]]:
    """The first rows that a person should look at; the report is only read when there are some."""
    some = sum(found.counts.get(name, 0) for name in (*report.PROBLEMS, "remarks"))
    if not found.report or not some:
        return []
    try:
        with Path(found.report.path).open("rb") as file:
            return report.problems(file, min(some, SHOWN))
    except FileNotFoundError:
        return []
