"""Finds the files to import and turns their bytes into text, or says why not."""

import codecs
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation import gettext as _

from articles.importing.page import FileRefused

LARGEST = 5 * 1024 * 1024  # bytes; the longest article is a hundredth of that
MOST_WESTERN_SIGNS = 0.15  # share of characters beyond ASCII that text in a Western European language can have

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
# UTF-8 that was once read as Windows-1252: a curly quote, an accented letter, a no-break space.
READ_WRONGLY = re.compile("â€|Ã[\u0080-\u00bf]|Â\u00a0")


@dataclass
class Found:
    """The files to read, in order and each once; paths that hold none, with the reason; files passed over."""

    files: list[Path] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)


def find_files(paths: Iterable[Path], *, known: Collection[str]) -> Found:
    """Looks into folders and the folders in them. `known` holds the endings that can be read, such as ".md".

    A file that was named is always among the files, so that it is refused by its own message.
    """
    found = Found()
    seen: set[str] = set()
    for path in paths:
        inside = [path]
        if os.path.isdir(path):  # unlike Path.is_dir, it takes a name that is too long for an answer of no
            visible = sorted(f for f in path.rglob("*") if os.path.isfile(f) and not _is_hidden(f.relative_to(path)))
            inside = [file for file in visible if file.suffix.lower() in known]
            found.passed_over += [file for file in visible if file.suffix.lower() not in known]
            if not inside:
                found.refused.append((path, _("There is no %s file in this folder.") % _listed(known)))
        for file in inside:
            if (real := os.path.realpath(file)) not in seen:
                seen.add(real)
                found.files.append(file)
    return found


def read_file(path: Path, *, known: Collection[str]) -> tuple[str, str]:
    """Returns the text of a file and a warning about it, which is empty when all is well.

    Raises FileRefused: missing, of an unknown kind, too large, empty, no text, of an unknown encoding.
    """
    if path.suffix.lower() not in known:
        raise FileRefused(_("Only %s files can be read.") % _listed(known))
    try:
        if not path.exists():
            raise FileRefused(_("There is no such file."))
        if not path.is_file():
            raise FileRefused(_("It is not an ordinary file."))
        size = path.stat().st_size
        if size > LARGEST:
            raise FileRefused(
                _("It is too large: %(has).1f MB, and %(most)d MB are the most.")
                % {"has": size / 2**20, "most": LARGEST // 2**20}
            )
        raw = path.read_bytes()
    except OSError as error:
        raise FileRefused(_("It cannot be read: %s.") % error.strerror) from error
    text, warning = decode(raw)
    _refuse_other_formats(path, text)
    return text, warning


def decode(raw: bytes) -> tuple[str, str]:
    """Returns the text of the bytes and a warning, which is empty when there is no doubt.

    Tries what a byte order mark says, then UTF-8, then Windows-1252 if the result looks like writing.
    Raises FileRefused when the bytes are empty, no text, or in another encoding.
    """
    if not raw.strip():
        raise FileRefused(_("It is empty."))
    text, warning = _decoded(raw)
    if not text.strip("\ufeff \t\r\n\u00a0\u200b"):
        raise FileRefused(_("It is empty."))
    controls = CONTROLS.findall(text)
    if "\0" in controls or len(controls) * 100 > len(text):
        raise FileRefused(_("It is not a text file."))
    if controls:
        text = CONTROLS.sub("", text)
        warning = _("%(warning)s Control characters were removed.") % {"warning": warning}
    if "\ufffd" in text:
        warning = _("%(warning)s It holds the sign � where a character was lost before: look for it.") % {
            "warning": warning
        }
    if READ_WRONGLY.search(text):
        warning = _("%(warning)s It holds signs such as “â€™” that come from a wrong encoding: look for them.") % {
            "warning": warning
        }
    return text, warning.strip()


def _decoded(raw: bytes) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            try:
                return raw.decode(encoding), ""
            except UnicodeDecodeError as error:
                raise FileRefused(_("It begins like %s text but is damaged.") % encoding.upper()) from error
    if b"\0" in raw:
        raise FileRefused(_("It is not a text file."))
    try:
        return raw.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        text = ""
    beyond = sum(sign > "\x7f" for sign in text)
    if not text or beyond > MOST_WESTERN_SIGNS * len(text) or len(CONTROLS.findall(text)) * 100 > len(text):
        raise FileRefused(_("Its encoding is not known, or it is not text. Save it as UTF-8 and try again."))
    return text, _("It is not UTF-8; it was read as Windows-1252: check quotation marks and accents.")


def _refuse_other_formats(path: Path, text: str) -> None:
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if start.startswith("{\\rtf"):
        raise FileRefused(_("It is a Rich Text (RTF) document. Save it as plain text or HTML and try again."))
    if start.startswith("%pdf-"):
        raise FileRefused(_("It is a PDF document. Save its text as plain text and try again."))
    if path.suffix.lower() == ".txt" and re.match(r"<!doctype html|<html\b|<head\b|<body\b", start):
        raise FileRefused(_("It holds HTML. Rename it to end in .html and try again."))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _listed(endings: Collection[str]) -> str:
    first, last = list(endings)[:-1], list(endings)[-1]
    return _("%(first)s or %(last)s") % {"first": ", ".join(first), "last": last}
