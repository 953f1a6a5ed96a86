from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from newsletter import names


class NameField(forms.CharField):
    """What somebody wants to be called; never asked for, so it may be empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("Name"),
            max_length=names.LONGEST,
            required=False,
            widget=forms.TextInput(attrs={"autocomplete": "name"}),
            error_messages={"max_length": _("Enter a name of at most 80 characters.")},
            **options,
        )

    def clean(self, value: str | None) -> str:
        typed = super().clean(value)
        if names.has_unseen(typed):
            raise ValidationError(_("Enter your name without control characters."))
        if names.names_a_website(typed):
            raise ValidationError(_("Enter your name without the address of a website."))
        return names.seen(typed)
