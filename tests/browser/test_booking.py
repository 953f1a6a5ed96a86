"""A patient books a time, keeps it, moves it and gives it up: by keyboard alone, and with everything in the way."""

import os
import re
from zoneinfo import ZoneInfo

import psycopg2
import pytest
from django.conf import settings
from django.utils.formats import date_format

from tests.browser.booking import (
    HAS_FOCUS,
    SKIN,
    SURGERY,
    Eyes,
    answers,
    confirm,
    enter,
    go_on_to_check,
    heading,
    hold_first_time,
    reference,
    times,
    type_details,
    visit_day,
)
from tests.browser.test_journeys import new_address, press_tab_until

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = pytest.mark.browser

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1000  # of the page's clock, in milliseconds


@pytest.fixture
def ask(site):
    """Asks the site's own database: some of what happens there a test can neither see nor wait for."""
    own = settings.DATABASES["default"]
    connection = psycopg2.connect(
        dbname=f"browser_{os.getpid()}",
        user=own["USER"],
        password=own["PASSWORD"],
        host=own["HOST"],
        port=own["PORT"] or None,
    )
    connection.autocommit = True

    def rows(statement, *values):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    yield rows
    connection.close()


NEWEST = "(SELECT max(id) FROM appointments_appointment WHERE patient_id IS NULL)"


def end_of_hold(ask):
    """When the time that was held last runs out, on the practice's clock, and how often it was kept."""
    [[until, kept]] = ask(f"SELECT expires_at, times_kept FROM appointments_appointment WHERE id = {NEWEST}")
    return date_format(until.astimezone(NEW_YORK), "P"), kept


def let_run_out(ask):
    """The time that was held last, as if its minutes had passed."""
    [_number] = ask(
        "UPDATE appointments_appointment SET expires_at = now() - interval '1 second'"
        f" WHERE id = {NEWEST} AND status = 'held' RETURNING id"
    )


def held_since(ask, number):
    """How many times were held after the one of that number."""
    [[count]] = ask("SELECT count(*) FROM appointments_appointment WHERE patient_id IS NULL AND id > %s", number)
    return count


def appointments_of(ask, email):
    [[number]] = ask(
        "SELECT count(*) FROM appointments_appointment a JOIN appointments_patient p ON p.id = a.patient_id"
        " WHERE p.email = %s",
        email,
    )
    return number


# The whole way by keyboard alone


def choose(page, name, *, has_scripts):
    """Follows a link of the choose page; the times have the focus then, and a screen reader has heard how many."""
    press_tab_until(page, "link", name)
    with page.expect_response(lambda answer: "/appointments/book/" in answer.url) as fetched:
        page.keyboard.press("Enter")
    assert fetched.value.request.headers.get("hx-request") == ("true" if has_scripts else None)
    page.locator("#times:focus").wait_for()
    said = page.locator("#times")
    day, number = re.fullmatch(r"(\w+day, \w+ \d+): (\d+) free times?", said.inner_text()).groups()
    assert int(number) == times(page).count()
    if has_scripts:
        assert page.get_by_role("status").first.inner_text() == said.inner_text()
    return day


def choose_a_time(page, look, *, has_scripts):
    page.goto("/")
    enter(page, "link", "Request an Appointment")
    enter(page, "link", re.compile("^Pick a time"))
    look()
    enter(page, "link", "First conversation about skin and injectables")
    assert heading(page) == "When suits you?"
    choose(page, "Teresa Okafor", has_scripts=has_scripts)
    assert page.get_by_role("link", name="Teresa Okafor").get_attribute("aria-current") == "true"
    # Soon enough to be shown, late enough to be moved by link.
    name = page.locator(".days a .visually-hidden").nth(2).inner_text()
    day = choose(page, name, has_scripts=has_scripts)
    assert name.startswith(f"{day}: ")
    look()
    page.keyboard.press("Tab")
    first = times(page).first
    assert first.evaluate(HAS_FOCUS)
    clock = first.inner_text().split("\n")[0].strip()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return f"{day}, {clock}"


