"""Pages that were written elsewhere become drafts, and nothing of them is lost in silence."""

import os
import threading
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.urls import reverse

from articles.importing.drafts import make_draft
from articles.importing.files import LARGEST, find_files
from articles.importing.furniture import is_banner, is_byline, is_contact_line, is_known
from articles.importing.links import missing_links
from articles.importing.markup import read_html, read_markdown
from articles.importing.page import LONGEST_TITLE, Block, Counts, FileRefused, ImportedPage, Reading
from articles.importing.reading import READERS, lost_texts, page_of, read_page, reads_like_heading
from articles.importing.text import read_text
from articles.models import Article
from tests.clinic.test_worker import until
from tests.newsletter.killed import stuck

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"

PILLOWS = """\
Silk Pillowcases And Sleep Lines

A pillow folds the cheek\u00a0for hours.\u00a0 The fold is gone by noon at twenty, and not at fifty.

One maker counted lines on 12 sleepers\u00a0and found fewer of them. \u00a0Nobody checked who slept on what. For the \
pictures of that count, please visit

To book a consultation with Harbor Skin in Newport contact us at 555-010-7788. We would like to see you.



Background video arrow

Trained with the Finest
Hands of the North Coast

Dr. Ada Quill Hear what Dr. Ada Quill of Morning Call says about Dr. Fenn

Schedule Fillers Appointment

Request an Appointment

E-Newsletter Sign-Up

Be the first to learn of our specials"""

SUNSCREEN = """\
Does Sunscreen Help With Melasma?

Melasma darkens in daylight. This page says what a filter can do about it.

What Melasma Is

Brown patches, mostly on the face.

The Part That Light Plays

Visible light alone can darken a patch, which a clear sunscreen lets through

What to Look For

  • Iron Oxides: They give the cream its tint, and stop blue light. One brand is as good as another.
  • A Generous Dose: Two fingers for the face.

What to Expect

  • Patience: Three months at least.


A filter alone seldom clears a patch.
"""


def text_page(text: str) -> ImportedPage:
    return page_of(read_text(text))


def html_page(body: str) -> ImportedPage:
    return page_of(read_html(body))


def markdown_page(text: str) -> ImportedPage:
    return page_of(read_markdown(text))


# Plain text


def test_a_page_with_furniture_below_its_contact_line_ends_in_that_line():
    page = text_page(PILLOWS)
    assert page == ImportedPage(
        title="Silk Pillowcases And Sleep Lines",
        html=(
            "<p>A pillow folds the cheek for hours. The fold is gone by noon at twenty, and not at fifty.</p>\n"
            "<p>One maker counted lines on 12 sleepers and found fewer of them. Nobody checked who slept on what. "
            "For the pictures of that count, please visit</p>\n"
            "<p>To book a consultation with Harbor Skin in Newport contact us at 555-010-7788. "
            "We would like to see you.</p>"
        ),
        contact_line=(
            "To book a consultation with Harbor Skin in Newport contact us at 555-010-7788. We would like to see you."
        ),
        counts=Counts(headings=0, paragraphs=2, points=0),
        furniture=(
            "Background video arrow",
            "Trained with the Finest Hands of the North Coast",
            "Dr. Ada Quill Hear what Dr. Ada Quill of Morning Call says about Dr. Fenn",
            "Schedule Fillers Appointment",
            "Request an Appointment",
            "E-Newsletter Sign-Up",
            "Be the first to learn of our specials",
        ),
        missing_links=("For the pictures of that count, please visit",),
        warnings=(),
    )


def test_short_lines_above_text_are_headings_and_bullets_are_lists():
    page = text_page(SUNSCREEN)
    assert page.html.splitlines() == [
        "<p>Melasma darkens in daylight. This page says what a filter can do about it.</p>",
        "<h2>What Melasma Is</h2>",
        "<p>Brown patches, mostly on the face.</p>",
        "<h2>The Part That Light Plays</h2>",
        "<p>Visible light alone can darken a patch, which a clear sunscreen lets through</p>",
        "<h2>What to Look For</h2>",
        "<ul><li>Iron Oxides: They give the cream its tint, and stop blue light. One brand is as good as another.</li>"
        "<li>A Generous Dose: Two fingers for the face.</li></ul>",
        "<h2>What to Expect</h2>",
        "<ul><li>Patience: Three months at least.</li></ul>",
        "<p>A filter alone seldom clears a patch.</p>",
    ]
    assert (page.title, page.counts) == (
        "Does Sunscreen Help With Melasma?",
        Counts(headings=4, paragraphs=4, points=3),
    )
    assert (page.contact_line, page.furniture, page.missing_links, page.warnings) == ("", (), (), ())


