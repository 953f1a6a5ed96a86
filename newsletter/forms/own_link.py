from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Layout, Submit
from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from newsletter.forms.address import AddressField


class OwnLinkForm(forms.Form):
    """“Send me my link”. Those on other pages post the same name."""

    use_required_attribute = False

    email = AddressField(label=_("Address that is on the list"))

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_class = "form"
        helper.form_action = reverse("newsletter:own_link")
        # Neither a token nor its cookie, as at the sign-up.
        helper.disable_csrf = True
        helper.layout = Layout("email", Div(Submit("send", _("Send me the link")), css_class="form-actions"))
        return helper
