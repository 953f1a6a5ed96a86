from typing import Any

from django import forms
from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from clinic import rich_text
from newsletter.models import Block, Campaign
from newsletter.services.writing import TAKEN_BY_THE_SITE, follows_its_subject, free_slug

LANGUAGES = {"language": gettext_lazy("Language of the letter"), "audience_language": gettext_lazy("Readers of")}
AUDIENCE = ["topics", "audience_language", "joined_from", "joined_until"]
AUDIENCE_WIDGETS = {
    "topics": forms.CheckboxSelectMultiple,
    "joined_from": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    "joined_until": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
}
# The error of a form whose campaign was changed after it had been opened.
OVERTAKEN = "overtaken"
# Where a block without a number goes; when they are saved they are numbered anew.
LAST = 32767
# What the editor and the letter show of each kind of block.
SHOWN = {
    Block.Kind.TEXT: ["heading", "text"],
    Block.Kind.PICTURE: ["picture", "link"],
    Block.Kind.ARTICLE: ["article"],
    Block.Kind.OFFER: ["offer"],
    Block.Kind.BUTTON: ["heading", "link"],
}


class AudienceForm(forms.ModelForm):
    """The choices of an audience by themselves, to be counted while they are being made."""

    class Meta:
        model = Campaign
        fields = AUDIENCE
        widgets = AUDIENCE_WIDGETS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_languages(self)


class CampaignForm(forms.ModelForm):
    """What a campaign says and to whom. The row of one that is stored is locked while this is asked and saved."""

    # The version that was opened. Browsers that keep what was typed over a reload must not keep this one.
    seen = forms.CharField(required=False, widget=forms.HiddenInput({"autocomplete": "off"}))

    class Meta:
        model = Campaign
        fields = ["subject", "preheader", "introduction", "language", "slug", "is_public", *AUDIENCE]
        widgets = {
            "subject": forms.TextInput({"class": "vLargeTextField", "spellcheck": "true"}),
            "preheader": forms.TextInput({"class": "vLargeTextField", "spellcheck": "true"}),
            **AUDIENCE_WIDGETS,
        }
        error_messages = {
            "slug": {"unique": gettext_lazy("Another campaign has this address. Change it, or leave it empty.")}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_languages(self)
        self.initial["seen"] = self.instance.version if self.instance.pk else ""
        if slug := self.fields.get("slug"):
            slug.required = False
            slug.help_text = _("Below /newsletter/archive/. It follows the subject until you write another here.")

    def clean_subject(self) -> str:
        """One line: that is all a mailbox shows."""
        return " ".join(self.cleaned_data["subject"].split())

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        if slug in TAKEN_BY_THE_SITE and slug != slugify(self.cleaned_data.get("subject", "")):
            raise forms.ValidationError(_("This address belongs to the feed of the archive. Choose another."))
        return slug

    def clean(self) -> dict[str, Any]:
        super().clean()
        given = self.cleaned_data
        if given.get("seen") != self.initial["seen"]:
            raise forms.ValidationError(_("The campaign was changed after you had opened it."), code=OVERTAKEN)
        if "slug" in given and given.get("subject"):
            campaign = Campaign(pk=self.instance.pk, subject=given["subject"], code=self.instance.code)
            # What was made from the subject by itself is nobody's wish: it gives way to another campaign's, and to
            # another subject.
            is_untouched = "slug" not in self.changed_data and follows_its_subject(self.instance)
            if is_untouched or given["slug"] in {"", slugify(given["subject"])}:
                given["slug"] = free_slug(campaign)
        return given


class BlockForm(forms.ModelForm):
    class Meta:
        model = Block
        fields = ["position", "kind", "heading", "text", "picture", "article", "offer", "link"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["position"].required = False

    def has_changed(self) -> bool:
        """A new block that nobody has written anything into is none, wherever it was put."""
        if self.instance.pk is None:
            return bool({*self.changed_data} - {"position"})
        return super().has_changed()

    def clean(self) -> dict[str, Any]:
        """Keeps what its kind shows and nothing else: what nobody sees must not hold an article or an offer."""
        super().clean()
        given = self.cleaned_data
        if "text" in given and not rich_text.plain(given["text"]):
            given["text"] = ""
        if given.get("position", 0) is None:
            given["position"] = LAST
        if kind := given.get("kind"):
            for name in {*self.fields} & {name for names in SHOWN.values() for name in names} - {*SHOWN[kind]}:
                self.errors.pop(name, None)
                given[name] = None if isinstance(self.fields[name], forms.ModelChoiceField) else ""
        return given


class BlockFormSet(forms.BaseInlineFormSet):
    """Blocks of one campaign. The admin shows as many of the stored ones as `get_queryset` has."""

    as_typed: list[Block] | None = None
    default_error_messages = {
        **forms.BaseInlineFormSet.default_error_messages,
        "too_many_forms": ngettext_lazy(
            "A campaign has at most %(num)d block.", "A campaign has at most %(num)d blocks.", "num"
        ),
    }

    def stays_as_typed(self) -> None:
        """Shown again it has each of its blocks, those too that are stored no more."""
        self.as_typed = [form.instance for form in self.initial_forms]

    def get_queryset(self) -> Any:
        return super().get_queryset() if self.as_typed is None else self.as_typed


def choose_languages(form: forms.BaseForm) -> None:
    """The languages of the site as a choice."""
    for name, label in LANGUAGES.items():
        if name in form.fields:
            nothing = [("", _("any language"))] if name == "audience_language" else []
            form.fields[name] = forms.ChoiceField(
                label=label, choices=[*nothing, *settings.LANGUAGES], required=not nothing
            )
