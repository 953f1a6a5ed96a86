import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from crispy_forms.bootstrap import FormActions
from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Hidden, Layout, Row, Submit
from django import forms
from django.http import QueryDict
from django.urls import reverse_lazy
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from appointments import choices, consent
from appointments.fields import Message, PersonName, Phone
from appointments.models import AppointmentRequest, PreferredTime
from appointments.offers import WantedOffer
from appointments.open_days import OpenDays
from appointments.stamps import Stamp
from clinic.came_from import code_in
from clinic.fields import Email, Honeypot
from clinic.models import Location, Provider, Treatment, TreatmentCategory

DAYS = {
    1: (_("First choice"), _("First choice, time of day")),
    2: (_("Second choice"), _("Second choice, time of day")),
    3: (_("Third choice"), _("Third choice, time of day")),
}
PARTS = [
    (PreferredTime.Part.MORNING, _("Morning")),
    (PreferredTime.Part.AFTERNOON, _("Afternoon")),
    (PreferredTime.Part.EVENING, _("Evening")),
]
# The order of the page, and so of the error summary.
ORDER = ["name", "email", "contact", "phone", "is_new_patient", "treatment", "location", "provider"]
FROM_THE_LIST = {"invalid_choice": _("Choose one from the list.")}


def presets(address: QueryDict) -> dict[str, str]:
    """What a link to the form has chosen already. What nobody offers any more is simply not chosen."""
    chosen = {name: address.get(name, "") for name in ("treatment", "provider", "location", "offer")}
    if not chosen["treatment"] and (category := address.get("category")):
        chosen["treatment"] = choices.CATEGORY + category
    return {**chosen, "came_from": code_in(address)}