def test_short_lines_below_the_contact_line_are_furniture_whatever_they_say():
    page = text_page(
        "Peels\n\nThey sting.\n\nCall us at 555-010-7788 to book.\n\nNewport at Its Best\n\nFree parking\n"
    )
    assert page.html.endswith("<p>Call us at 555-010-7788 to book.</p>")
    assert page.furniture == ("Newport at Its Best", "Free parking")


def test_without_a_contact_line_the_foot_begins_at_the_first_certain_furniture():
    page = text_page("Peels\n\nThree kinds are sold here.\n\nGlycolic\n\nRequest an Appointment\n\nOpen late in May\n")
    assert page.html == "<p>Three kinds are sold here.</p>\n<p>Glycolic</p>"
    assert page.furniture == ("Request an Appointment", "Open late in May")
    assert page.warnings == ("A short line with nothing below it was kept as a paragraph: “Glycolic”",)


def test_a_short_end_without_any_furniture_is_kept():
    page = text_page("Peels\n\nThree kinds are sold here.\n\nNone of them hurts\n")
    assert page.html == "<p>Three kinds are sold here.</p>\n<p>None of them hurts</p>"
    assert page.furniture == ()


def test_text_after_the_contact_line_is_kept_in_its_place():
    page = text_page("Peels\n\nThey sting.\n\nCall us at 555-010-7788 to book.\n\nAcids are older than soap.\n")
    assert page.html.splitlines()[-2:] == [
        "<p>Call us at 555-010-7788 to book.</p>",
        "<p>Acids are older than soap.</p>",
    ]
    assert page.contact_line == ""
    assert page.warnings == (
        "Text follows the contact line “Call us at 555-010-7788 to book.”: check whether it belongs to the article.",
    )


def test_menus_above_the_title_and_the_byline_below_it_are_left_out():
    page = text_page(
        "Skip to content\n\nHome | Team | Shop\n\n-----\n\nAbout Us\n\n"
        "Peels at Home\n\nPosted on May 4, 2021 by Ada\n\nThey sting.\n"
    )
    assert (page.title, page.html) == ("Peels at Home", "<p>They sting.</p>")
    assert list(page.furniture) == [
        "Skip to content",
        "Home | Team | Shop",
        "About Us",
        "Posted on May 4, 2021 by Ada",
    ]


def test_a_button_in_the_middle_is_left_out_and_a_banner_above_text_stays_a_heading():
    page = text_page("Peels\n\nThey sting.\n\nRequest an Appointment\n\nMeet the Acids\n\nThere are three of them.\n")
    assert page.html == "<p>They sting.</p>\n<h2>Meet the Acids</h2>\n<p>There are three of them.</p>"
    assert page.furniture == ("Request an Appointment",)
    assert page.warnings == ("Looks like site furniture, but text follows it, so it was kept: “Meet the Acids”",)


def test_lines_wrapped_by_hand_are_one_paragraph():
    page = text_page("Peels\n\nThey sting for\na minute, and\nthen they do not.\n")
    assert page.html == "<p>They sting for a minute, and then they do not.</p>"


def test_long_lines_without_blank_lines_between_them_are_a_paragraph_each():
    long = "Acids loosen what holds the outer cells together, and the skin sheds them within days, more or less. "
    page = text_page(f"Peels\n\n{long}\nHow They Work\n{long}\n{long}\n")
    assert page.html.splitlines() == [
        f"<p>{long.strip()}</p>",
        "<h2>How They Work</h2>",
        f"<p>{long.strip()}</p>",
        f"<p>{long.strip()}</p>",
    ]


@pytest.mark.parametrize("mark", ["•", "• ", "\t•\u00a0", "- ", "– ", "* ", "▪ ", "· "])
def test_every_usual_bullet_makes_a_point(mark):
    page = text_page(f"Peels\n\nThey are sold as:\n{mark}Gel\n{mark}Pads, which\n   dry out\n\n{mark}Drops\n")
    assert page.html == "<p>They are sold as:</p>\n<ul><li>Gel</li><li>Pads, which dry out</li><li>Drops</li></ul>"
    assert page.counts.points == 3


def test_numbers_make_an_ordered_list_and_lone_numbers_stay_in_their_heading():
    page = text_page("Peels\n\n1. Wash.\n2. Wait.\n\n1) Clean the Skin\n\nWith water.\n\n2) Wait an Hour\n\nOr two.\n")
    assert page.html.splitlines() == [
        "<ol><li>Wash.</li><li>Wait.</li><li>Clean the Skin</li></ol>",
        "<p>With water.</p>",
        "<h2>2. Wait an Hour</h2>",
        "<p>Or two.</p>",
    ]


