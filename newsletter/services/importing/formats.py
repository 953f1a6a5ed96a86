"""What a program calls the columns and the files of its lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from newsletter.models import Subscriber

State = Subscriber.State
Cells = Mapping[str, str]


@dataclass(frozen=True)
class Format:
    """`columns`: what it calls them, in small letters with one space between words, and what they are in `neutral`.

    `neutral` turns a row's cells by those names into the cells of our own format.
    `files`: beginnings of file names in the order in which they are read, and whose addresses are in them, if the name
    says it. `ignored`: beginnings of names of files that hold no list.
    `telling`: columns that only a file of such addresses has.
    """

    columns: Mapping[str, str]
    neutral: Callable[[Cells], Cells]
    files: Mapping[str, State | None]
    ignored: tuple[str, ...] = ()
    telling: Mapping[str, State] | None = None

    def column(self, name: str) -> str | None:
        """What a column of this name is here; None for one that is not read."""
        return self.columns.get(" ".join(name.replace("_", " ").split()).lower())
