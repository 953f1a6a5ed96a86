"""The pages behind a mailed link, in Chromium: the token in their address goes nowhere with the browser."""

import re
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

from tests.browser.booking import SURGERY, confirm, go_on_to_check, hold_first_time, type_details, visit_day
from tests.browser.test_journeys import new_address, open_the_letter, sign_up

pytestmark = pytest.mark.browser


def token_in(address):
    return max(urlsplit(address).path.split("/"), key=len)


@pytest.fixture
def heard(open_page):
    """A page, and what it asks for."""
    page, requests = open_page(), []
    page.on("request", lambda request: requests.append(request))
    return page, requests


def check(requests, site, tokens):
    """No Referer has told a token, and each form has said where it came from."""
    headers = [request.all_headers() for request in requests]
    told = [of["referer"] for of in headers if any(token in of.get("referer", "") for token in tokens)]
    assert told == []
    posts = [of["origin"] for request, of in zip(requests, headers, strict=True) if request.method == "POST"]
    assert set(posts) == {site.address}
    return len(posts)


def test_a_readers_token_stands_in_no_referer_and_the_forms_are_taken(heard, staff, site):
    page, requests = heard
    desk, email = staff(), new_address()
    sign_up(page, email)
    confirmation = open_the_letter(desk, email)
    requests.clear()
    page.goto(confirmation)
    page.get_by_role("button", name="Put me on the list").click()
    page.get_by_role("heading", level=1, name="You are on the list").wait_for()
    page.get_by_role("link", name=re.compile("Home|Treatments")).first.click()

    desk.goto("/admin/newsletter/campaign/")
    sign_up(page, email)
    desk.goto("/admin/clinic/letter/?q=" + email)
    desk.get_by_role("link", name="You are already on our e-newsletter list").first.click()
    desk.get_by_role("button", name="Read it with its links").click()
    preferences = desk.locator("a[href*='/newsletter/preferences/']").get_attribute("href")
    page.goto(preferences)
    page.get_by_label("Name").fill("Ada King")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").wait_for()
    page.get_by_role("button", name="Leave the list").click()
    page.get_by_role("heading", level=1, name="You are off the list").wait_for()
    page.get_by_role("link", name=re.compile("Home|Treatments")).first.click()
    assert check(requests, site, [token_in(confirmation), token_in(preferences)]) == 4


def test_a_patients_token_stands_in_no_referer_and_the_forms_are_taken(heard, site):
    page, requests = heard
    tokens = []
    visit_day(page, SURGERY, 3)
    hold_first_time(page)
    tokens.append(token_in(page.url))
    type_details(page, "Ann Noreferer", new_address())
    go_on_to_check(page)
    confirm(page)
    tokens.append(token_in(page.url))
    page.get_by_role("link", name=re.compile("Treatments")).first.click()
    assert len({*tokens}) == 2
    assert check(requests, site, tokens) >= 3


def test_a_letter_that_is_read_at_the_desk_shows_all_and_its_links_work(staff):
    desk = staff()
    desk.goto("/admin/newsletter/delivery/")
    # The oldest is the demo's: who got the newest has left the list in another test.
    desk.locator("#result_list tbody th a").last.click()
    letter = desk.frame_locator("iframe")
    desk.locator("iframe").scroll_into_view_if_needed()
    letter.locator("h1, h2, p").first.wait_for()
    assert letter.locator("img").evaluate_all("all => all.filter(one => !one.naturalWidth).length") == 0
    desk.get_by_role("link", name="Open it alone").click()
    assert desk.evaluate("window.origin") != "null"
    desk.locator("a[href*='/newsletter/preferences/']").first.click()
    desk.get_by_role("heading", level=1, name="What we send you").wait_for()
    desk.get_by_role("button", name="Save").click()
    desk.get_by_role("status").wait_for()
