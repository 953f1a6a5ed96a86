"""Films and their captions: published as they were uploaded, under a name that tells nothing and cannot be guessed."""

import secrets
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import models
from django.utils.translation import gettext_lazy as _

MOST_BYTES = 30 * 1024 * 1024


def film_name(row: models.Model, name: str) -> str:
    """Staff name files after patients: only the ending is kept."""
    return f"films/{secrets.token_urlsafe(12)}{PurePath(name).suffix.lower()}"


def validate_film_size(file: File) -> None:
    if file.size > MOST_BYTES:
        raise ValidationError(_("This file is larger than 30 MB. Save the film shorter or smaller."))
