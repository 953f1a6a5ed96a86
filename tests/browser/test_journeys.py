"""What people come for, from the article to the staff's desk: with a mouse, without JavaScript, by keyboard alone."""

import re
import uuid

import pytest

pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.")

pytestmark = pytest.mark.browser

ARTICLE = "/articles/can-botulinum-toxin-help-acne/"
FASTER_THAN_A_PERSON = 2100  # milliseconds; below it the form asks for one more click


def new_address():
    return f"reader-{uuid.uuid4().hex[:8]}@example.com"


def request_an_appointment(page, name, email):
    """From the article to the confirmation; returns the reference."""
    page.goto(ARTICLE)
    page.get_by_role("link", name="Schedule Injectables Appointment").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Request an Appointment"
    assert page.get_by_label("What is it about?").evaluate("e => e.selectedOptions[0].value") == "category:injectables"
    page.get_by_label("Name").fill(name)
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("textbox", name="Phone").fill("(704) 555 0199")
    page.get_by_label(re.compile("I agree")).first.check()
    page.wait_for_timeout(FASTER_THAN_A_PERSON)
    page.get_by_role("button", name="Send my request").click()
    assert page.get_by_role("heading", level=1).inner_text() == "We have your request"
    return page.locator(".reference").inner_text()


def sign_up(page, email):
    page.goto(ARTICLE)
    beside = page.get_by_role("complementary", name="From the practice")
    beside.get_by_label("Email").fill(email)
    beside.get_by_role("button", name="E-Newsletter Sign-Up").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Look into your mailbox"


def open_the_letter(desk, email):
    """As staff of the trial: finds the letter to `email` and follows its first link."""
    desk.goto("/admin/clinic/letter/?q=" + email)
    desk.get_by_role("link", name="Please confirm your e-newsletter sign-up").click()
    assert "/newsletter/confirm/" not in desk.content()
    desk.get_by_role("button", name="Read it with its links").click()
    return desk.locator("a[href*='/newsletter/confirm/']").get_attribute("href")


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_a_reader_requests_signs_up_confirms_and_staff_see_it(open_page, staff, javascript):
    email = new_address()
    page = open_page(360, 740, java_script_enabled=javascript)
    reference = request_an_appointment(page, "Ada Ødegård", email)

    kept = page.url
    page.goto("/")
    page.goto(kept)
    assert page.locator(".reference").inner_text() == reference
    assert email not in page.content()

    sign_up(page, email)

    desk = staff(java_script_enabled=javascript)
    requests = desk.get_by_role("region", name=re.compile("New requests"))
    assert requests.get_by_role("link").count() > 0
    desk.goto(f"/admin/appointments/appointmentrequest/?q={reference}")
    desk.get_by_role("link", name=reference).click()
    desk.get_by_text("Ada Ødegård").first.wait_for()

    page.goto(open_the_letter(desk, email))
    assert page.get_by_role("heading", level=1).inner_text() == "Confirm your sign-up"
    page.get_by_role("button", name="Put me on the list").click()
    assert page.get_by_role("heading", level=1).inner_text() == "You are on the list"

    desk.goto(f"/admin/newsletter/subscriber/?q={email}")
    assert desk.locator("#result_list tbody tr").count() == 1
    assert "on the list" in desk.locator("#result_list tbody tr").inner_text()


def press_tab_until(page, role, name):
    """Moves on by Tab until the control of that role and accessible name has the focus."""
    wanted = page.get_by_role(role, name=name).first
    wanted.wait_for(state="attached")
    for _press in range(120):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return wanted
    raise AssertionError(f"Tab never reaches the {role} {name!r}")


