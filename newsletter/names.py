"""What may stand in a reader's name. A form refuses what breaks these rules; an import leaves it out."""

import unicodedata

LONGEST = 80
# They turn the words around them about, U+202A to U+202E and U+2066 to U+2069; no name needs them.
DIRECTION_MARKS = frozenset([*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))])


def seen(typed: str) -> str:
    """The name on one line, without control characters and direction marks."""
    on_one_line = " ".join(typed.split())
    letters = (letter for letter in on_one_line if not _is_unseen(letter))
    return " ".join("".join(letters).split())


def has_unseen(typed: str) -> bool:
    """Whether it holds what nobody sees. White space of any kind counts as a space."""
    return any(map(_is_unseen, " ".join(typed.split())))


def names_a_website(name: str) -> bool:
    """Our letters are no place for other people's links: mail programs make one of each such word."""
    return "://" in name or "www." in name.casefold()


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc" or letter in DIRECTION_MARKS
