"""Whatever is written into a rich text, and on whichever path, only harmless HTML is stored."""

import pytest
from django.db import connection

from clinic import rich_text
from clinic.models import Policy
from tests.factories import make_policy

EVIL = '<p onclick="x()">Hello<script>alert(1)</script> <a href="javascript:alert(1)" target="_blank">you</a></p>'
CLEAN = '<p>Hello <a rel="noopener">you</a></p>'


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (EVIL, CLEAN),
        ("<h2>A</h2><h3>B</h3><h4>C</h4>", "<h2>A</h2><h3>B</h3><h4>C</h4>"),
        ("<ul><li>A</li></ul><ol><li>B</li></ol>", "<ul><li>A</li></ul><ol><li>B</li></ol>"),
        ("<p><strong>A</strong> <em>B</em><br>C</p><hr>", "<p><strong>A</strong> <em>B</em><br>C</p><hr>"),
        ("<blockquote><p>A</p></blockquote>", "<blockquote><p>A</p></blockquote>"),
        (
            '<a href="https://a.example" title="A">A</a>',
            '<a href="https://a.example" title="A" rel="noopener">A</a>',
        ),
        ('<a href="tel:+12125550142">call</a>', '<a href="tel:+12125550142" rel="noopener">call</a>'),
        ('<a href="/articles/">ours</a>', '<a href="/articles/" rel="noopener">ours</a>'),
        ('<a href="data:text/html,x">no</a>', '<a rel="noopener">no</a>'),
        ('<a href="JaVaScRiPt&colon;alert(1)">no</a>', '<a rel="noopener">no</a>'),
        ('<img src=x onerror="alert(1)">', ""),
        ("<svg><script>alert(1)</script></svg>", ""),
        ("<iframe src='https://evil.example'>words</iframe>", ""),
        ("<style>p{}</style><template><p>x</p></template>", ""),
        ('<p style="color:red" class="x" id="y">A</p>', "<p>A</p>"),
        ("<h1>A</h1>", "A"),
        ("<form><input><button>A</button></form>", "A"),
        ("<p>unclosed", "<p>unclosed</p>"),
        ("A & B < C", "A &amp; B &lt; C"),
        ("A\0B", "AB"),
        ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", ""),
        ("", ""),
    ],
)
def test_only_the_allowed_tags_stay(given, stored):
    assert rich_text.sanitise(given) == stored


def test_clean_html_is_not_changed_again():
    assert rich_text.sanitise(rich_text.sanitise(EVIL)) == rich_text.sanitise(EVIL)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<h2>A</h2><p>B</p>", "A B"),
        ("<ul><li>A</li><li>B</li></ul>", "A B"),
        ("<p>A<br>B</p>", "A B"),
        ("<p>A <strong>b</strong>c</p>", "A bc"),
        ("<p>Fish &amp; chips</p>", "Fish & chips"),
        ("<p>&nbsp;</p><p></p>", ""),
    ],
)
def test_the_plain_words_are_separated_where_the_reader_sees_them_so(html, words):
    assert rich_text.plain(html) == words


def stored():
    """As it stands in the database, past every model."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM clinic_policy ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def test_create_cleans(db):
    policy = make_policy(body=EVIL)

    assert (stored(), policy.body) == ([CLEAN], CLEAN)


def test_save_cleans(db):
    policy = make_policy()
    policy.body = EVIL
    policy.save()

    assert (stored(), policy.body) == ([CLEAN], CLEAN)


def test_saving_the_one_field_cleans(db):
    policy = make_policy()
    policy.body = EVIL
    policy.save(update_fields=["body"])

    assert stored() == [CLEAN]


def test_bulk_create_cleans(db):
    rows = [Policy(kind="other", title="A", slug=slug, body=EVIL, updated_on="2026-01-01") for slug in ("a", "b")]

    Policy.objects.bulk_create(rows)

    assert stored() == [CLEAN, CLEAN]


def test_bulk_update_cleans(db):
    policy = make_policy()
    policy.body = EVIL

    Policy.objects.bulk_update([policy], ["body"])

    assert stored() == [CLEAN]


def test_update_cleans(db):
    make_policy()

    Policy.objects.update(body=EVIL)

    assert stored() == [CLEAN]


def test_update_or_create_cleans(db):
    policy = make_policy()

    Policy.objects.update_or_create(pk=policy.pk, defaults={"body": EVIL})

    assert stored() == [CLEAN]