def test_the_whole_way_by_keyboard_alone(open_page):
    email = new_address()
    page = open_page()
    page.goto(ARTICLE)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to the content"
    page.keyboard.press("Enter")
    press_tab_until(page, "link", "Schedule Injectables Appointment")
    page.keyboard.press("Enter")
    page.wait_for_url("**/appointments/request/?category=injectables")

    # An empty form: the summary has the focus, and its links lead to the fields.
    press_tab_until(page, "button", "Send my request")
    page.keyboard.press("Enter")
    page.wait_for_url("**/appointments/request/")
    assert page.title().startswith("Error: ")
    focused = page.evaluate("document.activeElement.textContent")
    assert "There is a problem" in focused
    press_tab_until(page, "link", "Enter your name.")
    page.keyboard.press("Enter")
    assert page.get_by_role("textbox", name="Name").evaluate("e => e === document.activeElement")

    page.keyboard.type("Grace Keyes")
    press_tab_until(page, "textbox", "Email")
    page.keyboard.type(email)
    press_tab_until(page, "textbox", re.compile("^Phone"))
    page.keyboard.type("704 555 0198")
    press_tab_until(page, "checkbox", re.compile("I agree"))
    page.keyboard.press("Space")
    page.wait_for_timeout(FASTER_THAN_A_PERSON)
    press_tab_until(page, "button", "Send my request")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="We have your request").wait_for()

    page.goto(ARTICLE)
    press_tab_until(page, "textbox", "Email")
    page.keyboard.type(email)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Look into your mailbox").wait_for()


def test_a_form_with_errors_keeps_what_was_typed(open_page):
    page = open_page(360)
    page.goto("/appointments/request/?treatment=botulinum-toxin")
    page.get_by_label("Name").fill("Mïrjam O'Dell")
    page.get_by_role("textbox", name="Email").fill("not an address")
    page.get_by_role("textbox", name="Message").fill("Tuesdays <b>only</b>")
    page.get_by_role("button", name="Send my request").click()
    assert page.get_by_label("Name").input_value() == "Mïrjam O'Dell"
    assert page.get_by_role("textbox", name="Email").input_value() == "not an address"
    assert page.get_by_role("textbox", name="Message").input_value() == "Tuesdays <b>only</b>"
    assert page.get_by_label("What is it about?").evaluate("e => e.selectedOptions[0].value") == "botulinum-toxin"
    summary = page.get_by_role("alert")
    at_the_fields = page.locator(".field-error").all_inner_texts()
    assert sorted(summary.get_by_role("link").all_inner_texts()) == sorted(
        text.removeprefix("Error:").strip() for text in at_the_fields
    )


def test_a_double_click_sends_one_request(open_page, staff):
    page = open_page()
    page.goto("/appointments/request/")
    email = new_address()
    page.get_by_label("Name").fill("Double Click")
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("textbox", name="Phone").fill("704 555 0197")
    page.get_by_label(re.compile("I agree")).first.check()
    page.wait_for_timeout(FASTER_THAN_A_PERSON)
    page.get_by_role("button", name="Send my request").dblclick()
    page.get_by_role("heading", name="We have your request").wait_for()

    desk = staff()
    desk.goto(f"/admin/appointments/appointmentrequest/?q={email}")
    assert desk.locator("#result_list tbody tr").count() == 1


def test_the_menu_of_a_phone_opens_without_javascript(open_page):
    page = open_page(360, java_script_enabled=False)
    page.goto("/")
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Treatments", exact=True).first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "Treatments"


def test_escape_closes_the_menu_and_gives_the_focus_back(open_page):
    page = open_page(360)
    page.goto("/")
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Treatments", exact=True).first.focus()
    page.keyboard.press("Escape")
    assert page.locator(".site-menu").evaluate("menu => menu.open") is False
    assert page.evaluate("document.activeElement.textContent") == "Menu"


def test_the_bar_on_a_phone_calls_shows_the_way_and_books(open_page):
    page = open_page(360)
    page.goto("/")
    bar = page.get_by_role("navigation", name="Quick actions")
    assert bar.get_by_role("link").all_inner_texts() == ["Call", "Directions", "Book"]
    assert bar.get_by_role("link", name="Call").get_attribute("href").startswith("tel:")


def test_an_article_is_written_and_published_in_the_admin(staff, open_page):
    """The editor runs under the strict CSP: what is typed there is on the site, clean."""
    title = f"An article of {uuid.uuid4().hex[:6]}"
    desk = staff()
    desk.goto("/admin/articles/article/add/")
    desk.get_by_label("Title:").fill(title)
    desk.get_by_role("textbox", name="Text:").click()
    desk.keyboard.type("Typed into the editor.")
    slug = desk.get_by_label("Address on the site:").input_value()
    desk.get_by_role("button", name="Save", exact=True).click()
    desk.get_by_text("was added successfully").wait_for()

    public = open_page()
    assert public.goto(f"/articles/{slug}/").status == 404
    desk.goto(f"/articles/{slug}/")
    assert desk.get_by_text("This article is not public.").count() == 1
    assert desk.locator(".prose").first.inner_text() == "Typed into the editor."
