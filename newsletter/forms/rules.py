from django import forms
from django.utils.translation import gettext as _

from clinic.models import Practice
from newsletter.services.checklist.words import LEFT_OVER, OF_OTHER_SYSTEMS


class RulesForm(forms.ModelForm):
    """What a newsletter is stopped for stops the welcome letter here: it goes out by itself, without a checklist."""

    def clean_welcome_is_sent(self) -> bool:
        is_sent: bool = self.cleaned_data["welcome_is_sent"]
        practice = Practice.objects.first()
        if is_sent and not (practice and practice.has_postal_address):
            raise forms.ValidationError(_("First give the practice a street and a city: the law wants them in it."))
        return is_sent

    def clean_welcome_subject(self) -> str:
        return _without_fields(self.cleaned_data["welcome_subject"])

    def clean_welcome_text(self) -> str:
        return _without_fields(self.cleaned_data["welcome_text"])


def _without_fields(written: str) -> str:
    if left := LEFT_OVER.search(written) or OF_OTHER_SYSTEMS.search(written):
        words = _("“%(field)s” would be sent as it stands: the welcome letter is the same for everybody.")
        raise forms.ValidationError(words % {"field": left[0]})
    return written
