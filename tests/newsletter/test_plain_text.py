"""Rich text as a plain letter has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.rich_text import sanitise
from newsletter.emails.plain_text import WIDTH, heading, text_of, wrapped


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p></p><p> </p>", ""),
        ("<p>One.</p><p>Two &amp; three.</p>", "One.\n\nTwo & three."),
        ("<p>One<br>two</p>", "One\ntwo"),
        ("<p>a  b\n c</p>", "a b c"),
        ("<h2>Hours</h2><p>Nine to five.</p>", "Hours\n-----\n\nNine to five."),
        ("<p><strong>So</strong> it <em>is</em>.</p>", "So it is."),
        ("<ul><li><p>One</p></li><li>Two</li></ul><p>End.</p>", "- One\n- Two\n\nEnd."),
        ("<p>Do:</p><ol><li><p>One</p></li><li><p>Two</p></li></ol>", "Do:\n\n1. One\n2. Two"),
        (
            "<ul><li><p>One</p><ol><li><p>In</p></li><li><p>Side</p></li></ol></li><li><p>Two</p></li></ul>",
            "- One\n  1. In\n  2. Side\n- Two",
        ),
        ("<ul><li><p>One</p></li></ul><ol><li><p>Two</p></li></ol>", "- One\n\n1. Two"),
        ("<blockquote><p>One</p><p>Two</p></blockquote><p>End</p>", "> One\n\n> Two\n\nEnd"),
        ("<p>One</p><hr><p>Two</p>", "One\n\n* * *\n\nTwo"),
        (
            '<p>See <a href="https://a.example/?b=1&amp;c=2">the page</a>.</p>',
            "See the page: https://a.example/?b=1&c=2.",
        ),
        ('<p><a href="https://a.example/">https://a.example/</a></p>', "https://a.example/"),
        # Only what was added to the address differs.
        ('<p><a href="https://a.example/?from=x">https://a.example/</a></p>', "https://a.example/?from=x"),
        ('<p><a href="mailto:a@b.example">a@b.example</a></p>', "a@b.example"),
        ('<p><a href="mailto:a@b.example">Write</a></p>', "Write: a@b.example"),
        ('<p><a href="tel:704-555-0142">704-555-0142</a></p>', "704-555-0142"),
        ('<p>a<a href="https://a.example/"></a>b</p>', "ab"),
        ("<p>&lt;b&gt; 3 &gt; 2</p>", "<b> 3 > 2"),
        ("no paragraph", "no paragraph"),
    ],
)
def test_rich_text_becomes_plain(html, text):
    assert text_of(html) == text


def test_lines_are_wrapped_at_spaces_and_addresses_stay_whole():
    address = "https://clinic.example/" + "a" * 80
    lines = wrapped(f"{'word ' * 20}{address} end", first="- ", rest="  ").split("\n")
    assert lines == ["- " + "word " * 13 + "word", "  " + "word " * 5 + "word", "  " + address, "  end"]


def test_the_mark_of_a_merge_field_is_not_broken():
    mark = "\ue000name|my dear and faithful friend of many years\ue001"
    assert wrapped(f"{'word ' * 10}{mark}, hello").split("\n") == ["word " * 9 + "word", f"{mark}, hello"]


def test_a_heading_is_underlined():
    assert heading("  Two \n words ") == "Two words\n---------"
    assert heading("") == ""


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Co", "Cc", "Zs", "Zl", "Zp"]), min_size=1)))
def test_wrapping_keeps_every_word(words):
    lines = wrapped(" ".join(words)).split("\n")
    assert " ".join(" ".join(lines).split()) == " ".join(words)
    assert all(len(line) <= WIDTH or " " not in line for line in lines)


@given(st.text("<>/&;abp uloih23#\n", max_size=80))
def test_whatever_was_sanitised_can_be_read(html):
    text = text_of(sanitise(html))
    assert text == text.strip()
    assert "\n\n\n" not in text
