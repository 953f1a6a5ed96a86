"""What may stand in a reader's name. A form refuses what breaks these rules; an import leaves it out."""

from clinic.text import WEB_ADDRESS, is_hidden

LONGEST = 80


def seen(typed: str) -> str:
    """The name on one line, without control characters and direction marks."""
    on_one_line = " ".join(typed.split())
    letters = (letter for letter in on_one_line if not is_hidden(letter))
    return " ".join("".join(letters).split())


def has_unseen(typed: str) -> bool:
    """Whether it holds what nobody sees. White space of any kind counts as a space."""
    return any(map(is_hidden, " ".join(typed.split())))


def names_a_website(name: str) -> bool:
    return WEB_ADDRESS.search(name) is not None
