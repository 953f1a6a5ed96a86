"""The code of a mailing goes with the visitor from page to page, and stays nowhere."""

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = pytest.mark.browser

CODE = "spr2ng26"
HREFS = "all => all.map(a => a.getAttribute('href'))"


def test_from_an_article_by_a_treatment_to_the_form(open_page):
    page = open_page()
    page.goto(f"/articles/can-botulinum-toxin-help-acne/?from={CODE}")
    page.locator("a[href^='/treatments/'], a[href*='/treatments/?']").first.click()
    page.wait_for_url(f"**/treatments/**?from={CODE}**")
    page.get_by_role("banner").get_by_role("link", name="Request an Appointment").click()
    page.wait_for_url(f"**/appointments/request/?from={CODE}")
    assert page.locator("input[name=came_from]").get_attribute("value") == CODE


def test_only_what_leads_on_in_the_site_carries_it(open_page):
    page = open_page()
    page.goto(f"/?from={CODE}#content")
    carrying = {href for href in page.eval_on_selector_all("a", HREFS) if CODE in href}
    assert carrying
    wrong = [href for href in carrying if "/newsletter/" in href or "/appointments/find/" in href or "tel:" in href]
    assert wrong == []
    left_alone = page.eval_on_selector_all("a[href^='tel:'], a[href^='mailto:'], a[href^='#']", HREFS)
    assert [href for href in left_alone if CODE in href] == []


def test_what_a_link_says_already_stays(open_page):
    page = open_page()
    page.goto(f"/offers/?from={CODE}")
    buttons = page.eval_on_selector_all(".offer .button", "all => all.map(a => a.search)")
    assert buttons
    assert [query for query in buttons if not query.startswith("?offer=") or not query.endswith(f"&from={CODE}")] == []


@pytest.mark.parametrize("query", ["", "?from=", "?from=SPR2NG26", "?from=%22%3E%3Cb%3E", "?from=spr2ng267"])
def test_without_a_code_no_link_is_touched(open_page, query):
    page = open_page()
    page.goto(f"/{query}")
    assert [href for href in page.eval_on_selector_all("a", HREFS) if "from=" in href] == []


def test_nothing_is_kept_in_the_browser(open_page):
    page = open_page()
    page.goto(f"/?from={CODE}")
    page.goto(f"/offers/?from={CODE}")
    kept = page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert (kept, page.context.cookies()) == (["", 0, 0], [])
    page.goto("/")
    assert [href for href in page.eval_on_selector_all("a", HREFS) if CODE in href] == []


def test_without_a_script_a_link_to_the_form_still_counts(open_page):
    page = open_page(java_script_enabled=False)
    page.goto(f"/appointments/book/?from={CODE}")
    page.locator(".visits a").first.click()
    page.locator(".days a").last.click()
    assert page.locator("input[name=came_from]").first.get_attribute("value") == CODE
