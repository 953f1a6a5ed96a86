from typing import Any, Final

from crispy_forms.bootstrap import FormActions
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Fieldset, Hidden, Layout, Submit
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from appointments import consent
from appointments.fields import Message, PersonName, Phone
from appointments.services.diary import Details
from clinic.fields import Email

TYPED: Final = ("name", "email", "phone", "message", "consent", "wording")
LONGEST_TYPED: Final = 5000  # of what is kept unchecked; more than any of the fields takes


def as_typed(posted: QueryDict) -> dict[str, str]:
    """What stands in the form, checked or not, to be kept with the held time."""
    # PostgreSQL stores no NUL; nobody typed one.
    return {name: posted.get(name, "").replace("\0", "")[:LONGEST_TYPED] for name in TYPED}


class DetailsForm(forms.Form):
    """Who comes to the held time.

    Without the request form's trap and stopwatch: whoever gets here has held a time and has a page to check before
    anything is booked, and browsers fill in all of it in a blink.
    """

    use_required_attribute = False

    name = PersonName(
        label=_("Name"),
        help_text=_("The person who is coming in."),
        error_messages={"required": _("Enter the name of whoever comes to the visit.")},
        widget=forms.TextInput({"autocomplete": "name", "spellcheck": "false", "dir": "auto"}),
    )
    email = Email(
        label=_("Email"),
        help_text=_("We send the confirmation and reminders there."),
        error_messages={"required": _("Enter your email address.")},
        widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false"}),
    )
    phone = Phone(
        label=_("Phone"),
        help_text=_("In any format. We call only if something about your visit changes."),
        error_messages={"required": _("Enter a phone number under which we reach you on the day.")},
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
    )
    message = Message(
        label=_("Message"),
        longest=2000,
        help_text=_("Please leave out medical details; in an emergency call 911."),
        required=False,
        widget=forms.Textarea({"rows": 4, "dir": "auto"}),
    )
    consent = forms.BooleanField(
        label=consent.BOOKING_WORDS,
        error_messages={"required": _("Tick the box: without it we may not keep your details and see you.")},
    )

    def __init__(self, data: QueryDict | dict[str, str] | None = None, *, action: str = "", **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._forget_consent_to_other_words()
        self.helper = FormHelper()
        self.helper.form_id = "details"
        self.helper.form_class = "form"
        self.helper.form_action = action
        self.helper.layout = Layout(
            Hidden("wording", consent.BOOKING_VERSION),
            Fieldset(_("About you"), "name", "email", "phone"),
            Fieldset(_("Anything else?"), "message"),
            "consent",
            FormActions(Submit("send", _("Continue"))),
        )

    def _forget_consent_to_other_words(self) -> None:
        """A tick counts for the words beside it; they may have been changed while the page was open."""
        if self.initial.get("wording") != consent.BOOKING_VERSION:
            self.initial = {**self.initial, "consent": ""}
        if self.is_bound and self.data.get("consent") and self.data.get("wording") != consent.BOOKING_VERSION:
            self.data = {**{name: self.data.get(name, "") for name in TYPED}, "consent": ""}
            self.fields["consent"].error_messages["required"] = _(
                "We have changed these words since you opened the page. Read them again and tick the box."
            )

    def as_details(self) -> Details:
        chosen = self.cleaned_data
        return Details(
            name=chosen["name"],
            email=chosen["email"],
            phone=chosen["phone"],
            message=chosen["message"],
            consent_text=str(consent.BOOKING_WORDS),
            consent_version=consent.BOOKING_VERSION,
        )
