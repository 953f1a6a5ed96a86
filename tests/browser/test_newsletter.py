"""The pages that a reader of the e-newsletter has, in Chromium: seen by axe, by keyboard, on a phone and a desk."""

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")
pytest.importorskip("axe_playwright_python.sync_playwright")

from tests.browser.test_every_page import sideways, violations
from tests.browser.test_journeys import new_address, open_the_letter, press_tab_until, sign_up

pytestmark = pytest.mark.browser

TOPICS = {"offers-of-the-month": "Offers of the month", "reading": "What we have been reading"}


@pytest.fixture(scope="module")
def offered():
    """The topics that are there already, by their short names."""
    return set()


@pytest.fixture
def topics(staff, offered):
    """Two topics, made at the desk as marketing makes them."""
    desk = staff()
    for slug, name in TOPICS.items():
        if slug in offered:
            continue
        desk.goto("/admin/newsletter/topic/add/")
        desk.locator("#id_name").fill(name)
        desk.locator("#id_slug").fill(slug)
        desk.locator("#id_description").fill("About once a month.")
        desk.get_by_role("button", name="Save", exact=True).click()
        desk.locator(".messagelist").wait_for()
        offered.add(slug)
    return desk


def link_in_the_letter(desk, email, subject, word):
    """As staff of the trial: the newest letter to `email`, and its link to `word`."""
    desk.goto("/admin/clinic/letter/?q=" + email)
    desk.get_by_role("link", name=subject).first.click()
    desk.get_by_role("button", name="Read it with its links").click()
    return desk.locator(f"a[href*='/newsletter/{word}/']").get_attribute("href")


@pytest.fixture
def reader(open_page, topics):
    """Somebody on the list, and the address of their preferences."""
    email = new_address()
    page = open_page()
    sign_up(page, email)
    page.goto(open_the_letter(topics, email))
    page.get_by_role("button", name="Put me on the list").click()
    sign_up(page, email)
    return email, link_in_the_letter(topics, email, "You are already on our e-newsletter list", "preferences")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (768, "light"), (1280, "light")])
def test_axe_finds_nothing_on_a_readers_pages_and_none_scrolls_sideways(open_page, reader, width, scheme):
    email, preferences = reader
    page = open_page(width, color_scheme=scheme)
    leave = preferences.replace("/preferences/", "/unsubscribe/")
    found, wide = [], {}

    def look(what):
        nonlocal found
        found += violations(page)
        wide[what] = sideways(page)

    page.goto("/newsletter/")
    look("sign-up with topics")
    page.goto(preferences)
    assert email in page.locator("main").inner_text()
    look("preferences")
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    look("refused")
    page.get_by_label(TOPICS["reading"]).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    look("saved")
    page.goto("/newsletter/unsubscribe/test/")
    look("test letter")
    # A letter's link serves one purpose; a made-up one for leaving is unknown.
    page.goto(leave)
    look("unknown")
    page.goto("/newsletter/archive/")
    look("archive")
    page.goto(preferences)
    page.get_by_role("button", name="Leave the list").click()
    page.get_by_role("heading", level=1, name="You are off the list").wait_for()
    look("left")
    assert found == []
    assert {what: by for what, by in wide.items() if by} == {}


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_topics_are_chosen_and_the_list_is_left_by_keyboard_alone(open_page, reader, javascript):
    _email, preferences = reader
    page = open_page(java_script_enabled=javascript)
    page.goto(preferences)
    box = press_tab_until(page, "checkbox", re.compile(TOPICS["reading"]))
    page.keyboard.press("Space")
    assert not box.is_checked()
    press_tab_until(page, "button", "Save")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    page.reload()
    assert page.get_by_label(TOPICS["offers-of-the-month"]).is_checked()
    assert not page.get_by_label(TOPICS["reading"]).is_checked()
    press_tab_until(page, "button", "Leave the list")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="You are off the list").wait_for()


def test_what_was_chosen_at_the_sign_up_is_ticked_afterwards(open_page, topics):
    email = new_address()
    page = open_page(360)
    page.goto("/newsletter/")
    page.get_by_label("Email").fill(email)
    page.get_by_label(TOPICS["reading"]).check()
    page.get_by_role("button", name="E-Newsletter Sign-Up").click()
    page.goto(open_the_letter(topics, email))
    assert TOPICS["reading"] in page.locator("main").inner_text()
    page.get_by_role("button", name="Put me on the list").click()
    topics.goto(f"/admin/newsletter/subscriber/?q={email}")
    topics.locator("#result_list tbody th a").click()
    assert TOPICS["reading"] in topics.locator(".field-chosen_topics").inner_text()
    assert TOPICS["offers-of-the-month"] not in topics.locator(".field-chosen_topics").inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_desks_pages_about_the_list_open_without_a_fault_and_fit_the_screen(staff, reader, width):
    email, _preferences = reader
    desk = staff(width=width)
    wide = {}
    for path in ("topic/", "topic/add/", "mailingrules/", "suppression/", f"subscriber/?q={email}"):
        desk.goto(f"/admin/newsletter/{path}")
        wide[path] = sideways(desk)
    desk.locator("#result_list tbody th a").click()
    wide["person"] = sideways(desk)
    assert {path: by for path, by in wide.items() if by} == {}