def type_with_errors_first(page, look, email):
    """A mistake in the address and no consent: the summary has the focus, leads to the fields, and nothing is lost."""
    press_tab_until(page, "textbox", "Name")
    page.keyboard.type("Grace Keyes")
    press_tab_until(page, "textbox", "Email")
    page.keyboard.type("not an address")
    press_tab_until(page, "textbox", "Phone")
    page.keyboard.type("704 555 0195")
    press_tab_until(page, "textbox", "Message")
    page.keyboard.type("I come by <bus>")
    assert enter(page, "button", "Continue") == 422
    assert page.title().startswith("Error: Your details")
    assert "There is a problem" in page.evaluate("document.activeElement.textContent")
    mistakes = page.get_by_role("alert").first.get_by_role("link").all_inner_texts()
    assert len(mistakes) == 2
    assert mistakes[1].startswith("Tick the box")
    typed = {name: page.get_by_role("textbox", name=name).input_value() for name in ("Name", "Email", "Phone")}
    assert typed == {"Name": "Grace Keyes", "Email": "not an address", "Phone": "704 555 0195"}
    assert page.get_by_role("textbox", name="Message").input_value() == "I come by <bus>"
    look()

    press_tab_until(page, "link", mistakes[0])
    page.keyboard.press("Enter")
    wrong = page.get_by_role("textbox", name="Email")
    assert wrong.evaluate(HAS_FOCUS)
    assert wrong.get_attribute("aria-invalid") == "true"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(email)
    press_tab_until(page, "checkbox", re.compile("I agree"))
    page.keyboard.press("Space")


def keep_without_a_script(page, ask):
    assert end_of_hold(ask)[1] == 0
    enter(page, "button", re.compile("^Keep it"))
    assert end_of_hold(ask)[1] == 1
    assert page.get_by_role("textbox", name="Email").input_value() != ""


def keep_by_one_key(page, ask):
    """Two minutes before the end it says so, and again with less than one; Escape keeps the time, and nothing moves."""
    bar = page.get_by_role("region", name=re.compile("^Kept for you until"))
    focused = page.evaluate("document.activeElement.id")
    page.keyboard.press("Escape")
    page.clock.fast_forward(8.5 * 60 * SECOND)
    bar.get_by_role("status").get_by_text("2 min left. Press Escape, or the button, to keep your time.").wait_for()
    page.clock.fast_forward(45 * SECOND)
    bar.get_by_role("alert").get_by_text("Less than a minute left. Press Escape").wait_for()
    assert end_of_hold(ask)[1] == 0
    page.keyboard.press("Escape")
    said = bar.get_by_role("status").get_by_text(re.compile("^It is kept until .+ now.$"))
    said.wait_for()
    until, kept = end_of_hold(ask)
    assert (said.inner_text(), kept) == (f"It is kept until {until} now.", 1)
    assert bar.get_by_role("alert").inner_text() == ""
    assert page.evaluate("document.activeElement.id") == focused


def book_by_keyboard(page, ask, email, look, *, has_scripts):
    when = choose_a_time(page, look, has_scripts=has_scripts)
    assert heading(page) == "Your details"
    until, _kept = end_of_hold(ask)
    assert page.locator(".lead").inner_text().startswith(f"We keep {when} for you until {until} (Eastern Time")
    assert page.get_by_role("region", name=f"Kept for you until {until}").count() == 1
    look()
    type_with_errors_first(page, look, email)
    keep_by_one_key(page, ask) if has_scripts else keep_without_a_script(page, ask)
    enter(page, "button", "Continue")

    assert heading(page) == "Check and confirm"
    shown = answers(page)
    assert (shown["Name"], shown["Email"], shown["Message"]) == ("Grace Keyes", email, "I come by <bus>")
    assert shown["Day and time"].startswith(when)
    look()
    enter(page, "button", "Confirm this appointment")
    assert heading(page) == "You are booked"
    assert appointments_of(ask, email) == 1
    return when


def test_a_patient_without_scripts_books_by_keyboard_alone(open_page, ask):
    page = open_page(java_script_enabled=False)
    book_by_keyboard(page, ask, new_address(), lambda: None, has_scripts=False)
    enter(page, "link", "Cancel it")
    enter(page, "button", "Cancel this appointment")
    assert heading(page) == "This appointment is cancelled"


