"""Pictures: what an upload must be, and the renditions that pages show.

The original stays private. A rendition is decoded and encoded anew: upright, in sRGB, without EXIF.
"""

import hashlib
import io
import logging
from datetime import datetime
from typing import IO

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from clinic.models import Image, Rendition

MOST_PIXELS = 40_000_000
MOST_BYTES = 30 * 1024 * 1024
WIDTHS = (480, 960, 1600)
MOST_HEIGHT = 16383  # of a WebP picture
ACCEPTED = ("JPEG", "PNG", "WEBP", "AVIF")
SAVE_OPTIONS = {
    Rendition.Format.WEBP: {"format": "WEBP", "quality": 80, "method": 3},
    Rendition.Format.JPEG: {"format": "JPEG", "quality": 82, "optimize": True, "progressive": True},
}

log = logging.getLogger("clinic.images")


def read(file: IO[bytes]) -> Pillow.Image:
    """Returns the decoded picture, upright, RGB in sRGB.

    Raises ValidationError, with words for whoever uploads it, when it is no picture, of a kind that is not
    accepted, damaged, larger than 40 megapixels, or taller than a rendition can be.
    """
    try:
        picture = Pillow.open(file, formats=ACCEPTED)
        if picture.width * picture.height > MOST_PIXELS:
            raise Pillow.DecompressionBombError
        picture.load()
        upright = _in_srgb(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise ValidationError(_("This is not a JPEG, PNG, WebP or AVIF picture.")) from None
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise ValidationError(_("This picture has more than 40 megapixels. Save it smaller and try again.")) from None
    except Exception as error:
        # A damaged file makes Pillow's readers raise almost anything, struct.error and IndexError among it.
        log.info("A picture cannot be read: %s", type(error).__name__)
        raise ValidationError(_("This picture is damaged. Save it anew and try again.")) from None
    if upright.height * min(1.0, WIDTHS[-1] / upright.width) > MOST_HEIGHT:
        raise ValidationError(_("This picture is too tall for its width. Cut a piece out of it and try again."))
    return upright


def _in_srgb(picture: Pillow.Image) -> Pillow.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I"):
        # 16 bits a pixel: Pillow would cut off at 255 what it should divide.
        picture = picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if picture.mode == "P" or picture.has_transparency_data:
        # Transparent parts become paper, not black.
        layer = picture.convert("RGBA")
        picture = Pillow.new("RGB", layer.size, "white")
        picture.paste(layer, mask=layer)
    if profile and picture.mode in {"RGB", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or picture.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            log.info("A picture's colour profile cannot be read; its colours are taken as sRGB.")
    return picture.convert("RGB")


def encode(picture: Pillow.Image) -> list[tuple[Rendition.Format, int, int, bytes]]:
    """Returns (format, width, height, file) for each format and each width the picture is wide enough for."""
    widths = sorted({min(width, picture.width) for width in WIDTHS})
    renditions = []
    for width in widths:
        height = max(1, round(picture.height * width / picture.width))
        smaller = picture.resize((width, height), Pillow.Resampling.LANCZOS, reducing_gap=3.0)
        smaller.info.clear()
        for kind, options in SAVE_OPTIONS.items():
            buffer = io.BytesIO()
            smaller.save(buffer, **options)  # type: ignore[arg-type] # one dict per format, of mixed values
            renditions.append((kind, width, height, buffer.getvalue()))
    return renditions


def add(*, file: File, title: str, alt: str = "", is_decorative: bool = False) -> Image:
    """Keeps an upload; its renditions are made in the background. Raises ValidationError as `read` does."""
    if file.size > MOST_BYTES:
        raise ValidationError(_("This file is larger than 30 MB."))
    picture = read(file.open("rb"))
    file.seek(0)
    image = Image(title=title, alt=alt, is_decorative=is_decorative, width=picture.width, height=picture.height)
    image.full_clean(exclude=["original"])
    image.original.save(file.name or "picture", file, save=False)
    image.save()
    return image


def render(image: Image, *, now: datetime) -> None:
    """Makes the renditions anew. A picture that cannot be read keeps the reason and is not tried again."""
    try:
        with image.original.open("rb") as file:
            encoded = encode(read(file))
    except Exception as error:
        # Whatever it is: one picture must not hold up the next.
        image.error = _reason(image, error)
        image.save(update_fields=["error"])
        return
    with transaction.atomic():
        # Another worker may be at the same picture, or somebody may have removed it meanwhile.
        if not Image.objects.select_for_update().filter(pk=image.pk).exists():
            return
        stale = {str(rendition.file) for rendition in image.renditions.all()}
        image.renditions.all().delete()
        for kind, width, height, content in encoded:
            rendition = Rendition(image=image, format=kind, width=width, height=height)
            # Named by its content: a browser may keep it for ever.
            rendition.file.save(f"{hashlib.sha256(content).hexdigest()[:20]}.{kind}", ContentFile(content), save=False)
            rendition.save()
        image.rendered_at, image.error = now, ""
        image.save(update_fields=["rendered_at", "error"])
    for name in stale:
        default_storage.delete(name)


def _reason(image: Image, error: Exception) -> str:
    if isinstance(error, ValidationError):
        return error.messages[0]
    if isinstance(error, FileNotFoundError):
        return _("The file is missing.")
    log.error("Picture %s cannot be rendered.", image.pk, exc_info=error)
    return _("It cannot be made into pictures for the site. Save it anew and try again.")


def remove(image: Image) -> None:
    """Deletes the picture with all its files, the private original too. Pages that showed it go without."""
    renditions = [str(rendition.file) for rendition in image.renditions.all()]
    image.delete()
    transaction.on_commit(lambda: _forget(str(image.original), renditions))


def _forget(original: str, renditions: list[str]) -> None:
    storages["private"].delete(original)
    for name in renditions:
        default_storage.delete(name)