def test_a_list_that_begins_later_than_one_is_said():
    page = text_page("Peels\n\nGo on.\n\n3. Wash.\n4. Wait.\n")
    assert page.html == "<p>Go on.</p>\n<ol><li>Wash.</li><li>Wait.</li></ol>"
    assert page.warnings == ("A numbered list begins at 3 in the file; in the draft it begins at 1.",)


def test_rules_part_blocks_and_underlines_vanish():
    page = text_page("Peels\n=====\n\nThey sting.\n\n* * *\n\nNot for long.\n\n----\n")
    assert (page.title, page.html) == ("Peels", "<p>They sting.</p>\n<hr>\n<p>Not for long.</p>")


def test_signs_of_markup_in_plain_text_are_shown_as_they_are():
    page = text_page("Acids & You\n\nA pH < 3 & <script>alert(1)</script> are both sharp.\n")
    assert page.title == "Acids & You"
    assert page.html == "<p>A pH &lt; 3 &amp; &lt;script&gt;alert(1)&lt;/script&gt; are both sharp.</p>"


def test_spaces_and_signs_nobody_sees_are_tidied_away():
    page = text_page("\ufeffPeels\u200b\u00a0 Today\r\n\r\nThey\u00adsting\u2003a\tbit.\r\n")
    assert (page.title, page.html) == ("Peels Today", "<p>Theysting a bit.</p>")


@pytest.mark.parametrize(
    "line",
    [
        "How It Works",
        "Before and After the Peel",
        "What is a peel?",
        "How long does it last?",
        "Why it stings",
        "Is It Safe for Darker Skin?",
        "2. Wait an Hour",
        "Myth #3: Peels Thin the Skin",
    ],
)
def test_a_line_that_reads_like_a_heading(line):
    assert reads_like_heading(Block("paragraph", line, line))


@pytest.mark.parametrize(
    "line",
    [
        "It stings.",
        "It comes as:",
        "lower case begins it",
        "Who would have thought that so many kinds of acid could be bought without a word",
        "Really now!",
        "Call us today at 555-010-7788 to book a visit",
        "You would like it, though?",
        "—",
    ],
)
def test_a_line_that_does_not_read_like_a_heading(line):
    assert not reads_like_heading(Block("paragraph", line, line))


# Furniture, contact lines and missing links


@pytest.mark.parametrize(
    "text",
    [
        "Request an Appointment",
        "REQUEST AN APPOINTMENT »",
        "Schedule Skin Care Appointment",
        "Schedule Your Free Consultation",
        "Book Now",
        "Book an Appointment Online",
        "E-Newsletter Sign-Up",
        "Newsletter Signup",
        "Background video arrow",
        "Hero image",
        "Play Video",
        "Skip to main content",
        "Read more",
        "Share this post",
        "Previous Post",
        "Call (555) 010-7788",
        "Home > Blog > Peels",
        "Be the first to hear of our special offers!",
        "Sign up for our newsletter and never miss a special.",
        "© 2020 Harbor Skin. All rights reserved.",
        "This website uses cookies to give you a better time.",
        "2 Comments",
    ],
)
def test_what_sites_print_around_an_article_is_known(text):
    assert is_known(text)


@pytest.mark.parametrize(
    "text",
    [
        "Make the Most of Your Appointment in Spring",
        "Be the first to try it at your own risk.",
        "Booking a peel in summer is unwise.",
        "Share your worries with the nurse before the peel.",
        "We schedule every appointment ourselves.",
        "Acid and/or laser",
        "Send",
    ],
)
def test_words_of_an_article_are_not_furniture(text):
    assert is_known(text) == (text == "Send")


def test_banners_and_bylines_are_short_lines_and_no_sentences():
    assert is_banner("Trained by the Best of the Coast")
    assert is_banner("Hear what our patients say")
    assert not is_banner("Trained by the best, she went home.")
    assert is_byline("Medically reviewed by Ada Quill, MD")
    assert is_byline("4 May 2021")
    assert not is_byline("By noon the fold is gone.")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("To schedule a consultation, call us at (555) 010-7788.", True),
        ("Contact our office by writing to desk@example.com or ring the bell", True),
        ("To make an appointment, please contact our front desk.", True),
        ("Call 555-010-7788", False),
        ("Doctors call this a peel.", False),
        ("In 2019 1200000 people bought one.", False),
    ],
)
def test_a_contact_line_says_how_to_reach_the_practice(text, is_one):
    assert is_contact_line(Block("paragraph", text, text)) == is_one


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("It works. For more information, please visit", ["For more information, please visit"]),
        ("For more, visit our website. It is dull.", ["For more, visit our website."]),
        ("Click here for the pictures.", ["Click here for the pictures."]),
        ("For more, please visit: https://example.com/peels", []),
        ("For more, visit our website www.example.com today.", []),
        ("Click here: https://example.com/peels", []),
        ("Please visit our office in Newport.", []),
        ("You will see our results on the second visit to us.", []),
    ],
)
def test_a_sentence_that_points_nowhere_is_a_missing_link(text, missing):
    assert missing_links(text) == missing


