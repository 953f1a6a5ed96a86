from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.fields import Email


class AddressField(Email):
    """The email address of a visitor."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
            error_messages={"required": _("Enter your email address.")},
            **options,
        )
