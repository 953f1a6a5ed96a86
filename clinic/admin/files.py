from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import FileField, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.forms import ModelForm
from django.http import HttpRequest


def files_of(row: Model) -> dict[str, FieldFile]:
    """The row's uploaded files by their names in the storage."""
    fields = (field for field in row._meta.concrete_fields if isinstance(field, FileField))
    return {str(file): file for field in fields if (file := getattr(row, field.attname))}


class FilesAdmin(admin.ModelAdmin):
    """Takes a file away with the row that showed it, and when another replaces it: withdrawn is withdrawn."""

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        stored = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        before = files_of(stored) if stored else {}
        super().save_model(request, obj, form, change)
        after = files_of(obj)
        _delete_on_commit(file for name, file in before.items() if name not in after)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        files = files_of(obj)
        super().delete_model(request, obj)
        _delete_on_commit(files.values())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        files = [file for row in queryset for file in files_of(row).values()]
        super().delete_queryset(request, queryset)
        _delete_on_commit(files)


def _delete_on_commit(files: Iterable[FieldFile]) -> None:
    for name, storage in [(str(file), file.storage) for file in files]:
        transaction.on_commit(partial(storage.delete, name))
