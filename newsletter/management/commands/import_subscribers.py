"""manage.py import_subscribers"""

import os
from argparse import RawDescriptionHelpFormatter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clinic.models import User
from newsletter.models import ListImport, Topic
from newsletter.services.importing import FileRefused, ProofMissing
from newsletter.services.importing.at_once import Upload, run
from newsletter.services.importing.bringing_in import Line, topics_by_name
from newsletter.services.importing.judging import Outcome

SHOWN = 20  # refused rows; the report has all
SOME_REFUSED = 3
TELLS_EVERY = 10_000  # rows; a terminal is told after each batch

HELP = """\
Brings the addresses of a list that was kept elsewhere onto the mailing list.

FILE is a CSV file, or a zip with several: Mailchimp's audience export as it is downloaded, or our own format, which
docs/lists.md describes and export_subscribers writes. Begin with --dry-run, which says of every row what would happen
and changes nothing.

Nobody who is known here is changed: a name, a topic or a state stays, and an address that has left, bounced or
complained stays off the list. Rows of people who left elsewhere are written down, so that no later import brings them
in. Stopped or killed in the middle, start it again: nobody is brought in twice.

Exit status: 0 when every row found its place; 3 when some rows were refused and the others are done; 1 when the file
could not be read; 2 when the command was called wrongly.
"""

REPORT = "write what became of each row to this file, a new one that only its owner can read: it holds addresses"


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="a .csv or .zip file")
        parser.add_argument("--format", required=True, choices=ListImport.Format.values, help="who wrote the file")
        parser.add_argument(
            "--proof",
            required=True,
            metavar="TEXT",
            help="how and when these people asked for the newsletter, and where the evidence is kept; it becomes part "
            "of each person's record of consent",
        )
        parser.add_argument(
            "--status",
            default="",
            choices=ListImport.Whose.values,
            help="whose addresses these are, for a file that does not say it",
        )
        parser.add_argument(
            "--topics", default="", metavar="A,B", help="topics, by short name, for the people whose rows name none"
        )
        parser.add_argument("--by", default="", metavar="USER", help="who of the staff answers for the proof")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
        parser.add_argument("--report", type=Path, metavar="OUT.csv", help=REPORT)

    def handle(self, *args: Any, **options: Any) -> None:
        path, writes = options["file"], not options["dry_run"]
        self._shown = 0
        with ExitStack() as files:
            try:
                file = files.enter_context(path.open("rb"))
                report = _report(options["report"], files) if options["report"] else None
                upload = Upload(
                    file=file,
                    name=path.name,
                    format=options["format"],
                    proof=options["proof"],
                    status=options["status"],
                    topics=_topics(options["topics"]),
                    by=_staff(options["by"]),
                )
                done = run(upload, writes=writes, to=report, clock=timezone.now, seen=self._seen)
            except ProofMissing as missing:
                raise CommandError(str(missing), returncode=2) from missing
            except FileRefused as refusal:
                raise CommandError(str(refusal)) from refusal
            except OSError as error:
                raise CommandError(f"{error.filename or path.name}: {error.strerror or error}") from error
        self._tell(done, writes=writes)

    def _seen(self, list_import: ListImport, lines: list[Line]) -> None:
        """Progress, and the first refused rows by their number: what stands in them may be an address, in any cell."""
        for line in lines:
            if line.verdict.outcome == Outcome.REFUSED and self._shown < SHOWN:
                self._shown += 1
                self.stderr.write(f"{line.file}, row {line.row}: {line.verdict.unquoted}")
        if (
            self.stderr.isatty()
            or list_import.rows_done // TELLS_EVERY > (list_import.rows_done - len(lines)) // TELLS_EVERY
        ):
            percent = 100 * list_import.bytes_done // (list_import.bytes_total or 1)
            words = f"{list_import.rows_done} rows, {percent} %"
            self.stderr.write(words, ending="\r" if self.stderr.isatty() else "\n")

    def _tell(self, done: ListImport, *, writes: bool) -> None:
        self.stdout.write("Done:" if writes else "Nothing was changed. It would be:")
        for outcome in Outcome:
            if count := done.counts.get(outcome.value):
                self.stdout.write(f"{count:>9}  {outcome.label}")
        if remarks := done.counts.get("remarks"):
            self.stdout.write(f"{remarks:>9}  of those brought in have a remark in the report")
        if refused := done.counts.get(Outcome.REFUSED.value):
            words = f"{refused} rows were refused; --report writes each with the reason."
            raise CommandError(words, returncode=SOME_REFUSED)


def _report(path: Path, files: ExitStack) -> BinaryIO:
    """Open until the end of `files`. An import that was refused leaves none. Raises OSError, also when it is there."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    files.callback(_remove_if_empty, path)
    return files.enter_context(os.fdopen(number, "w+b"))


def _remove_if_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        path.unlink()


def _topics(typed: str) -> list[Topic]:
    known = topics_by_name()
    names = [name.strip() for name in typed.split(",") if name.strip()]
    if unknown := [name for name in names if name.casefold() not in known]:
        there = ", ".join(Topic.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no topic {', '.join(unknown)}. There are: {there}.", returncode=2)
    return [known[name.casefold()] for name in names]


def _staff(name: str) -> User | None:
    if not name:
        return None
    found = User.objects.filter(username=name, is_staff=True).first()
    if found is None:
        raise CommandError(f"Nobody of the staff has the user name {name}.", returncode=2)
    return found
