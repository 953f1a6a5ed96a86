"""What the importer says about a page, for the person at the keyboard."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from articles.importing.page import ImportedPage


def report(page: ImportedPage) -> list[str]:
    """The lines of the report on one page, without what became of it."""
    counts = page.counts
    lines = [
        _("Title: %s") % page.title,
        _("Text: %s")
        % ", ".join(
            (
                ngettext("%d heading", "%d headings", counts.headings) % counts.headings,
                ngettext("%d paragraph", "%d paragraphs", counts.paragraphs) % counts.paragraphs,
                ngettext("%d list point", "%d list points", counts.points) % counts.points,
            )
        ),
    ]
    if page.contact_line:
        lines.append(_("Contact line, kept as the last paragraph: “%s”") % page.contact_line)
    left_out, links = len(page.furniture), len(page.missing_links)
    lines += _quoted(
        ngettext("Left out, %d piece of site furniture:", "Left out, %d pieces of site furniture:", left_out)
        % left_out,
        page.furniture,
    )
    lines += _quoted(
        ngettext("%d missing link (the words were kept):", "%d missing links (the words were kept):", links) % links,
        page.missing_links,
    )
    return lines + [_("Check: %s") % warning for warning in page.warnings]


def _quoted(heading: str, texts: Iterable[str]) -> list[str]:
    lines = [f"  “{text}”" for text in texts]
    return [heading, *lines] if lines else []
