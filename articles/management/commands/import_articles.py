from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from articles.importing.drafts import Draft, find_draft, make_draft, slug_of
from articles.importing.files import find_files
from articles.importing.page import FileRefused, ImportedPage, tidy
from articles.importing.reading import READERS, read_page
from articles.importing.report import report


class AsWritten(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the paragraphs of the help text apart."""


class Command(BaseCommand):
    help = """\
Makes drafts of articles that were written elsewhere, from .txt, .md and .html files.

Menus, buttons, sign-up blurbs, captions and the like are left out, and each is quoted in the report, so that you
can put back what belonged to the article. Nothing is published, and an article that is there already is not
changed. A file that cannot be read is refused with the reason; the others are imported all the same, and the
command ends with status 1.

In a .txt file the first line is the title, short lines between empty lines are headings, and lines that begin with
a bullet or a number are lists.

  manage.py import_articles --dry-run old-site/     look first; -v 2 shows the text as well
  manage.py import_articles old-site/ peels.md      then make the drafts
"""

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=AsWritten, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a folder of them")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self.is_dry_run: bool = options["dry_run"]
        self.addresses: set[str] = set()  # what this run has used, so that a dry run sees its own doubles
        self.counts: Counter[str] = Counter()
        found = find_files(options["paths"], known=READERS)
        for path, reason in found.refused:
            self.refuse(path, reason)
        for path in found.files:
            try:
                page = read_page(path)
            except FileRefused as refusal:
                self.refuse(path, str(refusal))
                continue
            self.say(_name(path), *(f"  {line}" for line in report(page)))
            if options["verbosity"] > 1:
                self.say(*(f"    {line}" for line in page.html.splitlines()))
            self.bring_in(page)
        if found.passed_over:
            self.say(_("Passed over, being of another kind: %s") % ", ".join(map(_name, found.passed_over)), "")
        self.sum_up()

    def bring_in(self, page: ImportedPage) -> None:
        draft = find_draft(page) if self.is_dry_run else make_draft(page=page)
        address = slug_of(page)
        if draft and not draft.is_new:
            self.counts["there"] += 1
            self.say(self.style.WARNING(f"  {_already_there(draft)}"), "")
        elif address in self.addresses:
            self.counts["there"] += 1
            self.say(self.style.WARNING("  " + _("An earlier file of this run has this title; no second draft.")), "")
        else:
            self.counts["made"] += 1
            words = _("Draft made: %s") % _admin_address(draft) if draft else _("A draft would be made.")
            self.say(self.style.SUCCESS(f"  {words}"), "")
        self.addresses.add(address)

    def refuse(self, path: Path, reason: str) -> None:
        self.counts["refused"] += 1
        self.say(_name(path), self.style.ERROR("  " + _("Refused: %s") % reason), "")

    def sum_up(self) -> None:
        """Ends with status 1 when a file was refused, so that a script notices."""
        made, there, refused = (self.counts[outcome] for outcome in ("made", "there", "refused"))
        drafts = (
            ngettext("%d draft would be made", "%d drafts would be made", made)
            if self.is_dry_run
            else ngettext("%d draft made", "%d drafts made", made)
        )
        summary = _("%(drafts)s, %(there)d there already, %(refused)d refused.") % {
            "drafts": drafts % made,
            "there": there,
            "refused": refused,
        }
        if refused:
            raise CommandError(summary)
        self.say(summary)

    def say(self, *lines: str) -> None:
        for line in lines:
            self.stdout.write(line)


def _already_there(draft: Draft) -> str:
    words = (
        _("It is there already: %s")
        if draft.has_same_words
        else _("An article with this title or address is there already, with other words; it was not changed: %s")
    )
    return words % _admin_address(draft)


def _admin_address(draft: Draft) -> str:
    return settings.BASE_URL + reverse("admin:articles_article_change", args=[draft.article.pk])


def _name(path: Path) -> str:
    """A file's name as it can be printed, whatever bytes it is made of."""
    return tidy(str(path).encode(errors="surrogateescape").decode(errors="replace"))
