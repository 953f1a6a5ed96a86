"""The page on which a visit is laid out in phases, with pools of people, rooms and devices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from appointments.admin.choosing import resources_for
from appointments.admin.course_bar import CourseBar
from appointments.admin.objections import Draft, NeedDraft, PhaseDraft
from appointments.admin.phases_forms import MOST_NEEDS, MOST_PHASES, NeedForm, NeedFormSet, PhaseForm, PhaseFormSet
from appointments.admin.week import chosen_day, week_of
from appointments.models import Need, Phase, VisitType

if TYPE_CHECKING:
    from appointments.admin.visit_type import VisitTypeAdmin

MORE = {"more_needs": ("needs", MOST_NEEDS), "more_phases": ("phases", MOST_PHASES)}


@dataclass
class Layout:
    """The two sets of rows of the page, and what they say together."""

    visit_type: VisitType
    needs: Any
    phases: Any

    @classmethod
    def of(cls, visit_type: VisitType, data: QueryDict | None = None) -> "Layout":
        offered = list(resources_for(visit_type))
        needs = NeedFormSet(
            data,
            instance=visit_type,
            prefix="needs",
            queryset=Need.objects.prefetch_related("resources"),
            form_kwargs={"offered": offered},
        )
        names = [(form.prefix, _name(form, number)) for number, form in enumerate(needs.forms, 1)]
        prefixes = {form.instance.pk: form.prefix for form in needs.initial_forms}
        phases = PhaseFormSet(
            data,
            instance=visit_type,
            prefix="phases",
            queryset=Phase.objects.prefetch_related("needs"),
            form_kwargs={"needs": names, "prefixes": prefixes},
        )
        return cls(visit_type, needs, phases)

    def is_valid(self) -> bool:
        """Fills in the errors of the rows, each in its place, and says which are those of the whole."""
        self.errors: list[str] = []
        rows_are_sound = all([self.needs.is_valid(), self.phases.is_valid()])
        if rows_are_sound and not self._has_blank_rows() and self.visit_type.is_published:
            self._object()
        rows = [*self.needs.forms, *self.phases.forms]
        return rows_are_sound and not self.errors and not any(form.errors for form in rows)

    def _has_blank_rows(self) -> bool:
        """A phase may tick the row of a new need, which then has to be filled in; those that do not are told so."""
        filled = {form.prefix for form in [*self.needs.ordered_forms, *self.needs.deleted_forms]}
        blank = [form for form in self.phases.ordered_forms if set(form.cleaned_data["occupies"]) - filled]
        for form in blank:
            form.add_error("occupies", _("This takes something whose row is still empty: fill it in or untick it."))
        return bool(blank)

    def _object(self) -> None:
        rows = {form.prefix: form for form in [*self.needs.forms, *self.phases.forms]}
        for objection in self.draft().objections():
            if objection.about in rows:
                rows[objection.about].add_error(None, objection.words)
            else:
                self.errors.append(objection.words)

    def draft(self) -> Draft:
        """Of sound rows. A need that is being deleted is occupied by nothing any more."""
        needs = [
            NeedDraft(form.prefix, form.cleaned_data["name"], form.cleaned_data["pool"])
            for form in self.needs.ordered_forms
        ]
        kept = {need.key for need in needs}
        phases = [_phase(form, kept) for form in self.phases.ordered_forms]
        places = list(self.visit_type.locations.all())
        return Draft(places, self.visit_type.buffer_before, self.visit_type.buffer_after, needs, phases)

    @transaction.atomic
    def save(self) -> None:
        stored: dict[str, Need] = {}
        for position, form in enumerate(self.needs.ordered_forms):
            need = form.save(commit=False)
            need.position = position
            need.save()
            need.resources.set(form.cleaned_data["pool"])
            stored[form.prefix] = need
        for position, form in enumerate(self.phases.ordered_forms):
            phase = form.save(commit=False)
            phase.position = position
            phase.save()
            phase.needs.set([stored[key] for key in form.cleaned_data["occupies"] if key in stored])
        for form in [*self.needs.deleted_forms, *self.phases.deleted_forms]:
            if form.instance.pk:
                form.instance.delete()


class PhasesPage:
    """A second page of one visit type, for those who may change it."""

    def __init__(self, of: "VisitTypeAdmin") -> None:
        self.of = of

    def answer(self, request: HttpRequest, pk: int) -> HttpResponse:
        visit_type = get_object_or_404(VisitType, pk=pk)
        if not self.of.has_change_permission(request, visit_type):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, Layout.of(visit_type))
        for button, (rows, most) in MORE.items():
            if button in request.POST:
                return self._page(request, Layout.of(visit_type, _longer(request.POST, rows, most)))
        # Before the rows are checked: what patients can book has to be possible.
        was_published = visit_type.is_published
        visit_type.is_published = was_published or "publish" in request.POST
        layout = Layout.of(visit_type, request.POST)
        if not layout.is_valid():
            return self._page(request, layout, is_refused=True)
        layout.save()
        if visit_type.is_published and not was_published:
            visit_type.save(update_fields=["is_published"])
        self._tell(request, layout)
        return redirect("admin:appointments_visittype_phases", pk=pk)

    def _tell(self, request: HttpRequest, layout: Layout) -> None:
        self.of.log_change(request, layout.visit_type, "Phases changed.")
        self.of.message_user(request, _("The phases were saved. Below is the week that follows."), messages.SUCCESS)
        for objection in layout.draft().objections():
            # They are errors where patients could book it.
            self.of.message_user(request, objection.words, messages.WARNING)

    def _page(self, request: HttpRequest, layout: Layout, *, is_refused: bool = False) -> HttpResponse:
        visit_type = layout.visit_type
        now = timezone.now()
        context = {
            **self.of.admin_site.each_context(request),
            "title": _("Phases of %(visit)s") % {"visit": visit_type},
            "opts": VisitType._meta,
            "original": visit_type,
            "layout": layout,
            "is_refused": is_refused,
            "errors": layout.errors if is_refused else [],
            "bar": CourseBar.of(Draft.of(visit_type)),
            "week": week_of(visit_type, first=chosen_day(request), now=now),
            "may_publish": not visit_type.is_published or "publish" in request.POST,
            "publishes": "publish" in request.POST,
            "may_have_more_needs": layout.needs.total_form_count() < MOST_NEEDS,
            "may_have_more_phases": layout.phases.total_form_count() < MOST_PHASES,
            "media": self.of.media,
        }
        return TemplateResponse(request, "admin/appointments/visittype/phases.html", context)


def _phase(form: PhaseForm, kept: set[str]) -> PhaseDraft:
    given = form.cleaned_data
    needs = [key for key in given["occupies"] if key in kept]
    return PhaseDraft(str(form.prefix), given["name"], given["minutes"], given["is_with_patient"], needs)


def _name(form: NeedForm, number: int) -> str:
    """What a phase calls a row of the needs: as it was typed or is stored, else by its number."""
    return str(form["name"].value() or "").strip() or _("new, row %d") % number


def _longer(data: QueryDict, rows: str, most: int) -> QueryDict:
    """The same typed words with one row more."""
    longer = data.copy()
    total = f"{rows}-TOTAL_FORMS"
    if (written := longer.get(total, "")).isdecimal():
        longer[total] = str(min(int(written[:4]) + 1, most))
    return longer