def test_a_linked_sentence_is_no_missing_link():
    assert missing_links("For more, click here.", ("click here",)) == []


# HTML

FULL_PAGE = """<!doctype html>
<html><head><title>Peels - Harbor Skin</title><style>p { color: red }</style>
<link rel="canonical" href="https://old.example.com/blog/peels/"></head>
<body onload="steal()"><header><a href="/">Harbor Skin</a><nav><ul><li><a href="/">Home</a><li>Team</ul></nav></header>
<main><article><header><h1>Peels &amp; <em>You</em></h1><p>By Ada Quill</p></header>
<p onclick="x()">They <b>sting</b>, a <a href="../bit" target="_blank">bit</a><script>alert("Boo.")</script>.</p>
<h2>How</h2><ul class="x"><li>Wash.</li><li>Wait <i>long</i>.</li></ul>
<p><a class="btn" href="/book/">Book it</a></p>
<div><h3>Wh<strong>y</strong></h3>Because.<br><br>So <a href="#top">there</a>.</div>
<p>To book a visit, call <a href="tel:+15550107788">555-010-7788</a>.</p>
<p>Request an Appointment</p></article>
<aside><p>Buy our cream!</p></aside></main>
<form><label>Mail</label><input name="m"><button>Sign me up</button></form>
<div>Free <i>parking</i></div><footer>Harbor Skin, Newport</footer><script src="x.js"></script></body></html>"""


def test_the_article_is_found_in_a_whole_page_and_the_rest_is_reported():
    page = html_page(FULL_PAGE)
    assert page.title == "Peels & You"
    assert page.html.splitlines() == [
        '<p>They <strong>sting</strong>, a <a href="https://old.example.com/blog/bit" rel="noopener">bit</a>.</p>',
        "<h2>How</h2>",
        "<ul><li>Wash.</li><li>Wait <em>long</em>.</li></ul>",
        "<h3>Why</h3>".replace("y", "<strong>y</strong>"),
        "<p>Because.</p>",
        "<p>So there.</p>",
        '<p>To book a visit, call <a href="tel:+15550107788" rel="noopener">555-010-7788</a>.</p>',
    ]
    assert page.contact_line == "To book a visit, call 555-010-7788."
    assert page.counts == Counts(headings=2, paragraphs=3, points=2)
    assert sorted(page.furniture) == sorted(
        [
            "By Ada Quill",
            "Book it",
            "Harbor Skin · Home · Team",
            "Buy our cream!",
            "Mail · Sign me up",
            "Harbor Skin, Newport",
            "Free",
            "parking",
            "Request an Appointment",
        ]
    )
    assert page.missing_links == ("there (href=“#top”)",)
    assert page.warnings == (
        "2 scripts were removed.",
        "2 elements carried script attributes; they were removed.",
    )


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", " JAVA\tSCRIPT:alert(1)", "data:text/html,x", "/peels", "//x.org", "", "http://[x"],
)
def test_a_link_that_leads_nowhere_safe_loses_its_address_and_keeps_its_words(address):
    page = html_page(f'<h1>Peels</h1><p>See <a href="{address}">the list</a>.</p>')
    assert page.html == "<p>See the list.</p>"
    assert page.missing_links == (f"the list (href=“{''.join(address.split())}”)",)


def test_the_title_is_the_pages_own_when_there_is_no_heading_of_level_one():
    page = html_page("<title>Peels at home | Harbor Skin</title><body><h2>Peels at home</h2><p>They sting.</p>")
    assert (page.title, page.html) == ("Peels at home", "<p>They sting.</p>")
    assert page.warnings == ("There is no <h1>; the title is the page's <title>: check it.",)


def test_the_articles_own_heading_wins_over_the_sites_name():
    page = html_page("<header><h1>Harbor Skin</h1></header><main><h1>Peels</h1><p>They sting.</p></main>")
    assert (page.title, page.furniture) == ("Peels", ("Harbor Skin",))


