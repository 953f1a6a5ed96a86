"""Cuts the fonts of the site from their packages: only Latin, only the weights that the pages use, as woff2."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

# What English and the languages of western Europe are written with, and the punctuation of good typesetting.
LATIN = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x100),
    *(0x131, 0x152, 0x153, 0x2013, 0x2014, 0x2018, 0x2019, 0x201A, 0x201C, 0x201D, 0x201E),
    *(0x2022, 0x2026, 0x20AC, 0x2190, 0x2191, 0x2192, 0x2193, 0x2212),
)
FEATURES = ["kern", "liga", "lnum", "tnum"]
STAMP = "made-from.txt"


@dataclass(frozen=True)
class Cut:
    """One file to make: `axes` holds a fixed value or a (lowest, highest) range for each axis that is cut."""

    name: str
    package: str
    source: str
    axes: dict[str, float | tuple[float, float]]


CUTS = (
    Cut(
        "newsreader.woff2",
        "fontpkg-newsreader",
        "Newsreader[opsz,wght].ttf",
        {"wght": (300, 600), "opsz": 36},
    ),
    Cut(
        "newsreader-italic.woff2",
        "fontpkg-newsreader",
        "Newsreader-Italic[opsz,wght].ttf",
        {"wght": 350, "opsz": 36},
    ),
    Cut(
        "instrument-sans.woff2",
        "fontpkg-instrument-sans",
        "InstrumentSans[wdth,wght].ttf",
        {"wdth": 100, "wght": (400, 600)},
    ),
)


def make_fonts(folder: Path, *, cuts: Sequence[Cut] = CUTS) -> bool:
    """Makes the files of `cuts` in `folder`; True when something was made, False when all were there already.

    A file appears under its name only when it is whole, and the stamp is written last: whoever is
    interrupted starts again, and several at once do not harm each other.
    """
    stamp = folder / STAMP
    made_from = description(cuts)
    if stamp.is_file() and stamp.read_text() == made_from and all((folder / cut.name).is_file() for cut in cuts):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    for cut in cuts:
        write_whole(folder / cut.name, cut_font(cut).save)
    write_whole(stamp, lambda path: path.write_text(made_from))
    return True


def description(cuts: Sequence[Cut]) -> str:
    """The versions and the choices that `cuts` are made from: when it changes, the files are made anew."""
    packages = sorted({"fonttools", *(cut.package for cut in cuts)})
    versions = [f"{package}=={version(package)}" for package in packages]
    return "\n".join([*versions, *map(repr, cuts), f"{FEATURES} {len(LATIN)} signs", ""])


def cut_font(cut: Cut) -> TTFont:
    """The font of `cut` with fewer signs and axes, ready to be saved as woff2."""
    source = files(cut.package.replace("-", "_")) / "files" / cut.source
    # Without its time of making: the same packages give the same bytes, hence the same address.
    font = TTFont(str(source), recalcTimestamp=False)
    options = Options()
    options.layout_features = FEATURES
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=LATIN)
    # The signs first: fixing the axes of those that are left takes a third less time than the other way round.
    subsetter.subset(font)
    font = instantiateVariableFont(font, cut.axes)
    font.flavor = "woff2"
    return font


def write_whole(target: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `target`, then puts it in place in one step."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
