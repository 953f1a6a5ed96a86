"""Form fields that say in a visitor's words what is wrong, one thing at a time."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from clinic import addresses
from clinic.text import validate_one_line


class OneLine(forms.CharField):
    """A line of text. Its length is checked here and not by the browser, which would cut off a paste in silence."""

    def __init__(self, *, longest: int, also: tuple[Callable[[str], None], ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        too_long = _("Write this with at most %(limit_value)d characters; it has %(show_value)d.")
        self.validators = [validate_one_line, MaxLengthValidator(longest, too_long), *also]

    def run_validators(self, value: str) -> None:
        """Stops at the first that refuses: the others would only repeat it."""
        if value not in self.empty_values:
            for validator in self.validators:
                validator(value)


class Email(OneLine):
    """An address; gives the one spelling that is stored."""

    widget = forms.EmailInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=addresses.LONGEST, **kwargs)

    def clean(self, value: Any) -> str:
        typed: str = super().clean(value)
        return addresses.canonical(typed) if typed else typed


class Honeypot(forms.CharField):
    """Out of everybody's sight; only programs fill it in. It is always shown empty again.

    Decision: filled in, it does not pretend success, because some browsers' autofill reaches it and that person's
    request would be lost without a word. The page says so, and sending it again is enough: a program that
    reads and obeys has gained nothing but one request within the limits.
    """

    def __init__(self) -> None:
        super().__init__(required=False)
        self.validators = []

    def bound_data(self, data: Any, initial: Any) -> str:
        return ""