def test_headings_skip_no_level_and_a_second_title_becomes_a_heading():
    page = html_page("<h1>Peels</h1><h3>A</h3><p>a.</p><h1>B</h1><p>b.</p><h5>C</h5><p>c.</p><h6>D</h6><p>d.</p>")
    assert page.html.splitlines()[::2] == ["<h3>A</h3>", "<h2>B</h2>", "<h4>C</h4>", "<h4>D</h4>"]


def test_a_bold_line_above_text_is_a_heading_and_any_other_stays_bold():
    page = html_page("<h1>Peels</h1><p><b>How They Work</b></p><p>Well.</p><p><strong>They sting.</strong></p>")
    assert page.html == "<h2>How They Work</h2>\n<p>Well.</p>\n<p><strong>They sting.</strong></p>"


def test_short_paragraphs_of_a_marked_up_page_are_not_guessed_to_be_headings():
    assert html_page("<h1>Peels</h1><p>How They Work</p><p>Well.</p>").counts.headings == 0


def test_tables_and_lists_inside_lists_keep_their_words_and_are_said():
    page = html_page(
        "<h1>Peels</h1><table><tr><th>Acid<th>Days<tr><td>Lactic<td><b>2</b></table>"
        "<ul><li>One<ol><li>Two</li></ol></li><li><p>Three</p><p>four</p></li></ul>"
    )
    assert page.html.splitlines() == [
        "<ul><li>Acid – Days</li><li>Lactic – <strong>2</strong></li></ul>",
        "<ul><li>One</li><li>Two</li><li>Three four</li></ul>",
    ]
    assert page.warnings == (
        "A table became a list, one point a row: check it.",
        "A list inside a list became part of the outer list.",
    )


def test_elements_that_were_left_open_end_where_the_next_begins():
    page = html_page(
        "<h1>Peels</h1><p>They sting.<p>Not <b>long.<ul><li>One<ul><li>Deep</ul><li>Two</ul>"
        "<dl><dt>A<dd>a.<dt>B<dd>b.</dl>"
    )
    assert page.html.splitlines() == [
        "<p>They sting.</p>",
        "<p>Not <strong>long.</strong></p>",
        "<ul><li>One</li><li>Deep</li><li>Two</li></ul>",
        "<h2>A</h2>",
        "<p>a.</p>",
        "<h2>B</h2>",
        "<p>b.</p>",
    ]


def test_quotations_keep_who_said_them():
    page = html_page("<h1>Peels</h1><blockquote><p>It stung.</p><footer>A patient</footer></blockquote><hr>")
    assert page.html == "<blockquote><p>It stung.</p><p>A patient</p></blockquote>"


def test_pictures_videos_and_their_captions_are_reported():
    page = html_page(
        '<h1>Peels</h1><figure><img src="a.jpg" alt="A jar"><figcaption>Our jar</figcaption></figure><p>They sting.</p>'
        '<video><source src="v.mp4"></video><iframe src="https://video.example/1"></iframe>'
        f'<p>Ow.<img src="data:image/png;base64,{"A" * 5000}"></p>'
    )
    assert page.html == "<p>They sting.</p>\n<p>Ow.</p>"
    assert page.furniture == (
        "Our jar",
        "(v.mp4)",
        "(https://video.example/1)",
        "Picture: A jar (a.jpg)",
        f"Picture: (data:image/png;base64,{'A' * 78}…)",
    )


def test_questions_that_unfold_become_headings():
    page = html_page("<h1>Peels</h1><details><summary>Do They Sting?</summary>Yes.</details>")
    assert page.html == "<h2>Do They Sting?</h2>\n<p>Yes.</p>"


def test_a_word_parted_by_markup_stays_one_word():
    assert (
        html_page("<h1>Peels</h1><p>Un<b>like</b>ly, H<sub>2</sub>O</p>").html
        == "<p>Un<strong>like</strong>ly, H2O</p>"
    )


def test_hidden_text_is_reported_and_comments_are_not_text():
    page = html_page('<h1>Peels</h1><!-- old --><p>They sting.</p><p hidden>No.</p><p style="DISPLAY: none">Nor.</p>')
    assert (page.html, page.furniture) == ("<p>They sting.</p>", ("No.", "Nor."))


def test_control_characters_in_entities_do_not_get_through():
    page = html_page("<h1>Pe&#27;els&#0;</h1><p>They&#x9b; st&#1;ing.</p>")
    assert (page.title.replace("\ufffd", ""), page.html) == ("Peels", "<p>They\u203a sting.</p>")


def test_a_page_nested_beyond_reason_is_refused():
    with pytest.raises(FileRefused, match=r"^Its elements are nested too deeply to be read\.$"):
        read_html("<h1>Peels</h1>" + "<div>" * 5000 + "They sting.")


