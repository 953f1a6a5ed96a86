"""The two forms of a letter: HTML that mail programs can show, and a plain text that says the same."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.emails.content import content_of
from newsletter.emails.person import Person
from newsletter.emails.rendering import MARK, TooLarge, filled, render, with_name_marks
from tests.factories import NOON, make_article, make_campaign, make_image, make_offer, make_practice

SITE = "https://elmstreet.example"
ADA = Person("ada@example.com", "Ada", "t0ken")
ENDS = datetime(2026, 5, 1, 3, 59, tzinfo=UTC)
OUTSIDE = {"link", "script", "iframe", "object", "embed", "form", "input", "video", "svg", "base"}


def content(**fields):
    return {
        "subject": "May news",
        "preheader": "",
        "language": "en",
        "code": "maycode1",
        "introduction": "",
        "blocks": [],
        "practice": {"name": "Elm", "address": "1 Elm Street", "phone": "", "url": SITE, "time_zone": "UTC"},
        "archive_url": "",
        "offers_url": f"{SITE}/offers/",
        **fields,
    }


def words(html):
    """One text block."""
    return content(blocks=[{"kind": "text", "heading": "", "html": html}])


class Page(HTMLParser):
    """Every tag with its attributes, what is not closed, and the styles."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.styles, self.texts, self._in = [], [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        (self.styles if self._in == "style" else self.texts).append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def letter(db):
    """One of everything, as Ada gets it."""
    make_practice()
    image = make_image(alt='A "lamp" & a desk')
    plain = make_image(alt="", is_decorative=True)
    offer = make_offer(title="Peel", slug="peel", picture=image, terms="New\npatients.", starts_at=NOON, ends_at=ENDS)
    campaign = make_campaign(
        subject="May <news>",
        slug="may",
        code="maycode1",
        introduction='<p>Hello {{ name|there }}, see <a href="/team/">us</a>.</p>',
        blocks=[
            {
                "kind": "text",
                "heading": "Hours & days",
                "text": "<p>Dear {{&nbsp;name }},</p><ul><li><p>Nine</p></li></ul>",
            },
            {"kind": "picture", "picture": image},
            {"kind": "picture", "picture": plain, "link": "/treatments/"},
            {"kind": "article", "article": make_article(title="Pores", slug="pores", picture=plain)},
            {"kind": "offer", "offer": offer},
            {"kind": "button", "heading": "Book a time", "link": "/appointments/book/"},
        ],
    )
    return filled(render(content_of(campaign, now=NOON), now=NOON), ADA)


def test_the_plain_text_says_it_all(letter):
    assert (
        letter.text
        == f"""\
May <news>

Hello Ada, see us:
{SITE}/team/?from=maycode1.

Hours & days
------------

Dear Ada,

- Nine

[A "lamp" & a desk]

[Open the page that this picture leads to]
{SITE}/treatments/?from=maycode1

Pores
-----

What the evidence says.
Read the article (1 min): {SITE}/articles/pores/?from=maycode1

Peel
----

$99
Less than usual.
Until April 30, 2026, 11:59 p.m. EDT

New
patients.

Request an Appointment: {SITE}/appointments/request/?offer=peel&from=maycode1
This offer on our site: {SITE}/offers/?from=maycode1#peel

Book a time: {SITE}/appointments/book/?from=maycode1

* * *

Elm Street Aesthetics
1 Elm Street, Elmford, NY 10001
+1 212 555 0142

You get this letter because you asked us to send our e-newsletter to
this address.

Leave the list: {SITE}/newsletter/unsubscribe/t0ken/
Choose your topics: {SITE}/newsletter/preferences/t0ken/
Read it on our site: {SITE}/newsletter/archive/may/?from=maycode1
"""
    )


def test_the_html_leads_where_the_text_leads(letter):
    addresses = [attrs["href"] for attrs in Page(letter.html).all("a")]
    assert set(addresses) - {f"{SITE}/?from=maycode1"} == set(re.findall(rf"{SITE}\S*[^\s.]", letter.text))
    assert [address for address in addresses if "/unsubscribe/" in address] == [f"{SITE}/newsletter/unsubscribe/t0ken/"]


def test_the_html_asks_nothing_of_anybody_but_pictures_of_the_site(letter):
    page = Page(letter.html)
    assert {tag for tag, _attrs in page.tags} & OUTSIDE == set()
    assert not re.search(r"@import|url\(|@font-face|expression|javascript:", letter.html, re.IGNORECASE)
    assert [name for _tag, attrs in page.tags for name in attrs if name.startswith("on")] == []
    assert {attrs["src"].rpartition("/")[0] for attrs in page.all("img")} == {f"{SITE}/media/pictures"}
    assert {attrs["src"].rpartition(".")[2] for attrs in page.all("img")} == {"jpeg"}


