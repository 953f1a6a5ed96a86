from crispy_forms.bootstrap import FormActions
from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Layout, Submit
from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.fields import OneLine

LONGEST_REASON = 200  # as a Change keeps it


class CancelForm(forms.Form):
    """Why, for whoever likes to say so; staff read it beside the appointment."""

    reason = OneLine(
        label=_("Why?"),
        longest=LONGEST_REASON,
        help_text=_("It helps us to plan. Please leave out medical details."),
        required=False,
        widget=forms.TextInput({"dir": "auto", "autocomplete": "off"}),
    )

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_class = "form"
        helper.layout = Layout(
            "reason",
            FormActions(
                Submit("send", _("Cancel this appointment")),
                HTML('{% include "appointments/back_to_manage.html" %}'),
            ),
        )
        return helper
