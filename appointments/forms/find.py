from crispy_forms.bootstrap import FormActions
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout, Submit
from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from clinic.fields import Email


class FindBookingForm(forms.Form):
    """“Send my link again”: an address is enough, and whoever reads its mail gets the links."""

    use_required_attribute = False

    email = Email(
        label=_("Email"),
        help_text=_("The address that you gave when you booked."),
        error_messages={"required": _("Enter the email address that you gave when you booked.")},
        widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false"}),
    )

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_class = "form"
        helper.form_action = reverse_lazy("appointments:find_booking")
        helper.layout = Layout("email", FormActions(Submit("send", _("Send my links"))))
        return helper
