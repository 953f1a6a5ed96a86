from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Layout, Submit
from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from newsletter import wording
from newsletter.forms.name import NameField
from newsletter.forms.topics import TopicsField
from newsletter.models import Topic
from newsletter.services.opened import Opened
from newsletter.wording import Words

EVERYTHING = _(
    "You have not chosen yet, so you get everything, also on topics that are new later. That stays so while all are "
    "ticked."
)
CHOSEN = _("You get what is about these, and nothing else.")


class PreferencesForm(forms.Form):
    """What one person is sent, and under which name. Who has chosen no topic gets all, and sees all of them ticked.

    Left like that it is no choice either: a choice of all of today's topics would keep from them what is new later.
    The name is for those who come by a letter alone: see Opened.
    """

    use_required_attribute = False

    name = NameField()
    wording = forms.Field(required=False)

    def __init__(self, data: QueryDict | None = None, *, found: Opened) -> None:
        subscriber = found.subscriber
        chosen = list(subscriber.topics.all())
        # One that is offered no more is kept by those who have it, until they let it go.
        topics = [topic for topic in Topic.objects.all() if topic.is_offered or topic in chosen]
        self.gets_everything, self.shown = not chosen, topics
        initial = {
            "name": subscriber.name,
            "language": subscriber.language,
            "topics": [topic.slug for topic in chosen or topics],
        }
        super().__init__(data, initial=initial)
        if not found.is_by_letter:
            del self.fields["name"]
        if topics:
            self.fields["topics"] = TopicsField(
                topics,
                help_text=EVERYTHING if self.gets_everything else CHOSEN,
                error_messages={"required": _("Choose at least one topic, or leave the list with the button below.")},
            )
        if len(settings.LANGUAGES) > 1:
            self.fields["language"] = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    @property
    def asked(self) -> list[str]:
        """The fields that a person sees. By a newsletter's link there may be none: no topics, one language."""
        return [name for name in ("topics", "name", "language") if name in self.fields]

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_class = "form"
        # The token in the address is the authority; the page does not repeat it.
        helper.disable_csrf = True
        words = [HTML('{% include "newsletter/choice_words.html" only %}')] if "topics" in self.fields else []
        helper.layout = Layout(*self.asked, *words, Div(Submit("save", _("Save")), css_class="form-actions"))
        return helper

    @property
    def chosen(self) -> dict[str, Any]:
        """As services.preferences takes it; where there is no topic to choose, everything stays chosen."""
        topics = self.cleaned_data.get("topics", [])
        return {
            "name": self.cleaned_data.get("name"),
            "topics": [] if self.gets_everything and topics == self.shown else topics,
            "language": self.cleaned_data.get("language"),
            "words": self.cleaned_data["wording"],
        }

    def clean_wording(self) -> Words:
        """The words that the page has shown, which may be older than ours when it stood open for days."""
        return wording.CHOICE.shown(self.cleaned_data["wording"] or "")
