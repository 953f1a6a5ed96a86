"""What one line of text from a visitor may not hold."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# They turn the order of what follows, and make a name read as another (UAX #9). Plain left-to-right and
# right-to-left marks, and the joiners of emoji and of Persian words, are how people write.
DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
LINE_ENDS = frozenset("\u2028\u2029")
# Our letters are no place for other people's links, and mail programs make one of each such word.
WEB_ADDRESS = re.compile(
    r"://|\bwww\.|[^\s@]\.(?:com|net|org|info|biz|io|co|me|ru|cn|xyz|top|shop|site|online|link|click)(?:/|\b)",
    re.IGNORECASE,
)


def is_hidden(character: str) -> bool:
    """Whether nobody sees it: controls, halves of characters, line ends of Unicode, and what turns the direction."""
    return unicodedata.category(character) in {"Cc", "Cs"} or character in DIRECTION_OVERRIDES or character in LINE_ENDS


def validate_one_line(value: str) -> None:
    """Refuses line breaks, other control characters and direction overrides: they forge headers and lists."""
    if any(is_hidden(character) for character in value):
        raise ValidationError(_("Write this on one line, without hidden characters."), code="hidden")


def validate_no_web_address(value: str) -> None:
    if WEB_ADDRESS.search(value):
        raise ValidationError(_("Leave web addresses out of the name."), code="web_address")
