import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from appointments import phones
from appointments.admin.times import Chosen, NoSuchTime, Wish, people
from appointments.availability import Plan
from appointments.fields import Message, PersonName, Phone
from appointments.models import AppointmentRequest, Patient, VisitType
from appointments.models.patient import PatientQuerySet
from appointments.services.patients import Details
from clinic.fields import Email
from clinic.models import Location

NEW = "new"
NOT_SHOWN = {"autocomplete": "off", "spellcheck": "false"}


class TimeForm(forms.Form):
    """Where, with whom, and one of the free times; what is not chosen yet is simply left open."""

    use_required_attribute = False

    location = forms.ModelChoiceField(
        Location.objects.all(), label=_("Location"), required=False, empty_label=_("any location")
    )
    provider = forms.ModelChoiceField(people(), label=_("With"), required=False, empty_label=_("anybody"))
    first = forms.DateField(
        label=_("Days from"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    day = forms.DateField(required=False)
    slot = forms.CharField(required=False)

    def clean_slot(self) -> Chosen | None:
        typed = self.cleaned_data["slot"]
        try:
            return Chosen.read(typed) if typed else None
        except NoSuchTime:
            raise forms.ValidationError(_("Choose a time from the list.")) from None

    def wish(self, *, ignoring: int | None = None) -> Wish:
        chosen = self.cleaned_data
        location, provider = chosen.get("location"), chosen.get("provider")
        return Wish(
            first=chosen.get("first"),
            day=chosen.get("day"),
            location=location and location.pk,
            provider=provider and provider.pk,
            chosen=chosen.get("slot"),
            ignoring=ignoring,
        )

    def offer_only(self, plan: Plan) -> None:
        """The places and the people of one visit type."""
        # The annotations call each field a plain Field, which has no choices.
        self.fields["location"].choices = _among(self.fields["location"], list(plan.places))  # type: ignore[attr-defined]
        self.fields["provider"].choices = _among(self.fields["provider"], list(plan.people))  # type: ignore[attr-defined]


def _among(field: Any, known: list[int]) -> list[tuple[Any, str]]:
    """The choices of a field that lists rows, without those that are not among the known."""
    return [(value, label) for value, label in field.choices if not value or value.value in known]


class CallerForm(TimeForm):
    """One page for a call. Nothing is asked for until “Book” is clicked; until then it only shows more."""

    find = forms.CharField(
        label=_("Find the patient"),
        required=False,
        max_length=100,
        help_text=_("A name, a phone number in any format, an email address, or a reference."),
        widget=forms.TextInput({"type": "search", **NOT_SHOWN}),
    )
    # What was searched for last: only another search chooses anew.
    searched = forms.CharField(required=False)
    patient = forms.CharField(required=False)
    name = PersonName(label=_("Name"), required=False, widget=forms.TextInput({"dir": "auto", **NOT_SHOWN}))
    phone = Phone(label=_("Phone"), required=False, widget=forms.TextInput({"type": "tel", **NOT_SHOWN}))
    email = Email(label=_("Email"), required=False, widget=forms.EmailInput(NOT_SHOWN))
    is_somebody_else = forms.BooleanField(label=_("It is somebody else: add them as a new patient"), required=False)
    visit_type = forms.ModelChoiceField(
        VisitType.objects.all(), label=_("Visit"), required=False, empty_label=_("choose a visit")
    )
    note = Message(
        longest=2000,
        label=_("Note (optional)"),
        required=False,
        help_text=_("Stands with the appointment, for staff."),
        widget=forms.Textarea({"rows": 2}),
    )
    opening = forms.UUIDField(required=False)
    request = forms.ModelChoiceField(AppointmentRequest.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | dict[str, Any],
        *,
        requests: QuerySet[AppointmentRequest],
        is_booking: bool = False,
    ) -> None:
        """`requests` are those that whoever books may read."""
        super().__init__(data, auto_id="caller-%s", label_suffix="")
        self.fields["request"].queryset = requests  # type: ignore[attr-defined] # typed as a plain Field
        self.is_booking = is_booking

    def clean_patient(self) -> Patient | str | None:
        """A patient of the books, NEW, or None while nobody is chosen."""
        typed = self.cleaned_data["patient"]
        if typed in {"", NEW}:
            return typed or None
        found = Patient.objects.filter(pk=int(typed)).first() if typed.isdecimal() and len(typed) < 19 else None
        if found is None:
            raise forms.ValidationError(_("Choose a patient from the list."))
        return found

    def clean_opening(self) -> uuid.UUID:
        return self.cleaned_data["opening"] or uuid.uuid4()

    def clean(self) -> None:
        if not self.is_booking:
            return
        if "patient" not in self.errors and self.known_patient is None and not self.is_new:
            self.add_error("patient", _("Find the patient, or add a new one."))
        if self.is_new:
            self._check_new_patient()
        if "visit_type" not in self.errors and not self.cleaned_data.get("visit_type"):
            self.add_error("visit_type", _("Choose a visit."))
        elif "slot" not in self.errors and not self.cleaned_data.get("slot"):
            self.add_error("slot", _("Choose a time."))

    def _check_new_patient(self) -> None:
        given = self.cleaned_data
        if "name" not in self.errors and not given.get("name"):
            self.add_error("name", _("Enter the name."))
        if not {"phone", "email"} & set(self.errors) and not (given.get("phone") or given.get("email")):
            self.add_error("phone", _("Enter a phone number or an email address."))
        if self.alike().exists() and not given.get("is_somebody_else"):
            self.add_error(
                "is_somebody_else",
                _("Somebody with this phone number or email address is in the books. Choose them, or tick the box."),
            )

    @property
    def submission(self) -> uuid.UUID:
        """The same for a double click; another when somebody goes back, changes something and books that."""
        sent = [self.data.get(name) or "" for name in ("patient", "name", "phone", "email", "visit_type", "slot")]
        return uuid.uuid5(self.cleaned_data.get("opening") or uuid.uuid4(), "\n".join(map(str, sent)))

    @property
    def known_patient(self) -> Patient | None:
        chosen = self.cleaned_data.get("patient")
        return chosen if isinstance(chosen, Patient) else None

    @property
    def is_new(self) -> bool:
        return self.cleaned_data.get("patient") == NEW

    def alike(self) -> PatientQuerySet:
        """Who is in the books with the phone number or the address that was typed for a new patient."""
        phone, email = self.cleaned_data.get("phone"), self.cleaned_data.get("email")
        return Patient.objects.reached_by(email=email or "", phone_e164=phones.e164(phone) if phone else "")

    def details(self) -> Details:
        """Of a known patient nothing but the note: what stands in the books is not changed from here."""
        given = self.cleaned_data
        if patient := self.known_patient:
            return Details(patient.name, patient.email, patient.phone, message=given["note"])
        return Details(given["name"], given["email"], given["phone"], message=given["note"])


class MoveForm(TimeForm):
    reason = forms.CharField(label=_("Why (optional, for staff)"), required=False, max_length=200)

    def __init__(self, data: QueryDict | dict[str, Any], *, is_moving: bool = False) -> None:
        super().__init__(data, auto_id="move-%s", label_suffix="")
        self.is_moving = is_moving

    def clean(self) -> None:
        if self.is_moving and "slot" not in self.errors and not self.cleaned_data.get("slot"):
            self.add_error("slot", _("Choose a time."))