def test_every_picture_has_its_size_and_its_alt(letter):
    images = Page(letter.html).all("img")
    assert [(image["width"], image["height"], image["alt"]) for image in images] == [
        ("536", "402", 'A "lamp" & a desk'),
        # Decorative ones that are the whole of a link still say where it leads.
        ("536", "402", "Open the page that this picture leads to"),
        ("536", "402", "Pores"),
        ("536", "402", 'A "lamp" & a desk'),
    ]


def test_a_small_picture_is_not_blown_up():
    picture = {"url": f"{SITE}/media/pictures/a.jpeg", "width": 300, "height": 100, "alt": "Lamp"}
    html = render(content(blocks=[{"kind": "picture", "picture": picture, "link": ""}]), now=NOON).html
    (image,) = Page(html).all("img")
    assert (image["width"], image["height"]) == ("300", "100")
    assert "max-width: 300px" in image["style"]


def test_the_look_is_inlined_and_one_small_style_stays(letter):
    page = Page(letter.html)
    (kept,) = page.styles
    assert page.all("style") == [{"data-css-inline": "keep"}]
    assert re.findall(r"@media \(([^)]*)\)", kept) == ["max-width: 620px", "prefers-color-scheme: dark"]
    assert [table.get("role") for table in page.all("table")] == ["presentation"] * len(page.all("table"))
    assert all("style" in cell for cell in page.all("td"))
    (column,) = [table for table in page.all("table") if table.get("class") == "column"]
    assert (column["width"], column["align"]) == ("600", "center")
    assert "max-width: 600px" in column["style"]
    metas = {meta["name"]: meta.get("content") for meta in page.all("meta") if "name" in meta}
    assert (metas["color-scheme"], metas["supported-color-schemes"]) == ("light dark", "light dark")


def test_the_page_has_a_language_and_one_title(letter):
    page = Page(letter.html)
    (html,) = page.all("html")
    assert (html["lang"], html["dir"]) == ("en", "ltr")
    assert "<title>May &lt;news&gt;</title>" in letter.html
    assert len(page.all("h1")) == 1
    assert letter.html.startswith("<!DOCTYPE html>")


def test_the_preheader_comes_first_and_is_not_seen(letter):
    body = letter.html.partition("<body")[2]
    first = re.search(r"<div class=\"preheader\" style=\"([^\"]*)\">([^͏<]*)", body)
    assert "display: none" in first[1]
    assert first[2] == "What is new."
    assert '<div class="preheader"' not in render(content(introduction="<p>x</p>"), now=NOON).html


def test_no_mark_is_left(letter):
    assert not re.search("[\ue000\ue001]|{{|}}", letter.html + letter.text)


def test_an_ended_offer_is_gone_and_the_rest_stays():
    offer = {
        "kind": "offer",
        "id": 1,
        "title": "Peel",
        "summary": "Less.",
        "terms": "Some.",
        "price": None,
        "currency": "USD",
        "url": f"{SITE}/offers/#peel",
        "request_url": f"{SITE}/appointments/request/?offer=peel",
        "picture": None,
        "ends_at": ENDS.isoformat(),
    }
    both = content(blocks=[offer, {"kind": "button", "label": "Book", "url": f"{SITE}/"}])
    gone = "The offers of this letter have ended."
    before, after = render(both, now=ENDS - timedelta(seconds=1)), render(both, now=ENDS)
    assert ["Peel" in form for form in (before.html, before.text, after.html, after.text)] == [True, True, False, False]
    assert gone not in before.html + before.text + after.html + after.text

    alone = render(content(blocks=[offer]), now=ENDS)
    assert gone in alone.html
    assert f"{gone}\nSee what we offer now: {SITE}/offers/\n" in alone.text


def test_an_offer_that_ends_at_midnight_ends_with_the_day_before(db):
    make_practice()
    offer = make_offer(starts_at=NOON, ends_at=datetime(2026, 5, 1, 4, tzinfo=UTC))
    campaign = make_campaign(blocks=[{"kind": "offer", "offer": offer}])
    letter = render(content_of(campaign, now=NOON), now=NOON)
    assert "\nUntil April 30, 2026\n" in letter.text
    assert ">Until April 30, 2026<" in letter.html


def test_a_letter_above_100_kb_is_refused_in_words():
    assert len(render(words("<p>" + "a" * 90_000 + "</p>"), now=NOON).html.encode()) < 100_000
    with pytest.raises(TooLarge, match=r"^This mailing has 10\d KB\. Mailboxes cut a letter off above 100 KB"):
        render(words("<p>" + "a" * 100_000 + "</p>"), now=NOON)
    # Counted as it is sent: two bytes a letter.
    with pytest.raises(TooLarge):
        render(words("<p>" + "ä" * 50_000 + "</p>"), now=NOON)


