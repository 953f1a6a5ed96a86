"""What came of a mailing: its links carry `?from=` and its code, which names the mailing and nobody who read it.

The code goes from page to page in addresses and in a form's hidden field `came_from`; no cookie holds it. Each app
registers what it counts, so that who reports need not know any of them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.http import QueryDict

# Where a visitor's own page has a use of its own for `from`, the code is called `came_from` in its addresses too.
NAMES: Final = ("came_from", "from")
CODE: Final = re.compile(r"[a-z0-9]{8}", re.ASCII)
IN_QUERY: Final = re.compile(r"from=[a-z0-9]{8}", re.ASCII)

Counter = Callable[[Sequence[str]], dict[str, int]]
Counted = Literal["requests", "bookings"]
_counters: dict[Counted, Counter] = {}


@dataclass(frozen=True)
class Came:
    """How many appointment requests, and how many booked appointments."""

    requests: int
    bookings: int


def is_code(value: object) -> bool:
    """Whether it looks like a mailing's code; nobody asks whether there is such a mailing."""
    return isinstance(value, str) and CODE.fullmatch(value) is not None


def code_in(sent: QueryDict) -> str:
    """The code in an address or a form, "" where there is none."""
    return next((value for name in NAMES for value in sent.getlist(name) if is_code(value)), "")


def without_code(query: str) -> str:
    """An address's query without a mailing's code: both lead to the same page."""
    if "from=" not in query:
        return query
    return "&".join(part for part in query.split("&") if not IN_QUERY.fullmatch(part))


def counted(what: Counted) -> Callable[[Counter], Counter]:
    """Registers a function that counts, by code, what came by the links of the mailings with these codes."""

    def register(counter: Counter) -> Counter:
        _counters[what] = counter
        return counter

    return register


def totals(codes: Iterable[str]) -> dict[str, Came]:
    """For each of the codes, also where nothing came; one query for each kind of thing."""
    asked = list(dict.fromkeys(codes))
    counts = {what: counter(asked) if asked else {} for what, counter in _counters.items()}
    return {code: Came(*(counts.get(what, {}).get(code, 0) for what in ("requests", "bookings"))) for code in asked}