# Markdown


def test_markdown_becomes_the_same_blocks():
    page = markdown_page(
        "---\ntitle: Ignored? No\nlayout: post\n---\n## How\n\nThey *sting* a "
        "[bit](https://example.com/a?b=1&c=2 'T').\n\n"
        "1. Wash\n2. Wait\n\n### Why\n\nWho **knows**. <script>alert(1)</script>\n\n<nav>Home</nav>\n"
    )
    assert page.title == "Ignored? No"
    assert page.html.splitlines() == [
        "<h2>How</h2>",
        '<p>They <em>sting</em> a <a href="https://example.com/a?b=1&amp;c=2" rel="noopener">bit</a>.</p>',
        "<ol><li>Wash</li><li>Wait</li></ol>",
        "<h3>Why</h3>",
        "<p>Who <strong>knows</strong>.</p>",
    ]
    assert (page.furniture, page.warnings) == (("layout: post", "Home"), ("1 script was removed.",))


def test_the_first_heading_of_level_one_is_the_title_of_a_markdown_page():
    page = markdown_page("# Peels\n\nThey sting.\n\n| Acid | Days |\n|---|---|\n| Lactic | 2 |\n")
    assert (page.title, page.counts) == ("Peels", Counts(headings=0, paragraphs=1, points=2))


# No sentence is lost


def test_a_sentence_that_is_nowhere_is_found_out():
    page = text_page(PILLOWS)
    source = read_text(PILLOWS).source
    assert lost_texts(source, page) == []
    assert lost_texts(source, replace(page, furniture=page.furniture[1:])) == ["Background video arrow"]
    assert lost_texts(source, replace(page, title="")) == ["Silk Pillowcases And Sleep Lines"]
    assert lost_texts(["Said once.", "Said once."], replace(page, html="<p>Said once.</p>")) == []
    assert lost_texts(["Un", "like", "ly"], replace(page, html="<p>Un<b>x</b></p>")) == ["like", "ly"]


def test_a_page_that_would_lose_words_is_refused():
    reading = Reading(title="Peels", blocks=[Block("paragraph", "They", "They")], source=["Peels", "They sting."])
    with pytest.raises(FileRefused, match=r"^It was not imported because these words would be lost: They sting\.$"):
        page_of(reading)


def test_the_real_pages_come_out_whole_where_they_are_at_hand():
    expected = {
        "000": (7, 1, True, Counts(headings=0, paragraphs=6, points=0)),
        "001": (0, 0, False, Counts(headings=6, paragraphs=7, points=5)),
    }
    for seed in sorted(SEEDS.glob("00[01]_*.txt")):
        page = read_page(seed)
        found = (len(page.furniture), len(page.missing_links), bool(page.contact_line), page.counts)
        assert found == expected[seed.name[:3]]
        assert page.warnings == ()
        assert lost_texts(read_text(seed.read_text(encoding="utf-8")).source, page) == []


# Bad files


def refusal(path: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        read_page(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "It is empty."),
        ("a.txt", b" \r\n\t ", "It is empty."),
        ("a.txt", "\ufeff\u00a0\n".encode(), "It is empty."),
        ("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "It is not a text file."),
        ("a.txt", b"Peels\n\n" + b"\x01\x02 they" * 9, "It is not a text file."),
        ("a.txt", "Peels\n\nThey sting.".encode("utf-16-le"), "It is not a text file."),
        ("a.txt", b"\xff\xfeP\x00e\x00\x00\xd8", "It begins like UTF-16 text but is damaged."),
        (
            "a.txt",
            "Пилинг\n\nОн щиплет кожу.".encode("cp1251"),
            "Its encoding is not known, or it is not text. Save it as UTF-8 and try again.",
        ),
        (
            "a.txt",
            b"Peels\n\nThey \x81\x8d sting.",
            "Its encoding is not known, or it is not text. Save it as UTF-8 and try again.",
        ),
        (
            "a.txt",
            b"{\\rtf1 Peels}",
            "It is a Rich Text (RTF) document. Save it as plain text or HTML and try again.",
        ),
        ("a.txt", b"%PDF-1.4\nPeels", "It is a PDF document. Save its text as plain text and try again."),
        ("a.txt", b"<!DOCTYPE html><h1>Peels</h1>", "It holds HTML. Rename it to end in .html and try again."),
        ("a.pdf", b"%PDF-1.4", "Only .txt, .md or .html files can be read."),
        ("noending", b"Peels", "Only .txt, .md or .html files can be read."),
        (
            "a.txt",
            b"They sting for a while.\n\nThen not.",
            "It has no title. Put the title on the first line, without a full stop, with an empty line below it.",
        ),
        (
            "a.txt",
            b"- They sting\n- Then not",
            "It has no title. Put the title on the first line, without a full stop, with an empty line below it.",
        ),
        ("a.md", b"They sting.", "It has no title. Begin the file with a line such as \u201c# Title\u201d."),
        ("a.html", b"<p>They sting.</p>", "It has no title. The page needs an <h1> or a <title>."),
        ("a.html", b"<h1> </h1><title> </title>", "It has no title. The page needs an <h1> or a <title>."),
        ("a.txt", b"Peels", "It has a title but no text."),
        ("a.txt", b"Peels\n\nRequest an Appointment", "It has a title but no text."),
        ("a.html", b"<h1>Peels</h1><script>They sting.</script>", "It has a title but no text."),
        ("a.md", b"# " + b"Peels " * 30 + b"\n\nSting.", "Its title has 179 characters; 160 are the most."),
    ],
)
def test_a_bad_file_is_refused_with_its_own_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal(path) == reason


