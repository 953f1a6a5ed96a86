"""Rich text: what a staff member may write, and the one gate that every write passes."""

import html as entities
import re
from typing import Any

import nh3
from django.db import models
from django.utils.html import strip_tags
from django_prose_editor.fields import ProseEditorField

TAGS = frozenset({"p", "h2", "h3", "h4", "ul", "ol", "li", "strong", "em", "a", "blockquote", "br", "hr"})
EXTENSIONS: dict[str, Any] = {
    "Bold": True,
    "Italic": True,
    "BulletList": True,
    "OrderedList": True,
    "ListItem": True,
    "Blockquote": True,
    "HardBreak": True,
    "HorizontalRule": True,
    "Heading": {"levels": [2, 3, 4]},
    "Link": {"enableTarget": False, "protocols": ["http", "https", "mailto", "tel"]},
    "History": True,
}


def sanitise(html: str) -> str:
    """Returns `html` with the allowed tags alone; links keep href and title and get `rel="noopener"`.

    Scripts and styles go with their content, other tags leave their text behind.
    """
    return nh3.clean(
        html.replace("\0", ""),
        tags=set(TAGS),
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener",
        clean_content_tags={"script", "style", "template", "iframe", "object"},
    )


def plain(html: str) -> str:
    """The words alone, single spaces between them, for search and summaries."""
    words = strip_tags(re.sub(r"<(?=/?(?:p|h[2-4]|ul|ol|li|blockquote|br|hr)\b)", " <", html))
    return " ".join(entities.unescape(words).split())


class RichTextField(ProseEditorField):
    """An editor in the admin, and clean HTML on every path through the ORM.

    The editor's own field cleans in forms alone; `pre_save` and `get_prep_value` also cover imports, fixtures, the
    shell and `QuerySet.update()`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("extensions", EXTENSIONS)
        kwargs["sanitize"] = sanitise
        super().__init__(*args, **kwargs)

    def get_prep_value(self, value: Any) -> Any:
        """Cleans whatever is written, `QuerySet.update()` included."""
        value = super().get_prep_value(value)
        return sanitise(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = sanitise(value)
            setattr(model_instance, self.attname, value)
        return value