def test_a_patient_books_moves_and_cancels_by_keyboard_alone(open_page, ask):
    email = new_address()
    page = open_page()
    page.clock.install()
    eyes = Eyes(page)
    when = book_by_keyboard(page, ask, email, eyes.look, has_scripts=True)
    eyes.look()

    # Whoever has the link finds the appointment again, but nobody's name.
    again = open_page()
    again.goto(page.url)
    booked = page.locator(".when").inner_text()
    assert (reference(again), again.locator(".when").inner_text()) == (reference(page), booked)
    assert [word for word in ("Grace", email, "704 555 0195") if word in again.content()] == []

    enter(page, "link", "Move it")
    assert heading(page) == "Choose a new time"
    enter(page, "link", page.locator(".days a .visually-hidden").nth(3).inner_text())
    assert page.locator("#times").evaluate(HAS_FOCUS)
    eyes.look()
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert heading(page) == "Check the new time"
    assert page.locator(".from-to strong").first.inner_text() == when
    eyes.look()
    enter(page, "button", "Move my appointment")
    assert heading(page) == "Your appointment is moved"
    assert page.locator(".when").inner_text() != booked
    eyes.look()
    enter(page, "button", "Undo the move")
    assert (heading(page), page.locator(".when").inner_text()) == ("You are booked", booked)

    enter(page, "link", "Cancel it")
    assert heading(page) == "Cancel this appointment?"
    assert page.get_by_role("heading", name="Our cancellation policy").count() == 1
    eyes.look()
    enter(page, "button", "Cancel this appointment")
    assert heading(page) == "This appointment is cancelled"
    eyes.look()
    enter(page, "button", "Undo the cancellation")
    assert (heading(page), page.locator(".when").inner_text()) == ("You are booked", booked)
    assert eyes.wrong == []


# Everything in the way


def show(page, action, status=200):
    """Does what leads to another page, which has that status."""
    with page.expect_navigation() as leads:
        action()
    assert leads.value.status == status


def test_the_way_back_leads_through_the_days_that_were_looked_at(open_page):
    page = open_page(360)
    visit_day(page, SKIN, 0)
    was = page.locator("#times").inner_text()
    page.locator(".days a:not([aria-current])").last.click()
    page.locator("#times:focus").wait_for()
    assert page.locator("#times").inner_text() != was
    page.go_back()
    page.locator("#times").get_by_text(was).wait_for()


