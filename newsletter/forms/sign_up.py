from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Layout, Submit
from django import forms
from django.core.exceptions import ValidationError
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext_lazy as _

from clinic.fields import Honeypot
from newsletter import wording
from newsletter.forms.address import AddressField
from newsletter.forms.name import NameField
from newsletter.forms.topics import TopicsField
from newsletter.models import Topic
from newsletter.wording import Words


class SignUpForm(forms.Form):
    """The form of the sign-up page. Those in footers and beside articles post the same names, without topics."""

    use_required_attribute = False

    email = AddressField(label=_("Email"))
    name = NameField()
    website = Honeypot()
    # Plain fields: whatever a program writes into what nobody sees must not become an error that nobody sees.
    page = forms.Field(required=False, widget=forms.HiddenInput)
    wording = forms.Field(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offered = list(Topic.objects.offered())
        words = _(
            "Choose none, and you get everything, also on topics that are new later. Choose some, and only those."
        )
        self.fields["topics"] = TopicsField(self.offered, required=False, help_text=words)

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_class = "form"
        helper.form_action = reverse("newsletter:signup")
        # Neither a token nor its cookie: see the view.
        helper.disable_csrf = True
        helper.layout = Layout(
            "email",
            "name",
            # Also where the last topic has just been withdrawn: the error needs a place.
            *(["topics"] if self.offered or self["topics"].errors else []),
            Field("website", template="clinic_forms/honeypot.html"),
            "page",
            HTML('{% include "newsletter/sign_up_words.html" only %}'),
            Div(Submit("sign-up", _("E-Newsletter Sign-Up")), css_class="form-actions"),
        )
        return helper

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for, as services.sign_up takes it."""
        return {
            "email": self.cleaned_data["email"],
            "name": self.cleaned_data["name"],
            "topics": self.cleaned_data["topics"],
            "page": self.cleaned_data["page"],
            "words": self.cleaned_data["wording"],
        }

    def clean_page(self) -> str:
        return _public_path(self.cleaned_data["page"] or "")

    def clean_wording(self) -> Words:
        """The words that the page has shown, which may be older than ours when it stood open for days."""
        return wording.SIGN_UP.shown(self.cleaned_data["wording"] or "")

    def clean(self) -> None:
        if self.cleaned_data.get("website"):
            raise ValidationError(
                _("A field that people cannot see was filled in. We have emptied it: please send the form again.")
            )


def _public_path(page: str) -> str:
    """The path of one of our pages, or nothing. One that is named by more than a slug may be a secret: a token."""
    path = page.partition("#")[0].partition("?")[0]
    try:
        return path[:200] if resolve(path).kwargs.keys() <= {"slug"} else ""
    except Resolver404:
        return ""
