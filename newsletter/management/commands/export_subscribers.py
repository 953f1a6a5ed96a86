"""manage.py export_subscribers"""

import logging
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsletter.services import exporting

log = logging.getLogger("clinic.lists")


class Command(BaseCommand):
    help = (
        "Writes the whole mailing list to a zip: subscribers.csv, consents.csv with every line of evidence, and "
        "suppressions.csv. docs/lists.md describes the files; import_subscribers reads the zip again. A file that "
        "exists already is not overwritten, and only its owner can read the new one: it holds addresses."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="OUT.zip", type=Path, help="the file to write")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        count = exporting.size()
        log.info("The list was exported by the command of system user %s, %s people.", os.getuid(), count)
        try:
            with os.fdopen(number, "wb") as file:
                for piece in exporting.export():
                    file.write(piece)
        except BaseException:
            # Half a list must not pass for a whole one.
            path.unlink(missing_ok=True)
            raise
        self.stdout.write(f"Exported {count} people.")
