"""Marketing writes a campaign in the browser: blocks of each kind, moved by buttons, by dragging and by number."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="The browser tests need requirements-dev.txt.").expect

pytestmark = pytest.mark.browser

ADD = "/admin/newsletter/campaign/add/"


def add_block(page, kind, **fields):
    page.get_by_role("button", name="Add another Block").click()
    number = page.locator("#blocks-group .inline-related:not(.empty-form)").count() - 1
    page.select_option(f"#id_blocks-{number}-kind", kind)
    for name, value in fields.items():
        page.fill(f"#id_blocks-{number}-{name}", value)
    return number


def order(page):
    """The headings of the buttons and texts as they stand on the page."""
    return page.eval_on_selector_all(
        "#blocks-group .inline-related:not(.empty-form) .field-heading input", "fields => fields.map(one => one.value)"
    )


def numbers(page):
    """The positions, in the order of the page."""
    return page.eval_on_selector_all(
        "#blocks-group .inline-related:not(.empty-form) [name$='-position']", "fields => fields.map(one => one.value)"
    )


def visible(page, number):
    """The names of the fields that a block shows."""
    rows = page.locator(f"#blocks-{number} .form-row:visible:not(.field-position)")
    return [re.search(r"field-(\w+)", row.get_attribute("class"))[1] for row in rows.all()]


def test_blocks_show_what_their_kind_needs_and_move(staff):
    page = staff()
    page.goto(ADD)
    page.fill("#id_subject", "Blocks that move")
    page.locator("#id_subject").press("Tab")
    expect(page.locator("#id_slug")).to_have_value("blocks-that-move")
    shown = {
        "text": ["heading", "text"],
        "picture": ["picture", "link"],
        "article": ["article"],
        "offer": ["offer"],
        "button": ["heading", "link"],
    }
    for kind, names in shown.items():
        page.select_option("#id_blocks-0-kind", kind)
        assert visible(page, 0) == names

    page.fill("#id_blocks-0-heading", "A")
    page.fill("#id_blocks-0-link", "/a/")
    for letter in "BCD":
        add_block(page, "button", heading=letter, link=f"/{letter}/")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    page.wait_for_load_state()
    assert order(page) == ["A", "B", "C", "D"]

    # By button: the focus stays with the block, and where it stands is said.
    page.locator("#blocks-3 [data-move='-1']").click()
    expect(page.locator("#blocks-3 [data-move='-1']")).to_be_focused()
    expect(page.locator("#block-said")).to_have_text("Now number 3 of 4")
    assert (order(page), numbers(page)) == (["A", "B", "D", "C"], ["1", "2", "3", "4"])
    # By number.
    page.fill("#id_blocks-0-position", "4")
    page.locator("#id_blocks-0-position").press("Tab")
    assert order(page) == ["B", "D", "C", "A"]
    # By dragging.
    page.locator("#blocks-0 .block-handle").scroll_into_view_if_needed()
    page.locator("#blocks-0 .block-handle").drag_to(page.locator("#blocks-3 > h3"))
    assert order(page) == ["B", "A", "D", "C"]

    # A text that is added has its editor. One that is taken away again does not mix up those that are stored.
    text = add_block(page, "text", heading="E")
    page.locator(f"#blocks-{text} .ProseMirror[role=textbox]").click()
    page.keyboard.type("Written in a block that was added.")
    gone = add_block(page, "text", heading="gone")
    for _step in range(5):
        page.locator(f"#blocks-{text} [data-move='-1']").click()
        if page.locator(f"#blocks-{text} [data-move='-1']").is_disabled():
            break
    page.locator(f"#blocks-{gone} .inline-deletelink").click()
    assert (order(page), numbers(page)) == (["E", "B", "A", "D", "C"], ["1", "2", "3", "4", "5"])
    expect(page.locator("#blocks-4").get_by_role("textbox", name="Text:")).to_have_count(1)

    page.get_by_role("button", name="Save and preview").click()
    page.wait_for_url("**/preview/")
    text = page.locator(".letter-text").inner_text()
    assert re.findall(r"\b(?:Written|[BADC](?=:))", text) == ["Written", "B", "A", "D", "C"]
    # Its pictures and styles are there: `open_page` fails on anything that the policy refused.
    letter = page.frame_locator("iframe").first
    expect(letter.get_by_text("Written in a block that was added.")).to_be_visible()


def test_the_count_follows_the_choices(staff):
    page = staff()
    page.goto(ADD)
    expect(page.locator("#reached")).to_contain_text("on the list")
    page.goto("/admin/newsletter/campaign/")
    page.locator(".field-subject, #result_list tbody th").get_by_role("link").first.click()
    expect(page.locator("#reached")).to_contain_text("on the list")
    page.fill("#id_joined_from", "2026-03-02")
    page.fill("#id_joined_until", "2026-03-01")
    page.locator("#id_joined_until").press("Tab")
    expect(page.locator("#reached")).to_have_text("The last day of joining comes before the first.")


def test_a_block_that_was_written_last_outlives_a_mistake_elsewhere(staff):
    page = staff()
    page.goto(ADD)
    page.fill("#id_preheader", "The subject was forgotten")
    page.fill("#id_blocks-0-heading", "Hours")
    page.locator("#blocks-0 .ProseMirror[role=textbox]").fill("Open on Mondays.")
    offer = add_block(page, "offer")
    page.select_option(f"#id_blocks-{offer}-offer", index=1)
    chosen = page.locator(f"#id_blocks-{offer}-offer").input_value()
    # Also a plain reader of the form sends it on: the browser itself does not ask for the subject.
    page.locator("#campaign_form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".errornote").wait_for()
    expect(page.locator(f"#id_blocks-{offer}-offer")).to_have_value(chosen)
    assert visible(page, offer) == ["offer"]

    page.fill("#id_subject", "Hours and an offer")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    # The empty one for those without a script is still taken away.
    assert numbers(page) == ["1", "2"]
    expect(page.locator("#id_blocks-1-offer")).to_have_value(chosen)
