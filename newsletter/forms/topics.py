from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from newsletter.models import Topic

WANTED = _("Choose from the topics on this page. One of those that were sent is not offered, or not any more.")


class TopicsField(forms.MultipleChoiceField):
    """Checkboxes, named by the short names of `topics`; gives the chosen topics themselves."""

    def __init__(self, topics: Sequence[Topic] = (), **options: Any) -> None:
        self.topics = topics
        words = {"invalid_choice": WANTED, "invalid_list": WANTED, **options.pop("error_messages", {})}
        super().__init__(
            label=_("Topics"),
            choices=[(topic.slug, _label(topic)) for topic in topics],
            widget=forms.CheckboxSelectMultiple,
            error_messages=words,
            **options,
        )

    def clean(self, value: Any) -> list[Topic]:
        chosen = set(super().clean(value))
        return [topic for topic in self.topics if topic.slug in chosen]


def _label(topic: Topic) -> str:
    if not topic.description:
        return topic.name
    return format_html('{} <br><span class="hint">{}</span>', topic.name, topic.description)
