"""The pictures of the README, made anew by `SCREENSHOTS=docs/screenshots script/test -k screenshots`."""

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = pytest.mark.browser


def test_the_screenshots_of_the_readme_can_be_made(open_page, staff, tmp_path):
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page = open_page(1280, 800, reduced_motion="reduce")
    page.goto("/")
    page.screenshot(path=folder / "home.png")
    request = open_page(390, 844)
    request.goto("/appointments/request/?category=injectables")
    request.screenshot(path=folder / "request-phone.png")
    book = open_page(360, 740)
    book.goto("/appointments/book/consultation-skin/?location=southpark")
    book.locator(".day-choice").evaluate("days => scrollBy(0, days.getBoundingClientRect().top - 20)")
    book.screenshot(path=folder / "book-phone.png")
    desk = staff(width=1280, height=800)
    desk.screenshot(path=folder / "dashboard.png")
    desk.set_viewport_size({"width": 1280, "height": 1200})
    desk.goto("/admin/appointments/appointment/day/")
    desk.screenshot(path=folder / "day.png")
    made = ["book-phone.png", "dashboard.png", "day.png", "home.png", "request-phone.png"]
    assert sorted(path.name for path in folder.glob("*.png")) == made
