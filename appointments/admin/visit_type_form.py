from typing import Any, cast

from django import forms
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from appointments.admin.choosing import ResourcesField, Ticks, resources_for
from appointments.admin.objections import Draft, NeedDraft, Objection, PhaseDraft
from appointments.admin.simple import simple_course
from appointments.models import Resource
from appointments.models.visit_type import LONGEST_VISIT
from clinic.models import Location

PERSON, ROOM, VISIT = "people", "rooms", "visit"


class VisitTypeForm(forms.ModelForm):
    """All but its course, which stands on the page of phases."""

    locations = forms.ModelMultipleChoiceField(Location.objects.none(), label=_("Where"), widget=Ticks(_("Where")))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "locations" in self.fields:
            chosen = Q(pk__in=self.instance.locations.all()) if self.instance.pk else Q(pk=None)
            places = Location.objects.filter(Q(is_active=True) | chosen)
            self.fields["locations"].queryset = places  # type: ignore[attr-defined] # of a field of models
        if "slug" in self.fields:
            self.fields["slug"].required = False
            self.fields["slug"].help_text = _("Empty: made from the name.")

    def clean_slug(self) -> str:
        """Where no script fills it in."""
        slug: str = self.cleaned_data["slug"] or slugify(self.cleaned_data.get("name", ""))[:100]
        if not slug and self.cleaned_data.get("name"):
            raise forms.ValidationError(_("Write it in small letters, digits and hyphens."), code="required")
        return slug

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "_phases" in self.data and not self.instance.pk:
            # Patients wait until its phases are laid out: what this page stores is one phase of them.
            self.cleaned_data["is_published"] = False
        if not self.errors:
            self.objections = self.draft().objections()
            # What patients cannot book may be unfinished; the admin says what it lacks.
            if self.cleaned_data.get("is_published"):
                for objection in self.objections:
                    self.add_error(self.field_of(objection), objection.words)
        return cleaned

    def draft(self) -> Draft:
        """Raises nothing: it is called once every field is sound."""
        stored = Draft.of(self.instance)
        given = self.cleaned_data
        places = list(given["locations"])
        return Draft(places, given["buffer_before"], given["buffer_after"], stored.needs, stored.phases)

    def field_of(self, objection: Objection) -> str | None:
        fields = {Objection.PLACES: "locations", Objection.LENGTH: "buffer_after"}
        return fields.get(objection.about)


class SimpleVisitTypeForm(VisitTypeForm):
    """With the course of the ordinary case: so many minutes, with one of these people, in one of these rooms."""

    minutes = forms.IntegerField(
        label=_("Length in minutes"),
        min_value=5,
        max_value=LONGEST_VISIT,
        help_text=_("As patients read it. Minutes kept free before and after come on top."),
        widget=forms.NumberInput(attrs={"class": "vIntegerField"}),
    )
    people = ResourcesField(
        label=_("Who"),
        required=False,
        widget=Ticks(_("Who")),
        help_text=_("Any one of these. Patients may choose among them."),
    )
    rooms = ResourcesField(
        label=_("In which room"),
        required=False,
        widget=Ticks(_("In which room")),
        help_text=_("Any one of these. None: it needs no room that could be taken."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = list(resources_for(self.instance))
        self._field("people").offer(each for each in offered if each.kind == Resource.Kind.PROVIDER)
        self._field("rooms").offer(each for each in offered if each.kind == Resource.Kind.ROOM)
        course = simple_course(self.instance) if self.instance.pk else None
        if course:
            self.initial["minutes"] = course.minutes or None
            self.initial["people"] = [person.pk for person in course.people]
            self.initial["rooms"] = [room.pk for room in course.rooms]
        elif not self.instance.pk:
            self._tick_the_only_ones()

    def _field(self, name: str) -> ResourcesField:
        return cast(ResourcesField, self.fields[name])

    def _tick_the_only_ones(self) -> None:
        places = list(self.fields["locations"].queryset[:2])  # type: ignore[attr-defined] # of a field of models
        if len(places) == 1:
            self.initial.setdefault("locations", [places[0].pk])
        if len(people := list(self._field("people").offered)) == 1:
            self.initial.setdefault("people", people)

    def clean(self) -> dict[str, Any] | None:
        if not self.cleaned_data.get("people") and not self.cleaned_data.get("rooms"):
            self.add_error("people", _("Choose who does it, or at least a room: something has to be occupied."))
        return super().clean()

    def draft(self) -> Draft:
        given = self.cleaned_data
        pools = {PERSON: (_("Provider"), given["people"]), ROOM: (_("Room"), given["rooms"])}
        needs = [NeedDraft(key, str(name), pool) for key, (name, pool) in pools.items() if pool]
        phase = PhaseDraft(VISIT, str(_("Visit")), given["minutes"], True, [need.key for need in needs])
        return Draft(list(given["locations"]), given["buffer_before"], given["buffer_after"], needs, [phase])

    def field_of(self, objection: Objection) -> str | None:
        fields = {PERSON: "people", ROOM: "rooms", VISIT: "people", Objection.LENGTH: "minutes"}
        return fields.get(objection.about) or super().field_of(objection)
