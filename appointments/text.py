"""What one line of text from a visitor may not hold."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# They turn the order of what follows, and make a name read as another (UAX #9). Plain left-to-right and
# right-to-left marks, and the joiners of emoji and of Persian words, are how people write.
DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_ENDS = frozenset("\u2028\u2029")
WEB_ADDRESS = re.compile(
    r"://|\bwww\.|[^\s@]\.(?:com|net|org|info|biz|io|co|me|ru|cn|xyz|top|shop|site|online|link|click)(?:/|\b)",
    re.IGNORECASE,
)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} or character in DIRECTION_OVERRIDES or character in LINE_ENDS


def validate_one_line(value: str) -> None:
    """Refuses line breaks, other control characters and direction overrides: they forge headers and lists."""
    if any(_is_hidden(character) for character in value):
        raise ValidationError(_("Write this on one line, without hidden characters."), code="hidden")


def validate_no_web_address(value: str) -> None:
    if WEB_ADDRESS.search(value):
        raise ValidationError(_("Leave web addresses out of the name."), code="web_address")


def without_accents(value: str) -> str:
    """As somebody writes a name who has no such keys: Öztürk as Ozturk."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", value))


def without_hidden(value: str) -> str:
    """Several lines of text: line breaks as \\n, and control characters, which nobody typed on purpose, left out."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or not _is_hidden(c))
