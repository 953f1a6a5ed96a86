from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.urls import reverse


def kept(request: HttpRequest, obj: Model, words: str) -> HttpResponseRedirect:
    """Instead of the page that would delete it: back to its own, with the reason why it stays."""
    messages.error(request, words)
    meta = obj._meta
    return HttpResponseRedirect(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[obj.pk]))
