from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic import addresses


class AddressField(forms.EmailField):
    """The email address of a visitor; gives the one spelling that is stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=addresses.LONGEST,
            widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
            error_messages={
                "required": _("Enter your email address."),
                "invalid": addresses.WANTED,
                "max_length": _("Enter an email address of at most 254 characters."),
            },
            **options,
        )

    def clean(self, value: str | None) -> str:
        return addresses.canonical(super().clean(value))
