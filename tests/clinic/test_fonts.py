"""The fonts are cut once, small, whole, and again when what they are made from changes."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from fontTools.ttLib import TTFont

from clinic.fonts import CUTS, LATIN, STAMP, description, make_fonts, write_whole
from tests.fonts import fonts

ITALIC = CUTS[1]
TOTAL_LIMIT = 96 * 1024


@pytest.fixture(scope="module")
def made() -> Path:
    return fonts()


def test_all_three_files_are_made_and_nothing_else_is_left(made):
    assert {path.name for path in made.iterdir()} == {
        "newsreader.woff2",
        "newsreader-italic.woff2",
        "instrument-sans.woff2",
        STAMP,
    }


def test_together_they_stay_small(made):
    assert sum((made / cut.name).stat().st_size for cut in CUTS) < TOTAL_LIMIT


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.name)
def test_a_file_is_woff2_with_the_signs_of_english_and_spanish(made, cut):
    assert (made / cut.name).read_bytes()[:4] == b"wOF2"
    signs = TTFont(made / cut.name).getBestCmap()
    assert {chr(code) for code in signs} >= set("AZaz09 áéíñóúü¿¡“”‘’–—…€×")
    assert set(signs) <= set(LATIN)


def test_the_upright_fonts_keep_their_weights_and_the_italic_has_one(made):
    axes = {
        cut.name: {axis.axisTag: (axis.minValue, axis.maxValue) for axis in font["fvar"].axes} if "fvar" in font else {}
        for cut in CUTS
        for font in [TTFont(made / cut.name)]
    }
    assert axes == {
        "newsreader.woff2": {"wght": (300, 600)},
        "newsreader-italic.woff2": {},
        "instrument-sans.woff2": {"wght": (400, 600)},
    }


def test_what_was_made_is_not_made_again(made):
    before = {path: path.stat().st_mtime_ns for path in made.iterdir()}
    assert make_fonts(made) is False
    assert {path: path.stat().st_mtime_ns for path in made.iterdir()} == before


@pytest.fixture
def older(tmp_path) -> Path:
    """The italic as it would have been left behind by other versions of the packages."""
    (tmp_path / ITALIC.name).write_bytes(b"older")
    (tmp_path / STAMP).write_text(description([ITALIC]).replace("newsreader==", "newsreader==0."))
    return tmp_path


def test_other_versions_make_the_same_file_anew_for_everyone_to_read_whatever_the_umask(older, made):
    umask = os.umask(0o077)
    try:
        assert make_fonts(older, cuts=[ITALIC]) is True
    finally:
        os.umask(umask)
    font = older / ITALIC.name
    assert font.read_bytes() == (made / ITALIC.name).read_bytes(), "the same packages give the same address"
    assert font.stat().st_mode & 0o777 == 0o644


def test_a_lost_file_is_made_again(tmp_path):
    folder = tmp_path / "not" / "there" / "yet"
    assert make_fonts(folder, cuts=[]) is True
    (folder / STAMP).write_text(description([ITALIC]))
    assert make_fonts(folder, cuts=[ITALIC]) is True
    assert (folder / ITALIC.name).stat().st_size > 10_000
    assert make_fonts(folder, cuts=[ITALIC]) is False


def test_other_axes_count_as_other_fonts():
    assert description([ITALIC]) != description([replace(ITALIC, axes={"wght": 400, "opsz": 36})])


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_no_litter(tmp_path):
    target = tmp_path / "font.woff2"
    target.write_bytes(b"old")

    def break_off(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, break_off)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"font.woff2": b"old"}


def test_the_command_makes_them_in_the_folder_of_the_settings(made, settings, capsys):
    settings.FONTS_FOLDER = made
    call_command("make_fonts", verbosity=2)
    assert capsys.readouterr().out == f"The fonts are already in {made}\n"


def test_the_stylesheet_asks_for_exactly_these_files():
    styles = (Path(settings.BASE_DIR) / "static" / "css" / "site.css").read_text()
    assert {part.split('"')[0] for part in styles.split("../fonts/")[1:]} == {cut.name for cut in CUTS}
