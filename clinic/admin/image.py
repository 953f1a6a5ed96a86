from typing import Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from clinic import images
from clinic.admin.files import FilesAdmin
from clinic.models import Image
from clinic.tasks import render_image


class ImageForm(forms.ModelForm):
    class Meta:
        model = Image
        fields = ["title", "original", "alt", "is_decorative"]
        widgets = {"original": forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/avif"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and (field := self.fields.get("original")):
            field.label = _("Another file")
            field.help_text = _("Choose one only to replace the picture. %(what)s") % {"what": field.help_text}

    def clean_original(self) -> Any:
        file = self.cleaned_data["original"]
        if isinstance(file, UploadedFile):
            if (file.size or 0) > images.MOST_BYTES:
                raise forms.ValidationError(_("This file is larger than 30 MB."))
            picture = images.read(file)
            self.instance.width, self.instance.height = picture.size
            file.seek(0)
        return file


@admin.register(Image)
class ImageAdmin(FilesAdmin):
    """Staff upload a picture once and choose it elsewhere; pages show its renditions, never the file itself."""

    form = ImageForm
    readonly_fields = ["preview"]
    list_display = ["thumbnail", "title", "alt", "state"]
    list_display_links = ["thumbnail", "title"]
    list_per_page = 40
    search_fields = ["title", "alt"]

    def get_fields(self, request: HttpRequest, obj: Image | None = None) -> list[Any]:
        return ["title", *(["preview"] if obj else []), "original", "alt", "is_decorative"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("renditions")

    def save_model(self, request: HttpRequest, obj: Image, form: forms.ModelForm, change: bool) -> None:
        if "original" in form.changed_data:
            obj.rendered_at, obj.error = None, ""
        super().save_model(request, obj, form, change)
        if obj.rendered_at is None:
            transaction.on_commit(lambda: render_image.enqueue(obj.pk))

    def delete_model(self, request: HttpRequest, obj: Image) -> None:
        images.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        for image in queryset:
            images.remove(image)

    @admin.display(description=_("picture"))
    def thumbnail(self, image: Image) -> SafeString | str:
        smallest = next(iter(image._renditions), None)
        if smallest is None:
            return "–"
        return format_html('<img src="{}" alt="" width="80" height="60" class="thumbnail">', smallest.file.url)

    @admin.display(description=_("preview"))
    def preview(self, image: Image) -> SafeString | str:
        if image.error:
            return image.error
        if image.fallback is None:
            return str(_("The picture is being prepared; look again in a few seconds."))
        return format_html(
            '<img src="{}" alt="{}" width="{}" height="{}" class="preview">',
            image.fallback.file.url,
            image.alt,
            image.fallback.width,
            image.fallback.height,
        )

    @admin.display(description=_("state"))
    def state(self, image: Image) -> str:
        if image.error:
            return image.error
        return f"{image.width} × {image.height}" if image.rendered_at else str(_("being prepared"))
