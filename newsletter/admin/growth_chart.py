"""The months of the list as a drawing: who joined stands above the line, who was lost hangs below it.

All lengths are units of the drawing's own viewBox. Colours are classes: the pages allow no style in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.formats import date_format

from newsletter.services.reports import Month

COLUMN, GAP = 30.0, 6.0
NUMBER = 13.0  # the height of a number above or below its bar
PLOT = 120.0  # for the bars, up and down together
MONTHS = 16.0  # for the names of the months


@dataclass(frozen=True)
class Bar:
    """A rectangle, and its number as it stands at `label_y`."""

    kind: str
    y: float
    height: float
    number: str
    label_y: float


@dataclass(frozen=True)
class Column:
    month: Month
    name: str
    x: float
    middle: float
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Chart:
    columns: Sequence[Column]
    width: float
    height: float
    zero: float
    bar_width: float
    names_y: float


def chart(months: Sequence[Month]) -> Chart:
    """Up and down have the same scale. Some month must have a number that is not 0."""
    most_up, most_down = max(month.joined for month in months), max(month.lost for month in months)
    scale = PLOT / (most_up + most_down)
    zero = round(NUMBER + most_up * scale, 1)
    names_y = NUMBER + PLOT + NUMBER + MONTHS - 4
    return Chart(
        columns=[
            Column(
                month,
                date_format(month.first, "M"),
                x=number * COLUMN + GAP / 2,
                middle=number * COLUMN + COLUMN / 2,
                bars=list(_bars(month, zero, scale)),
            )
            for number, month in enumerate(months)
        ],
        width=len(months) * COLUMN,
        height=NUMBER + PLOT + NUMBER + MONTHS,
        zero=zero,
        bar_width=COLUMN - GAP,
        names_y=names_y,
    )


def _bars(month: Month, zero: float, scale: float) -> list[Bar]:
    bars = []
    if month.joined:
        # At least a hair, so that one among thousands is seen.
        height = max(1.0, round(month.joined * scale, 1))
        bars.append(Bar("joined", round(zero - height, 1), height, short(month.joined), round(zero - height - 3, 1)))
    if month.lost:
        height = max(1.0, round(month.lost * scale, 1))
        bars.append(Bar("lost", zero, height, short(month.lost), round(zero + height + 10, 1)))
    return bars


def short(number: int) -> str:
    """At most four characters, which a column has room for; the table beside it has the whole number."""
    if number < 1000:
        return str(number)
    return f"{number // 1000}k" if number < 1_000_000 else f"{number // 1_000_000}M"
