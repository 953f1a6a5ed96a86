from typing import Any

from django import forms
from django.forms.models import inlineformset_factory
from django.utils.translation import gettext_lazy as _

from appointments.admin.choosing import ResourcesField, Ticks
from appointments.models import Need, Phase, Resource, VisitType

MOST_NEEDS = 8
MOST_PHASES = 12


class NeedForm(forms.ModelForm):
    """Something that is occupied: a name, and those of which any one will do."""

    pool = ResourcesField(label=_("any one of"), required=False, widget=Ticks(_("any one of")))

    class Meta:
        model = Need
        fields = ["name"]

    def __init__(self, *args: Any, offered: list[Resource], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pool"].offer(offered)  # type: ignore[attr-defined] # the field above
        if self.instance.pk:
            self.initial["pool"] = [resource.pk for resource in self.instance.resources.all()]

    @property
    def pool_groups(self) -> list[tuple[str, list[Any]]]:
        """Its boxes under what they are: people, rooms, devices."""
        boxes = list(self["pool"].subwidgets)
        offered = list(self.fields["pool"].offered.values())  # type: ignore[attr-defined] # the field above
        titles = [
            (Resource.Kind.PROVIDER, _("People")),
            (Resource.Kind.ROOM, _("Rooms")),
            (Resource.Kind.DEVICE, _("Devices")),
        ]
        groups = (
            (title, [box for box, one in zip(boxes, offered, strict=True) if one.kind == kind])
            for kind, title in titles
        )
        return [(str(title), boxes) for title, boxes in groups if boxes]


class PhaseForm(forms.ModelForm):
    """A part of the visit; `occupies` holds the prefixes of need forms, so that a new need can be ticked at once."""

    occupies = forms.MultipleChoiceField(label=_("occupies"), required=False, widget=Ticks(_("occupies")))

    class Meta:
        model = Phase
        fields = ["name", "minutes", "is_with_patient"]

    def __init__(self, *args: Any, needs: list[tuple[str, str]], prefixes: dict[int, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["occupies"].choices = needs  # type: ignore[attr-defined] # of a field of choices
        if self.instance.pk:
            self.initial["occupies"] = [prefixes[need.pk] for need in self.instance.needs.all() if need.pk in prefixes]


NeedFormSet = inlineformset_factory(
    VisitType,
    Need,
    form=NeedForm,
    extra=1,
    can_order=True,
    can_delete_extra=False,
    max_num=MOST_NEEDS,
    validate_max=True,
    absolute_max=MOST_NEEDS,
)
PhaseFormSet = inlineformset_factory(
    VisitType,
    Phase,
    form=PhaseForm,
    extra=1,
    can_order=True,
    can_delete_extra=False,
    max_num=MOST_PHASES,
    validate_max=True,
    absolute_max=MOST_PHASES,
)
