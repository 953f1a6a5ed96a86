from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponse
from js_asset import Media, Script

# The one style element that the editor adds by script. Whoever upgrades the editor sees its test fail when it changes.
EDITOR_STYLE = "'sha256-PlumsSlvJ7vvWzjqibGAYKq92O3y/4JTxWWsWJvyUYA='"


class RichTextAdmin(admin.ModelAdmin):
    """A form with an editor: its import map gets the page's nonce and its style is named, so the CSP stays strict."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        media = Media.from_media(context["media"]) + Media(js=[Script("js/editor_names.js", type="module")])
        context["media"] = media.with_nonce(str(request.csp_nonce))  # type: ignore[attr-defined] # set by django-csp
        response = super().render_change_form(request, context, *args, **kwargs)
        response._csp_update = {"style-src": EDITOR_STYLE}  # type: ignore[attr-defined] # read by django-csp
        return response
