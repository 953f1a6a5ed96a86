from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from newsletter.models import ListImport, Topic
from newsletter.services.importing import FileRefused, read_as

MOST_BYTES = 200 * 1024 * 1024


class ListImportForm(forms.Form):
    """A list from elsewhere, as it is uploaded. Its header is read at once; its rows are the worker's."""

    use_required_attribute = False

    file = forms.FileField(
        label=_("File"),
        max_length=200,
        help_text=_("A CSV file, or a zip as Mailchimp exports it. At most 200 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.zip,text/csv,application/zip"}),
        error_messages={"required": _("Choose the file."), "empty": _("The file is empty.")},
    )
    format = forms.ChoiceField(
        label=_("Written by"),
        choices=[
            (ListImport.Format.MAILCHIMP, _("Mailchimp: Audience, Export audience")),
            (ListImport.Format.NEUTRAL, _("Another program or by hand, in our own format")),
        ],
        widget=forms.RadioSelect,
        initial=ListImport.Format.MAILCHIMP,
        error_messages={"required": _("Say who wrote the file.")},
    )
    status = forms.ChoiceField(
        label=_("Whose addresses"),
        required=False,
        choices=[("", _("The file says it")), *ListImport.Whose.choices],
        help_text=_("Mailchimp's files say it by their names. Choose only if yours does not."),
    )
    proof = forms.CharField(
        label=_("Proof of consent"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_(
            "How and when these people asked for your newsletter, and where the evidence is kept. It becomes part of "
            "each person's record."
        ),
        error_messages={"required": _("Say how and when these people asked for your newsletter.")},
    )
    topics = forms.ModelMultipleChoiceField(
        label=_("Topics"),
        queryset=Topic.objects.offered(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("For people whose rows name none. Choose none, and they get everything."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 200 MB. Divide it, or ask for the command."))
        return file

    def clean(self) -> None:
        file, format = self.cleaned_data.get("file"), self.cleaned_data.get("format")
        if not file or not format or "status" not in self.cleaned_data:
            return
        try:
            read_as(file.file, file.name, format, self.cleaned_data["status"])
        except FileRefused as refusal:
            self.add_error("file", str(refusal))
        file.seek(0)
