"""The pictures of the README, made anew by `SCREENSHOTS=docs/screenshots script/test -k screenshots`."""

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_screenshots_of_the_readme_can_be_made(open_page, staff, tmp_path):
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page(1280, 800, reduced_motion="reduce")
    page.goto("/")
    page.screenshot(path=folder / "home.png")
    phone = open_page(390, 844)
    phone.goto("/appointments/request/?category=injectables")
    phone.screenshot(path=folder / "request-phone.png")
    desk = staff(width=1280, height=800)
    desk.screenshot(path=folder / "dashboard.png")
    assert sorted(path.name for path in folder.glob("*.png")) == ["dashboard.png", "home.png", "request-phone.png"]