@pytest.mark.parametrize(
    ("typed", "named", "nameless"),
    [
        ("Hello {{ name|there }}!", "Hello Ada!", "Hello there!"),
        ("Hello {{name|there}}!", "Hello Ada!", "Hello there!"),
        ("Hello {{&nbsp;name | dear&nbsp; friend }}!", "Hello Ada!", "Hello dear friend!"),
        ("Hello {{ name }}!", "Hello Ada!", "Hello!"),
        ("Hello&nbsp;{{ name }}!", "Hello Ada!", "Hello!"),
        ("{{ name }}, hello", "Ada, hello", ", hello"),
        ("Hello {{ name| }}!", "Hello Ada!", "Hello!"),
        ("<strong>{{ name|you &amp; me }}</strong>", "Ada", "you & me"),
        ('{{ name|"O\'Neil" }}', "Ada", '"O\'Neil"'),
        ("{{ name|a }}{{ name|b }}", "AdaAda", "ab"),
        # None of ours: the checklist finds what is left over.
        ("{{ nam|e }} {{ name", "{{ nam|e }} {{ name", "{{ nam|e }} {{ name"),
        ("{{ name|<em>x</em> }}", "{{ name|x }}", "{{ name|x }}"),
    ],
)
def test_the_merge_field_takes_the_name_or_what_was_typed_for_none(typed, named, nameless):
    rendered = render(words(f"<p>{typed}</p>"), now=NOON)
    for person, expected in ((ADA, named), (Person("a@b.example", " ", "t"), nameless)):
        letter = filled(rendered, person)
        assert letter.text.split("\n\n")[1] == expected
        assert expected in "".join(Page(letter.html).texts)


def test_the_merge_field_works_nowhere_else():
    link = '<a href="https://a.example/?{{ name }}">x</a>'
    assert with_name_marks(link) == link
    everywhere = content(
        subject="Dear {{ name }}",
        preheader="{{ name }}",
        blocks=[{"kind": "button", "label": "{{ name }}", "url": f"{SITE}/?{{{{name}}}}"}],
    )
    rendered = render(everywhere, now=NOON)
    assert {mark[1] for mark in MARK.finditer(rendered.html + rendered.text)} == {"leave", "preferences"}
    assert rendered.subject == "Dear {{ name }}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Ada\r\n Byron\t", "Ada Byron"),
        ("\"<b>Ada</b>\" & 'co'", "\"<b>Ada</b>\" & 'co'"),
        ("Ada\u202eevil\u2066", "Adaevil"),
        ("\u200fעדה\u200f", "עדה"),
        ("مهدی‌پور", "مهدی‌پور"),
        ("👩‍⚕️ Zoë", "👩‍⚕️ Zoë"),
        ("A\x00d\x1ba\x7f", "Ada"),
        ("\ue000leave\ue001", "leave"),
        ("A\ud800da", "Ada"),
        ("Ada\u2028Byron", "Ada Byron"),
        ("{{ name|x }}", "{{ name|x }}"),
        ("\u200e", ""),
    ],
)
def test_odd_names_are_shown_as_writing_and_nothing_more(name, shown):
    assert Person("a@b.example", name, "").shown_name == shown


def test_a_name_is_text_in_both_forms():
    letter = filled(render(words("<p>{{ name }}</p>"), now=NOON), Person("a@b.example", "<b>\"A\" & 'b'</b>", "t"))
    assert "<b>\"A\" & 'b'</b>" in letter.text
    assert "&lt;b&gt;&quot;A&quot; &amp; &#x27;b&#x27;&lt;/b&gt;" in letter.html
    assert Page(letter.html).all("b") == []


@given(st.text(max_size=80))
def test_any_name_is_one_line_of_writing(name):
    shown = Person("a@b.example", name, "t").shown_name
    assert shown == " ".join(shown.split())
    shown.encode()
    letter = filled(render(words("<p>[{{ name|there }}]</p>"), now=NOON), Person("a@b.example", name, "t"))
    assert f"[{shown or 'there'}]" in letter.text
    assert f"[{shown or 'there'}]" in "".join(Page(letter.html).texts)


def test_nothing_written_can_forge_a_mark():
    forged = "\ue000leave\ue001"
    rendered = render(content(subject=forged, introduction=f"<p>{forged}</p>"), now=NOON)
    assert (rendered.subject, len(MARK.findall(rendered.html)), len(MARK.findall(rendered.text))) == ("leave", 2, 2)


def test_without_a_token_the_links_lead_to_the_sign_up():
    letter = filled(render(words("<p>x</p>"), now=NOON), Person("a@b.example", "Ada", ""))
    assert letter.text.count(f"{SITE}/newsletter/\n") == 2
    assert letter.html.count(f'href="{SITE}/newsletter/"') == 2


@pytest.mark.parametrize("token", ["a b", "a\r\nBcc: x@y.example", "a/b", "ä", 'a">'])
def test_a_token_that_could_break_an_address_is_refused(token):
    with pytest.raises(ValueError, match="token"):
        Person("a@b.example", "Ada", token)


def test_the_letter_is_never_without_text():
    rendered = render(
        content(practice={"name": "", "address": "", "phone": "", "url": SITE, "time_zone": "UTC"}), now=NOON
    )
    assert "Leave the list" in rendered.text
    assert ">Our practice</a>" in rendered.html
