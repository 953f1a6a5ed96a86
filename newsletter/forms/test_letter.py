from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from clinic.models import User
from newsletter.services.test_letters import MOST_AT_ONCE

# More colleagues than fit on a page are no choice; the account of whoever asks is always one of them.
MOST_OFFERED = 100


class TestLetterForm(forms.Form):
    """To whom of the staff a test goes. Their addresses are those of their accounts: none can be typed."""

    __test__ = False  # no test of pytest

    to = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=_("To whom"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("Choose at least one person."),
            "invalid_choice": _("Somebody whom you chose cannot be written to any more. Choose again."),
        },
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = User.objects.filter(is_active=True, is_staff=True).exclude(email="").order_by("first_name", "username")
        field = self.fields["to"]
        assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101 -- for the type checker alone
        field.queryset = staff
        own = list(staff.filter(pk=by.pk))
        people = [*own, *staff.exclude(pk=by.pk)[: MOST_OFFERED - len(own)]]
        field.choices = [(user.pk, f"{user.get_full_name() or user.get_username()}, {user.email}") for user in people]
        field.initial = [user.pk for user in own]

    def clean_to(self) -> list[User]:
        chosen = list(self.cleaned_data["to"])
        if len(chosen) > MOST_AT_ONCE:
            words = ngettext_lazy("Choose at most %d person.", "Choose at most %d people at a time.", MOST_AT_ONCE)
            raise forms.ValidationError(words % MOST_AT_ONCE)
        return chosen
