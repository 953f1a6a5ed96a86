"""A campaign in Chromium: written, looked at, put on the schedule and off it, sent with a pause, left by its link."""

import re
from datetime import date, timedelta

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.").expect
pytest.importorskip("axe_playwright_python.sync_playwright")

from tests.browser.booking import Eyes  # noqa: E402 -- it skips itself without axe
from tests.browser.conftest import PASSWORD  # noqa: E402
from tests.browser.test_campaign import ADD, add_block  # noqa: E402
from tests.browser.test_every_page import sideways, violations  # noqa: E402
from tests.browser.test_journeys import new_address  # noqa: E402

pytestmark = pytest.mark.browser

# How a mailbox shows a letter.
MAILBOXES = [(width, scheme) for width in (360, 640) for scheme in ("light", "dark")]
# A letter stands inside of a mailbox's page, which has the landmarks.
THE_MAILBOX_HAS = {name: {"enabled": False} for name in ("landmark-one-main", "region")}
SLOWLY, FAST = "30", "6000"  # letters a minute
# The worker looks every two seconds, and the page every three.
PATIENCE = 30_000  # milliseconds


@pytest.fixture
def marketing(staff, open_page):
    """A page of somebody who may do what marketing does and nothing else."""
    name = new_address().partition("@")[0]
    manager = staff()
    manager.goto("/admin/clinic/user/add/")
    manager.fill("#id_username", name)
    manager.fill("#id_password1", PASSWORD)
    manager.fill("#id_password2", PASSWORD)
    manager.fill("#id_first_name", "Mary")
    manager.select_option("#id_groups_from", label="Marketing")
    manager.locator("#id_groups_add, #id_groups_add_link").first.click()
    manager.get_by_role("button", name="Save", exact=True).click()
    manager.locator(".messagelist .success").wait_for()
    manager.context.clear_cookies()
    manager.goto("/admin/login/?next=/admin/")
    manager.get_by_label("Username").fill(name)
    manager.get_by_label("Password").fill(PASSWORD)
    manager.get_by_role("button", name="Log in").click()
    manager.wait_for_url("**/admin/")
    return manager


def write(page, subject):
    page.goto(ADD)
    page.fill("#id_subject", subject)
    page.fill("#id_preheader", "What is new in May.")
    page.fill("#id_blocks-0-heading", "Opening hours")
    page.locator("#blocks-0 .ProseMirror[role=textbox]").fill("On Mondays we are here until eight.")
    add_block(page, "button", heading="Find the way to us", link="/locations/")
    page.get_by_role("button", name="Save and preview").click()
    page.wait_for_url("**/preview/")


def assert_letter_is_shown(page):
    for number, width in enumerate((360, 640)):
        frame = page.locator("iframe.letter").nth(number)
        assert frame.evaluate("frame => frame.clientWidth") == width
        letter = frame.content_frame
        appears(letter.get_by_role("heading", name="Opening hours"))
        appears(letter.get_by_text("On Mondays we are here until eight."))
        appears(letter.get_by_role("link", name="Find the way to us"))
    text = page.locator(".letter-text").inner_text()
    assert re.findall("Opening hours|On Mondays we are here until eight|Find the way to us", text) == [
        "Opening hours",
        "On Mondays we are here until eight",
        "Find the way to us",
    ]