class RequestForm(forms.Form):
    """“Request an Appointment”: everything that it asks for is in a patient's own words, and most may stay empty."""

    data: QueryDict
    use_required_attribute = False

    name = PersonName(
        label=_("Name"),
        error_messages={"required": _("Enter your name.")},
        widget=forms.TextInput({"autocomplete": "name", "spellcheck": "false", "dir": "auto"}),
    )
    email = Email(
        label=_("Email"),
        help_text=_("We send a confirmation there."),
        error_messages={"required": _("Enter your email address.")},
        widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false"}),
    )
    contact = forms.ChoiceField(
        label=_("How shall we answer you?"),
        choices=AppointmentRequest.Channel,
        initial=AppointmentRequest.Channel.PHONE,
        required=False,
        error_messages=FROM_THE_LIST,
        widget=forms.RadioSelect,
    )
    phone = Phone(
        label=_("Phone"),
        help_text=_("In any format. You may leave it out if we are to answer by email."),
        error_messages={"required": _("Enter your phone number, or choose an answer by email.")},
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )
    is_new_patient = forms.TypedChoiceField(
        label=_("Have you been with us before?"),
        choices=[("new", _("No, this is my first visit")), ("returning", _("Yes"))],
        coerce=lambda value: value == "new",
        empty_value=None,
        required=False,
        error_messages=FROM_THE_LIST,
        widget=forms.RadioSelect,
    )
    location = forms.ModelChoiceField(
        label=_("Location"),
        queryset=Location.objects.shown().prefetch_related(None),
        to_field_name="slug",
        empty_label=_("Any location"),
        required=False,
        error_messages=FROM_THE_LIST,
    )
    provider = forms.ModelChoiceField(
        label=_("With whom"),
        queryset=Provider.objects.shown().select_related(None).prefetch_related(None),
        to_field_name="slug",
        empty_label=_("Whoever is free first"),
        required=False,
        error_messages=FROM_THE_LIST,
    )
    message = Message(
        label=_("Message"),
        longest=2000,
        help_text=_("Please leave out medical details; in an emergency call 911."),
        required=False,
        widget=forms.Textarea({"rows": 5, "dir": "auto"}),
    )
    consent = forms.BooleanField(
        label=consent.WORDS,
        error_messages={"required": _("Tick the box: without it we may not keep your details and answer you.")},
    )
    website = Honeypot()

    def __init__(self, data: QueryDict | None = None, *, now: datetime, **kwargs: Any) -> None:
        self._now = now
        self.stamp = Stamp.new(now=now, consent_version=consent.VERSION)
        super().__init__(data, **kwargs)
        if data is not None:
            self.stamp = Stamp.read(data.get("stamp", "")) or self.stamp
            self.fields["phone"].required = data.get("contact") != AppointmentRequest.Channel.EMAIL
        self.came_from = self.initial.get("came_from", "") if data is None else code_in(data)
        self._find_offer()
        if self.stamp.consent_version != consent.VERSION:
            self._ask_for_consent_again()
        self._add_choices()
        self.helper = self._helper()

    def _find_offer(self) -> None:
        """Of a link that a visitor follows late only the ending is told; one that nobody knows is left out."""
        slug = self.data.get("offer", "") if self.is_bound else self.initial.get("offer", "")
        found = WantedOffer.find(slug, now=self._now)
        self.has_offer_ended = found is not None and found.has_ended
        self.offer = found if found and not found.has_ended else None
        if self.offer and not self.is_bound and not self.initial.get("treatment"):
            only = self.offer.only_treatment()
            self.initial["treatment"] = only.slug if only else ""

    def _ask_for_consent_again(self) -> None:
        """The words are others than those that the visitor ticked."""
        self.data = kept = self.data.copy()
        kept.pop("consent", None)
        self.fields["consent"].error_messages["required"] = _(
            "We have changed these words since you opened the page. Read them again and tick the box."
        )
        self.stamp = replace(self.stamp, consent_version=consent.VERSION)

    def _add_choices(self) -> None:
        self._wishes = choices.Wishes.load()
        self.fields["treatment"] = forms.ChoiceField(
            label=_("What is it about?"), choices=self._wishes.choices(), required=False, error_messages=FROM_THE_LIST
        )
        days = choices.day_choices(OpenDays.at(self._now))
        for number, (day_label, parts_label) in DAYS.items():
            self.fields[f"day_{number}"] = forms.TypedChoiceField(
                label=day_label,
                choices=days,
                coerce=date.fromisoformat,
                empty_value=None,
                required=False,
                error_messages={"invalid_choice": _("Choose a day from the list: this one has passed or is closed.")},
            )
            self.fields[f"parts_{number}"] = forms.MultipleChoiceField(
                label=parts_label,
                choices=PARTS,
                required=False,
                error_messages=FROM_THE_LIST,
                widget=forms.CheckboxSelectMultiple,
            )
        self.order_fields([*ORDER, *(f"{kind}_{number}" for number in DAYS for kind in ("day", "parts"))])

    def _helper(self) -> FormHelper:
        day, parts = "appointments/day.html", "appointments/parts.html"
        rows = (Row(Field(f"day_{n}", template=day), Field(f"parts_{n}", template=parts)) for n in DAYS)
        helper = FormHelper()
        helper.form_action = reverse_lazy("appointments:request")
        helper.form_class = "form"
        helper.layout = Layout(
            Hidden("stamp", "{{ form.stamp.sealed }}"),
            *self._carried(),
            Field("website", template="clinic_forms/honeypot.html"),
            Fieldset(_("About you"), "name", "email", "contact", "phone", "is_new_patient"),
            Fieldset(_("Your visit"), "treatment", "location", "provider"),
            Fieldset(
                _("When would suit you? (optional)"),
                HTML('{% include "appointments/days_hint.html" %}'),
                Div(*rows, css_class="preferences"),
            ),
            Fieldset(_("Anything else?"), "message"),
            "consent",
            FormActions(Submit("send", _("Send my request"))),
        )
        return helper

    def _carried(self) -> list[Hidden]:
        carried = {"came_from": self.came_from}
        if self.offer:
            carried |= {"offer": self.offer.offer.slug, "offer_wording": self.offer.wording}
        return [Hidden(name, value) for name, value in carried.items() if value]

    def clean_contact(self) -> str:
        return self.cleaned_data["contact"] or AppointmentRequest.Channel.PHONE

    def clean_treatment(self) -> Treatment | TreatmentCategory | None:
        return self._wishes.find(self.cleaned_data["treatment"])

    def clean(self) -> None:
        self._refuse_another_offer()
        if self.data.get("website"):
            raise forms.ValidationError(
                _("Your browser filled in a hidden field. We have emptied it: please send the form again.")
            )

        if location := self.cleaned_data.get("location"):
            self._refuse_closed_days(location)

    def _refuse_another_offer(self) -> None:
        """It may have ended, or been changed, while the page was open: nobody asks for what they have not read."""
        if self.offer is None and self.data.get("offer"):
            words = _(
                "The offer has ended meanwhile. Nothing has been sent yet: send it again to ask without the offer."
            )
            self.add_error(None, forms.ValidationError(words, code="offer_ended"))
        elif self.offer and self.data.get("offer_wording", self.offer.wording) != self.offer.wording:
            words = _("We have changed the offer since you opened the page. Read it again and send your request.")
            self.add_error(None, forms.ValidationError(words, code="offer_changed"))

    def _refuse_closed_days(self, location: Location) -> None:
        """The list of days holds those on which any location is open."""
        open_days = OpenDays.at(self._now, location)
        for name in (f"day_{number}" for number in DAYS):
            day = self.cleaned_data.get(name)
            if day and not open_days.is_open(day):
                told = {"location": location.name, "day": date_format(day, "l, F j")}
                words = _("%(location)s is closed on %(day)s. Choose another day or location.") % told
                self.add_error(name, forms.ValidationError(words, code="closed"))

    @property
    def needs_a_second_look(self) -> bool:
        """A valid form that came back faster than a person fills it in, or with a stamp that is not ours."""
        return self.stamp.is_too_fast(self._now)

    def ask_for_a_second_look(self) -> None:
        """Sent from the page that shows it now, the form is taken however fast that is."""
        self.stamp = replace(self.stamp, is_checked=True)

    def as_request(self) -> AppointmentRequest:
        """An unsaved request with what was filled in."""
        chosen = self.cleaned_data
        wish = chosen["treatment"]
        return AppointmentRequest(
            submission=self._submission(),
            name=chosen["name"],
            email=chosen["email"],
            phone=chosen["phone"],
            is_new_patient=chosen["is_new_patient"],
            treatment=wish if isinstance(wish, Treatment) else None,
            category=wish if isinstance(wish, TreatmentCategory) else None,
            location=chosen["location"],
            provider=chosen["provider"],
            offer=self.offer.offer if self.offer else None,
            offer_words=self.offer.words if self.offer else "",
            came_from=self.came_from,
            channel=chosen["contact"],
            message=chosen["message"],
            consent_text=str(consent.WORDS),
            consent_version=consent.VERSION,
        )

    def _submission(self) -> uuid.UUID:
        """The same for a double click; another when somebody goes back, changes something and sends that."""
        named = {*self.fields, "offer"}
        sent = sorted((name, values) for name, values in self.data.lists() if name in named)
        return uuid.uuid5(self.stamp.opening, urlencode(sent, doseq=True))

    def preferred_times(self) -> list[PreferredTime]:
        """Unsaved; each day and part once, however often it was chosen."""
        return [PreferredTime(day=day, part=part) for day, part in dict.fromkeys(self._preferences())]

    def _preferences(self) -> Iterator[tuple[date | None, str]]:
        for number in DAYS:
            day, parts = self.cleaned_data[f"day_{number}"], self.cleaned_data[f"parts_{number}"]
            if parts:
                yield from ((day, part) for part in parts)
            elif day:
                yield day, PreferredTime.Part.ANY
