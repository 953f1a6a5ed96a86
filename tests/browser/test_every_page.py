"""What every page owes every visitor: axe finds nothing, nothing scrolls sideways, nothing leaves the house."""

import pytest
from bs4 import BeautifulSoup

from tests.browser.pages import KINDS, all_pages
from tests.browser.test_journeys import new_address, open_the_letter, request_an_appointment, sign_up

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe

pytestmark = pytest.mark.browser

# In between the arrangement is another, and the colours are the same.
LOOKS = [(360, ["light", "dark"]), (768, ["light"]), (1280, ["light", "dark"])]


def violations(page, **options):
    """What axe finds on a page as it stands. Its half megabyte is read once for each page."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(Axe().axe_script)
    result = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})
    return [
        f"{page.url}: {each['id']}: {node['html'][:200]}" for each in result["violations"] for node in each["nodes"]
    ]


def violations_in(schemes, page):
    """Of a page in its first scheme; in another the same things stand there, in other colours."""
    page.emulate_media(color_scheme=schemes[0])
    found = violations(page)
    for scheme in schemes[1:]:
        page.emulate_media(color_scheme=scheme)
        settled(page)
        found += violations(page, runOnly=["color-contrast"])
    return found


def settled(page):
    """Waits for colours that take their time to change."""
    page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")


@pytest.mark.parametrize(("width", "schemes"), LOOKS)
def test_axe_finds_nothing_on_any_kind_of_page(open_page, width, schemes):
    page = open_page(width, reduced_motion="reduce")
    found = []
    for path in KINDS:
        page.goto(path)
        found += violations_in(schemes, page)
    assert found == []


@pytest.mark.parametrize(("width", "schemes"), LOOKS)
def test_axe_finds_nothing_on_the_dashboard(staff, width, schemes):
    assert violations_in(schemes, staff(width=width, reduced_motion="reduce")) == []


def test_a_form_with_errors_satisfies_axe(open_page):
    page = open_page(360)
    found = []
    for path in ("/appointments/request/", "/newsletter/"):
        page.goto(path)
        page.locator("main form button[type=submit]").first.click()
        page.get_by_role("alert").wait_for()
        found += violations(page)
    assert found == []


def test_the_pages_after_a_form_satisfy_axe(open_page, staff):
    page = open_page(360, color_scheme="dark")
    email = new_address()
    request_an_appointment(page, "Ada Ødegård", email)
    found = violations(page)
    sign_up(page, email)
    page.goto(open_the_letter(staff(), email))
    found += violations(page)
    page.get_by_role("button", name="Put me on the list").click()
    found += violations(page)
    assert found == []


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_no_page_scrolls_sideways_on_a_phone(open_page, site):
    page = open_page(360)
    paths = all_pages(site.address)
    assert len(paths) > 30
    wide = {}
    for path in paths:
        page.goto(path)
        wide[path] = sideways(page)
    assert {path: by for path, by in wide.items() if by} == {}


def test_no_kind_of_page_scrolls_sideways_at_200_percent(open_page):
    """A window of 1280 px at 200 % zoom has 640 CSS pixels, each of two of the screen's."""
    page = open_page(640, 450, device_scale_factor=2)
    wide = {}
    for path in KINDS:
        page.goto(path)
        wide[path] = sideways(page)
    assert {path: by for path, by in wide.items() if by} == {}


def test_no_page_is_missing_or_leads_nowhere(open_page, site):
    """Every link of every page in the sitemap answers; files and other sites are left out."""
    page = open_page()
    seen, broken = set(), []
    for path in all_pages(site.address):
        links = BeautifulSoup(page.request.get(path).text(), "html.parser").select("a[href^='/']")
        seen |= {link["href"].partition("#")[0] for link in links}
    for link in sorted(seen):
        answer = page.request.get(link)
        if answer.status != 200:
            broken.append((answer.status, link))
    assert broken == []


def test_the_banner_stands_still_for_those_who_ask_for_it(open_page):
    page = open_page(reduced_motion="reduce")
    page.goto("/")
    page.wait_for_timeout(500)
    assert page.locator("video").first.evaluate("film => film.paused") is True


def test_the_banner_can_be_paused_by_keyboard(open_page):
    page = open_page(reduced_motion="no-preference")
    page.goto("/")
    button = page.get_by_role("button", name="Pause the film")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Play the film").wait_for()
    assert page.locator("video").first.evaluate("film => film.paused") is True


def test_the_bar_on_a_phone_never_covers_what_has_focus(open_page):
    """WCAG 2.2, 2.4.11: tab through a long page, and nothing focused lies under the bar."""
    page = open_page(360, 640)
    page.goto("/")
    covered = []
    for _press in range(60):
        page.keyboard.press("Tab")
        covered_by_bar = page.evaluate(
            """() => {
                const box = document.activeElement.getBoundingClientRect();
                const bar = document.querySelector(".call-bar");
                if (bar.contains(document.activeElement) || getComputedStyle(bar).visibility === "hidden") return null;
                const top = bar.getBoundingClientRect().top;
                const hidden = bar.offsetHeight === 0 || box.height === 0 || box.top < top;
                return hidden ? null : document.activeElement.outerHTML.slice(0, 100);
            }"""
        )
        if covered_by_bar:
            covered.append(covered_by_bar)
    assert covered == []