def without_its_policy(route):
    """A letter may run nothing, axe neither."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    assert len(headers) < len(answer.headers)
    route.fulfill(response=answer, headers=headers)


def faults_of_the_letter(page):
    """What axe finds, and what is too wide, in each kind of mailbox. The page shows nothing but the letter."""
    page.route(page.url, without_its_policy)
    page.reload()
    wrong = []
    for width, scheme in MAILBOXES:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        wrong += [f"{width} {scheme} {found}" for found in violations(page, rules=THE_MAILBOX_HAS)]
        if by := sideways(page):
            wrong.append(f"{width} {scheme}: {by} px too wide")
    return wrong


def appears(what):
    expect(what).to_be_visible(timeout=PATIENCE)


def standing(page, words):
    """Waits until the page says so by itself."""
    expect(page.locator("#progress h2")).to_have_text(re.compile(words), timeout=PATIENCE)


def set_rate(page, per_minute):
    page.get_by_label("Letters a minute").fill(per_minute)
    page.get_by_role("button", name="Change", exact=True).click()
    appears(page.locator(".messagelist").get_by_text("The rate is changed."))


def done(page):
    """How many letters are done, and of how many."""
    said = re.search(r"(\d+) of (\d+) done", page.locator("#progress .figure span").inner_text())
    return int(said[1]), int(said[2])


def check_and_schedule(page, eyes):
    """From the preview to the schedule and off it again."""
    page.get_by_role("link", name="On to check and send").click()
    standing(page, "A draft")
    # What waits for the network comes by itself.
    appears(page.locator(".slow .checks"))
    eyes.look()
    tomorrow = date.fromisoformat(page.get_by_label("Day").get_attribute("min")) + timedelta(days=1)
    page.get_by_label("Day").fill(tomorrow.isoformat())
    page.get_by_label("Time", exact=True).fill("09:30")
    page.get_by_role("button", name="Send it then").click()
    standing(page, rf"It will be sent on .*\b{tomorrow.day}\b.*9:30")
    page.get_by_role("button", name="Take it off the schedule").click()
    standing(page, "A draft")


def send_with_a_pause(page, eyes):
    """Returns to how many people. Nobody reloads the page: what it says changes under the reader's eyes."""
    set_rate(page, SLOWLY)
    page.get_by_text("Send now…").click()
    page.get_by_role("button", name=re.compile(r"^Send to \d+ people now$")).click()
    standing(page, "It is being sent")
    before, everybody = done(page)
    page.evaluate("document.documentElement.dataset.seen = 'yes'")
    expect(page.locator("#progress .figure span")).not_to_have_text(re.compile(rf"^{before} of"), timeout=PATIENCE)
    assert page.locator("html").get_attribute("data-seen") == "yes"
    page.get_by_role("button", name="Pause").click()
    standing(page, "Paused")
    paused, _everybody = done(page)
    assert before < paused < everybody
    eyes.look()
    set_rate(page, FAST)
    page.get_by_role("button", name="Resume").click()
    standing(page, "Sent")
    assert done(page) == (everybody, everybody)
    return everybody


def leave_by_its_link(address, reader):
    """GET shows a button; the button leaves."""
    eyes = Eyes(reader)
    reader.goto(address)
    button = reader.get_by_role("button", name="Leave the list")
    appears(button)
    eyes.look()
    # To look changes nothing.
    reader.reload()
    button.click()
    appears(reader.get_by_role("heading", level=1, name="You are off the list"))
    assert eyes.wrong == []


def test_a_campaign_is_written_looked_at_sent_and_left(marketing, open_page):
    page, eyes = marketing, Eyes(marketing)
    write(page, "Mondays until eight")
    assert_letter_is_shown(page)
    check_and_schedule(page, eyes)
    everybody = send_with_a_pause(page, eyes)
    assert page.locator(".history b").all_inner_texts() == [
        *("Scheduled", "Taken off the schedule", "Sent now", "Started", "Paused", "Resumed", "Finished"),
    ]
    report = page.get_by_role("link", name="Report").get_attribute("href")

    # The trial keeps the letters, and staff read them with links that work.
    page.locator("#in-kept").click()
    page.locator("#result_list tbody th a").first.click()
    appears(page.frame_locator("iframe").get_by_text("On Mondays we are here until eight."))
    page.get_by_role("link", name="Open it alone").click()
    leave = page.get_by_role("link", name="Leave the list").get_attribute("href")
    assert faults_of_the_letter(page) == []
    leave_by_its_link(leave, open_page())

    page.goto(report)
    lines = {line.get_by_role("rowheader").inner_text(): line for line in page.locator(".report-table tr").all()}
    told = {name: int(lines[name].locator(".number").inner_text()) for name in ("Recipients", "Kept here", "Sent")}
    assert told == {"Recipients": everybody, "Kept here": everybody, "Sent": 0}
    assert lines["Left by its link"].locator(".number").inner_text() == "1"
    eyes.look()
    page.get_by_role("link", name="its page on the site").click()
    appears(page.get_by_role("heading", level=1, name="Mondays until eight"))
    appears(page.get_by_text("On Mondays we are here until eight."))
    # One letter of the demo's first campaign is uncertain.
    page.goto("/admin/newsletter/delivery/uncertain/")
    appears(page.get_by_role("button", name="It arrived").first)
    eyes.look()
    assert eyes.wrong == []
