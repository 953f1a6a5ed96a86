"""The steps of a booking, with a mouse and by keyboard, and eyes that look at each of its pages."""

import re

from tests.browser.test_every_page import settled, sideways, violations
from tests.browser.test_journeys import press_tab_until

SKIN = "/appointments/book/consultation-skin/"
# With one surgeon only: a time of hers that somebody holds is nobody else's.
SURGERY = "/appointments/book/consultation-surgery/"
PRESENTATIONS = [(360, "light"), (1280, "dark")]
HAS_FOCUS = "element => element === document.activeElement"


def heading(page):
    return page.get_by_role("heading", level=1).inner_text()


def visit_day(page, address, number):
    """The `number`-th free day after tomorrow, so that its visits can still be moved and cancelled by link."""
    page.goto(address)
    days = page.locator(".days a").evaluate_all("all => all.map(day => day.getAttribute('href').split('#')[0])")
    page.goto(days[2 + number])
    return page.url


def times(page):
    return page.locator(".times button")


def hold_first_time(page):
    """Returns what the button said."""
    words = times(page).first.inner_text()
    times(page).first.click()
    assert heading(page) == "Your details"
    return words


def type_details(page, name, email):
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("textbox", name="Phone").fill("(704) 555 0196")
    page.get_by_label(re.compile("I agree")).check()


def go_on_to_check(page):
    page.get_by_role("button", name="Continue", exact=True).click()
    assert heading(page) == "Check and confirm"


def answers(page):
    """What the page to check shows, by its label."""
    terms, facts = page.locator(".answers dt"), page.locator(".answers dt + dd")
    return dict(zip(terms.all_inner_texts(), facts.all_inner_texts(), strict=True))


def confirm(page):
    """Returns the reference."""
    page.get_by_role("button", name="Confirm this appointment").click()
    assert heading(page) == "You are booked"
    return reference(page)


def reference(page):
    return page.locator("dd.reference").evaluate("line => line.firstChild.textContent")


def enter(page, role, name):
    """Goes there by Tab and presses Enter; returns the status of the page that it leads to."""
    press_tab_until(page, role, name)
    with page.expect_navigation() as leads:
        page.keyboard.press("Enter")
    return leads.value.status


class Eyes:
    """See a page as a phone shows it by day and a wide screen at night, and collect what is wrong."""

    def __init__(self, page):
        self.page, self.wrong = page, []

    def look(self):
        for width, scheme in PRESENTATIONS:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if by := sideways(self.page):
                self.wrong.append(f"{self.page.url} is {by} px wider than {width}")
            settled(self.page)
            self.wrong += violations(self.page)