def test_a_file_of_50_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)  # NUL bytes: were it read, the reason would be another
    assert refusal(path) == "It is too large: 50.0 MB, and 5 MB are the most."
    path.write_bytes(b"Peels\n\nThey sting." + b" " * (LARGEST - 18))
    assert read_page(path).title == "Peels"


def test_what_is_no_file_is_refused(tmp_path):
    assert refusal(tmp_path / "gone.txt") == "There is no such file."
    (tmp_path / "folder.txt").mkdir()
    assert refusal(tmp_path / "folder.txt") == "It is not an ordinary file."
    os.mkfifo(tmp_path / "pipe.txt")
    assert refusal(tmp_path / "pipe.txt") == "It is not an ordinary file."
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    assert refusal(tmp_path / "loop.txt") == "There is no such file."
    assert refusal(tmp_path / f"{'x' * 300}.txt") == "It cannot be read: File name too long."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_usual_encodings_are_read(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes("Peels\n\nOne’s skin stings – a café’s worth of time, no more than that.".encode(encoding))
    page = read_page(path)
    assert page.html == "<p>One’s skin stings – a café’s worth of time, no more than that.</p>"
    doubt = "It is not UTF-8; it was read as Windows-1252: check quotation marks and accents."
    assert page.warnings == ((doubt,) if encoding == "cp1252" else ())


def test_traces_of_an_earlier_wrong_encoding_are_said(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Peels\n\nOneâ€™s skin \ufffd stings." + " More." * 20 + "\x07")
    assert read_page(path).warnings == (
        "Control characters were removed. It holds the sign � where a character was lost before: look for it. "
        "It holds signs such as “â€™” that come from a wrong encoding: look for them.",
    )


def test_hostile_lines_take_no_time():
    started = time.monotonic()
    for line in ("Request " + "- " * 90, "a | " * 4000, "call " * 4000, "visit our " + "x-" * 4000, "Home\n\n" * 3000):
        text_page(f"Peels\n\nThey sting.\n\n{line}\n\nThey really do.\n")
    text_page("Peels\n\nThey sting.\n\n" + "• Wash\n\n" * 3000)
    html_page("<h1>Peels</h1>" + "<p><b>They <i>sting</i></b><br><br>" * 300)
    for mark in ("<!--", "<a ", "<![CDATA["):
        html_page("<h1>Peels</h1><p>They sting." + mark * 10000)
    assert time.monotonic() - started < 60


# Finding files


def test_folders_are_searched_and_each_file_is_read_once(tmp_path):
    for name in ("b.txt", "a.MD", "deep/c.html", ".hidden.txt", ".git/d.txt", "photo.jpg", "none/photo.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find_files([tmp_path / "b.txt", tmp_path, tmp_path / "none", tmp_path / "gone.txt"], known=READERS)
    assert found.files == [tmp_path / name for name in ("b.txt", "a.MD", "deep/c.html", "gone.txt")]
    assert found.refused == [(tmp_path / "none", "There is no .txt, .md or .html file in this folder.")]
    assert {path.name for path in found.passed_over} == {"photo.jpg"}


# The command


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "pillows.txt").write_text(PILLOWS)
    (tmp_path / "sunscreen.txt").write_text(SUNSCREEN)
    return tmp_path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("import_articles", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_file_becomes_a_draft_and_the_report_says_what_was_left_out(pages, admin_client):
    out = run(pages / "pillows.txt")
    article = Article.objects.get()
    page = read_page(pages / "pillows.txt")
    assert (article.title, article.body) == (page.title, page.html)
    assert (article.slug, article.status) == ("silk-pillowcases-and-sleep-lines", Article.Status.DRAFT)
    assert (article.published_at, article.category) == (None, None)
    address = reverse("admin:articles_article_change", args=[article.pk])
    assert out.splitlines() == [
        str(pages / "pillows.txt"),
        "  Title: Silk Pillowcases And Sleep Lines",
        "  Text: 0 headings, 2 paragraphs, 0 list points",
        f"  Contact line, kept as the last paragraph: “{page.contact_line}”",
        "  Left out, 7 pieces of site furniture:",
        *(f"    “{text}”" for text in page.furniture),
        "  1 missing link (the words were kept):",
        "    “For the pictures of that count, please visit”",
        f"  Draft made: http://127.0.0.1:8000{address}",
        "",
        "1 draft made, 0 there already, 0 refused.",
    ]
    assert admin_client.get(address).status_code == 200


@pytest.mark.django_db
def test_a_dry_run_writes_nothing_and_sees_its_own_doubles(pages):
    (pages / "twin.txt").write_text(SUNSCREEN)
    out = run("--dry-run", pages)
    assert Article.objects.count() == 0
    assert out.count("A draft would be made.") == 2
    assert out.count("An earlier file of this run has this title; no second draft.") == 1
    assert out.splitlines()[-1] == "2 drafts would be made, 1 there already, 0 refused."


@pytest.mark.django_db
def test_the_text_itself_is_shown_on_request(pages):
    assert "<h2>What Melasma Is</h2>" not in run("--dry-run", pages)
    assert "<h2>What Melasma Is</h2>" in run("--dry-run", "-v", "2", pages)


@pytest.mark.django_db
def test_importing_twice_makes_no_duplicate_and_changes_nothing(pages):
    run(pages)
    again = run(pages)
    assert again.count("It is there already: http://127.0.0.1:8000/admin/articles/article/") == 2
    assert again.splitlines()[-1] == "0 drafts made, 2 there already, 0 refused."
    Article.objects.filter(title__startswith="Silk").update(body="<p>Rewritten.</p>", slug="moved")
    assert "with other words; it was not changed" in run(pages / "pillows.txt")
    assert Article.objects.count() == 2
    assert Article.objects.get(slug="moved").body == "<p>Rewritten.</p>"


@pytest.mark.django_db
def test_a_bad_file_does_not_stop_the_rest_and_the_status_tells(pages):
    (pages / "a-broken.txt").write_bytes(b"\x00\x01")
    (pages / "empty.md").write_bytes(b"")
    (pages / "photo.jpg").write_bytes(b"x")
    out = StringIO()
    with pytest.raises(CommandError, match=r"^2 drafts made, 0 there already, 3 refused\.$"):
        call_command("import_articles", str(pages), str(pages / "gone.txt"), stdout=out)
    lines = out.getvalue().splitlines()
    assert [line for line in lines if "Refused" in line] == [
        "  Refused: It is not a text file.",
        "  Refused: It is empty.",
        "  Refused: There is no such file.",
    ]
    assert f"Passed over, being of another kind: {pages / 'photo.jpg'}" in lines
    assert sorted(Article.objects.values_list("title", flat=True)) == [
        "Does Sunscreen Help With Melasma?",
        "Silk Pillowcases And Sleep Lines",
    ]


@pytest.mark.django_db
def test_a_title_in_another_script_still_gets_an_address(tmp_path):
    (tmp_path / "a.txt").write_text("Пилинг дома\n\nОн щиплет.\n")
    run(tmp_path)
    run(tmp_path)
    assert Article.objects.get().slug.startswith("article-")


@pytest.mark.django_db
def test_a_file_name_of_any_bytes_can_be_reported(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J.txt"))
    path.write_text("Peels\n\nThey sting.\n")
    out = run(tmp_path)
    assert out.encode().count(b"\x1b") == 0
    assert Article.objects.get().title == "Peels"


def test_the_reader_allows_the_titles_that_an_article_can_hold():
    assert Article._meta.get_field("title").max_length == LONGEST_TITLE


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_one_draft():
    page = text_page(SUNSCREEN)
    made = []

    def import_too():
        made.append(make_draft(page=page))
        connection.close()

    with transaction.atomic():
        first = make_draft(page=page)
        other = threading.Thread(target=import_too)
        other.start()
        # It found no article, and now waits at the unique address for this transaction.
        until(lambda: stuck("%articles_article%") == 1)
    other.join(60)
    assert first.is_new
    assert [(draft.article.pk, draft.is_new) for draft in made] == [(first.article.pk, False)]
    assert Article.objects.count() == 1
