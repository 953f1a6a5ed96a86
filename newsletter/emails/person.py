import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.urls import reverse

from clinic.text import DIRECTION_OVERRIDES

TOKEN = re.compile(r"[A-Za-z0-9_-]{0,200}")
# Formatting characters that turn the direction of what follows them, for the whole line. The three that a name may
# hold, as those written from right to left do, are left out of a letter as well: its words go on behind the name.
TURNS = DIRECTION_OVERRIDES | frozenset("\u061c\u200e\u200f")


@dataclass(frozen=True)
class Person:
    """Whom one letter goes to. `token` is that of their links; empty in previews and test letters.

    Raises ValueError for a token that could not stand in an address.
    """

    email: str
    name: str
    token: str

    def __post_init__(self) -> None:
        if not TOKEN.fullmatch(self.token):
            raise ValueError("A token holds letters, digits, hyphens and underscores.")

    @cached_property
    def shown_name(self) -> str:
        """The name on one line, without characters that are no writing: the person typed it, or an import did."""
        if self.name.isascii() and self.name.isprintable():
            return " ".join(self.name.split())
        return " ".join("".join(map(_written, self.name)).split())


def _written(letter: str) -> str:
    if letter.isspace():
        return " "
    # Control, private use and surrogates. Joiners and marks stay: names are written with them.
    return "" if letter in TURNS or unicodedata.category(letter) in {"Cc", "Co", "Cs"} else letter


def leave_address(token: str) -> str:
    """Where the person leaves. Without a token there is nobody to leave: a preview leads to the sign-up."""
    return _address("newsletter:unsubscribe", token)


def preferences_address(token: str) -> str:
    return _address("newsletter:preferences", token)


def _address(view: str, token: str) -> str:
    return settings.BASE_URL + (reverse(view, args=[token]) if token else reverse("newsletter:signup"))
