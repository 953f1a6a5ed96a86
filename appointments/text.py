"""Text as the diary looks for it and keeps it."""

import re
import unicodedata

from clinic.text import is_hidden
from clinic.text import validate_no_web_address as validate_no_web_address  # named here by the first migrations
from clinic.text import validate_one_line as validate_one_line


def without_accents(value: str) -> str:
    """As somebody writes a name who has no such keys: Öztürk as Ozturk."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", value))


def without_hidden(value: str) -> str:
    """Several lines of text: line breaks as \\n, and control characters, which nobody typed on purpose, left out."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or not is_hidden(c))