def click_twice(page, button, ask):
    """While the diary is slow, so that the second click sends the form again: a quick one Chromium leaves out."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    ask("BEGIN")
    ask("LOCK TABLE appointments_appointment IN EXCLUSIVE MODE")
    for _click in range(2):
        with page.expect_request(lambda request: request.method == "POST"):
            page.mouse.click(box["x"] + 9, box["y"] + 9)
    ask("COMMIT")


def test_a_double_click_counts_once_and_the_way_back_leads_to_what_is_booked(open_page, ask):
    email = new_address()
    page = open_page(360)
    visit_day(page, SURGERY, 0)
    [[newest]] = ask("SELECT max(id) FROM appointments_appointment")
    click_twice(page, times(page).first, ask)
    page.get_by_role("heading", name="Your details").wait_for()
    assert held_since(ask, newest) == 1
    type_details(page, "Dora Double", email)
    go_on_to_check(page)
    click_twice(page, page.get_by_role("button", name="Confirm this appointment"), ask)
    page.get_by_role("heading", name="You are booked").wait_for()
    assert appointments_of(ask, email) == 1

    booked = reference(page)
    for _page in ("the one to check", "the one to type"):
        page.go_back()
        assert heading(page) == "You have booked this time"
    page.get_by_role("button", name="Show my appointment").click()
    assert (heading(page), reference(page)) == ("You are booked", booked)
    assert appointments_of(ask, email) == 1


def test_two_tabs_hold_two_times_and_the_same_one_only_once(open_page, ask):
    one = open_page(360)
    day = visit_day(one, SURGERY, 1)
    other = one.context.new_page()
    other.goto(day)
    first = hold_first_time(one)
    assert times(other).first.inner_text() == first
    show(other, times(other).first.click, status=409)
    assert heading(other) == "That time has just been taken"
    mine = other.get_by_role("region", name="Times that you are holding")
    assert mine.get_by_role("button", name=re.compile("^Continue")).count() == 1
    times(other).last.click()
    assert heading(other) == "Your details"

    other.goto("/appointments/book/")
    assert mine.get_by_role("button", name=re.compile("^Continue")).count() == 2
    # Each tab goes on with its own.
    email = new_address()
    type_details(one, "Tabea Two", email)
    go_on_to_check(one)
    assert answers(one)["Day and time"].split("\n")[0].endswith(f", {first}")
    confirm(one)
    assert appointments_of(ask, email) == 1
    other.reload()
    assert mine.get_by_role("button", name=re.compile("^Continue")).count() == 1


def test_a_time_that_somebody_else_took_meanwhile_leads_to_the_nearest(open_page):
    page, stranger = open_page(360), open_page()
    eyes = Eyes(page)
    day = visit_day(page, f"{SKIN}?location=southpark&provider=julian-rowe", 0)
    stranger.goto(day)
    taken = hold_first_time(stranger)
    show(page, times(page).first.click, status=409)
    assert heading(page) == "That time has just been taken"
    assert page.get_by_role("heading", level=1).evaluate(HAS_FOCUS)
    # What the stranger holds is not shown to anybody else.
    assert page.get_by_role("region", name="Times that you are holding").count() == 0
    eyes.look()
    assert page.get_by_role("region", name="With others, or elsewhere").get_by_role("button").count() == 3
    same = page.get_by_role("region", name="With Julian Rowe at SouthPark").get_by_role("button")
    assert same.count() == 3
    nearest = same.first.inner_text().split("\n")[0].strip()
    assert not nearest.endswith(f", {taken}")
    same.first.click()
    assert heading(page) == "Your details"
    assert page.locator(".lead strong").inner_text() == nearest
    assert eyes.wrong == []


def test_a_time_that_is_lost_while_typing_costs_no_typing(open_page, ask):
    email = new_address()
    page, stranger = open_page(360), open_page()
    eyes = Eyes(page)
    day = visit_day(page, SURGERY, 2)
    lost = hold_first_time(page)
    type_details(page, "Lotta Late", email)
    let_run_out(ask)
    stranger.goto(day)
    assert hold_first_time(stranger) == lost

    show(page, page.get_by_role("button", name="Continue", exact=True).click, status=409)
    assert heading(page) == "This time is not free any more"
    assert page.get_by_role("heading", level=1).evaluate(HAS_FOCUS)
    eyes.look()
    nearest = times(page).first
    when = nearest.inner_text().split("\n")[0].strip()
    nearest.click()
    assert heading(page) == "Check and confirm"
    shown = answers(page)
    assert (shown["Name"], shown["Email"]) == ("Lotta Late", email)
    assert shown["Day and time"].startswith(when)
    confirm(page)
    assert appointments_of(ask, email) == 1
    assert eyes.wrong == []


def test_a_time_that_ran_out_is_had_again_while_it_is_free(open_page, ask):
    email = new_address()
    page = open_page(360)
    eyes = Eyes(page)
    visit_day(page, SURGERY, 3)
    hold_first_time(page)

    let_run_out(ask)
    show(page, page.reload, status=410)
    assert heading(page) == "We no longer keep this time for you"
    eyes.look()
    page.get_by_role("button", name="Take it again").click()
    assert heading(page) == "Your details"

    type_details(page, "Rita Return", email)
    let_run_out(ask)
    go_on_to_check(page)
    let_run_out(ask)
    show(page, page.reload, status=410)
    page.get_by_role("button", name="Take it again").click()
    assert (heading(page), answers(page)["Name"]) == ("Check and confirm", "Rita Return")
    let_run_out(ask)
    confirm(page)
    assert appointments_of(ask, email) == 1
    assert eyes.wrong == []
