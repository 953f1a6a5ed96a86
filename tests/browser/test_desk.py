"""The front desk's day: who has come, and who calls."""

import re

import pytest

from tests.browser.booking import HAS_FOCUS, Eyes, enter, heading

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = pytest.mark.browser

DAY = "/admin/appointments/appointment/day/"
ARRIVED, UNDO = re.compile("^Arrived"), re.compile("^Undo")


def line_of_somebody_expected(desk):
    """The first line of today, taken back to the morning: whatever the hour of this test, its patient is yet to come.

    Past visits of the demo are completed, the one of this minute has arrived.
    """
    line = desk.locator(".day-list tbody tr").first
    for _step in range(3):
        if line.get_by_role("button", name=ARRIVED).count():
            break
        with desk.expect_navigation():
            line.get_by_role("button", name=UNDO).click()
    return line


def test_one_click_says_that_somebody_has_arrived_and_another_takes_it_back(staff):
    desk = staff()
    eyes = Eyes(desk)
    desk.goto(DAY)
    eyes.look()
    line = line_of_somebody_expected(desk)
    before = line.locator(".status").inner_text()
    with desk.expect_navigation():
        line.get_by_role("button", name=ARRIVED).click()
    assert line.locator(".status").inner_text() == "arrived"
    said = desk.locator(".messagelist")
    assert said.inner_text().startswith(line.locator(".from").inner_text())
    eyes.look()
    with desk.expect_navigation():
        said.get_by_role("button", name="Undo").click()
    assert line.locator(".status").inner_text() in {before, "confirmed"}
    assert eyes.wrong == []


def test_a_caller_is_booked_by_keyboard_alone(staff):
    desk = staff()
    eyes = Eyes(desk)
    desk.goto(DAY)
    enter(desk, "link", "Book for a caller")
    assert desk.get_by_role("searchbox", name="Find the patient").evaluate(HAS_FOCUS)
    eyes.look()
    desk.keyboard.type("(704) 555 0101")
    with desk.expect_navigation():
        desk.keyboard.press("Enter")
    assert desk.get_by_role("radio", name=re.compile("Hazel Example")).is_checked()
    visit = desk.get_by_role("combobox", name="Visit")
    assert visit.evaluate(HAS_FOCUS)
    desk.keyboard.type("First conversation about skin")
    enter(desk, "button", "Show times")
    assert desk.locator("#times-of-the-day").evaluate(HAS_FOCUS)
    eyes.look()
    # In the evening nothing of today is left.
    enter(desk, "button", re.compile("[0-9] times?"))
    assert desk.locator("#times-of-the-day").evaluate(HAS_FOCUS)
    desk.keyboard.press("Tab")
    desk.keyboard.press("Space")
    enter(desk, "button", re.compile("^Book$"))
    said = desk.locator(".messagelist").inner_text()
    assert re.search(r"is booked for \w+day.* and the confirmation goes out by email\.", said)
    assert heading(desk) == "Hazel Example"
    assert eyes.wrong == []
