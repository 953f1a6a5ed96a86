"""Form fields that say in a patient's words what is wrong, one thing at a time."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from appointments import phones
from appointments.text import without_hidden
from clinic.fields import OneLine
from clinic.text import validate_no_web_address


class PersonName(OneLine):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=100, also=(validate_no_web_address,), **kwargs)


class Phone(OneLine):
    """Kept as it was typed."""

    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=40, also=(validate_phone,), **kwargs)


class Message(forms.CharField):
    widget = forms.Textarea

    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        too_long = _("Shorten your message to %(limit_value)d characters; it has %(show_value)d.")
        self.validators = [MaxLengthValidator(longest, too_long)]

    def to_python(self, value: str | None) -> str:
        return super().to_python(without_hidden(value or "")) or ""


def validate_phone(value: str) -> None:
    try:
        phones.e164(value)
    except phones.NotAPhoneNumber as error:
        raise ValidationError(error.args[0], code="phone") from None
