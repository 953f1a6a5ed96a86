"""Our own format, which the export writes: docs/lists.md describes it."""

from newsletter.services.cells import plain
from newsletter.services.importing.formats import Cells, Format

NAMES = (
    "email",
    "name",
    "language",
    "status",
    "topics",
    "consent_at",
    "consent_how",
    "consent_words",
    "consent_network_address",
    "left_at",
)


def _neutral(cells: Cells) -> Cells:
    return {name: plain(cell) for name, cell in cells.items()}


NEUTRAL = Format(
    columns={name.replace("_", " "): name for name in NAMES},
    neutral=_neutral,
    # The second repeats those of the first that have left, and adds those who are suppressed without being in it.
    files={"subscribers": None, "suppressions": None},
    ignored=("consents",),
)
