from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponse
from js_asset import Media


class RichTextAdmin(admin.ModelAdmin):
    """A form with an editor: its inline import map gets the page's nonce, so that the strict CSP lets it in."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["media"] = Media.from_media(context["media"]).with_nonce(str(request.csp_nonce))  # type: ignore[attr-defined] # set by django-csp
        return super().render_change_form(request, context, *args, **kwargs)
