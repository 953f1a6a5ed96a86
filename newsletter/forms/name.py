import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# They turn the words around them about, U+202A to U+202E and U+2066 to U+2069; no name needs them.
DIRECTION_MARKS = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


class NameField(forms.CharField):
    """What somebody wants to be called; never asked for, so it may be empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("Name"),
            max_length=80,
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "name"}),
            error_messages={"max_length": _("Enter a name of at most 80 characters.")},
            **options,
        )

    def clean(self, value: str | None) -> str:
        name = " ".join(super().clean(value).split())
        if any(unicodedata.category(letter) == "Cc" or letter in DIRECTION_MARKS for letter in name):
            raise ValidationError(_("Enter your name without control characters."))
        if "://" in name or "www." in name.casefold():
            raise ValidationError(_("Enter your name without the address of a website."))
        return name
