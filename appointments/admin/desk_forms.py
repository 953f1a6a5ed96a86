from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from appointments import phones
from appointments.models import AppointmentRequest


class CallForm(forms.ModelForm):
    """What staff write down while somebody is on the phone."""

    def clean_phone(self) -> str:
        typed: str = self.cleaned_data["phone"]
        if typed:
            try:
                phones.e164(typed)
            except phones.NotAPhoneNumber as error:
                raise ValidationError(error.args[0], code="phone") from None
        return typed

    def clean(self) -> dict[str, Any] | None:
        by_email = self.cleaned_data.get("channel") == AppointmentRequest.Channel.EMAIL
        needed = "email" if by_email else "phone"
        if needed not in self.errors and not self.cleaned_data.get(needed):
            self.add_error(needed, _("Needed for the answer that the caller wants."))
        return super().clean()


class DeskForm(forms.ModelForm):
    """What staff do with a request: take the next step, give it to a colleague."""

    step = forms.ChoiceField(label=_("Next step"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        steps = [(status.value, status.label) for status in self.instance.next_steps()]
        self.fields["step"] = forms.ChoiceField(
            label=_("Next step"),
            choices=[("", _("leave as it is")), *steps],
            required=False,
            error_messages={"invalid_choice": _("A colleague has moved this request on; look at its status again.")},
        )
