"""manage.py make_fonts"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from clinic.fonts import make_fonts


class Command(BaseCommand):
    help = (
        "Cuts the fonts of the site from their packages into the folder that static files are collected from. "
        "Does nothing when they were made from the same versions already."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        made = make_fonts(settings.FONTS_FOLDER)
        if options["verbosity"] > 1 or made:
            words = "Made the fonts in" if made else "The fonts are already in"
            self.stdout.write(f"{words} {settings.FONTS_FOLDER}")
