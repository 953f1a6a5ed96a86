"""Merge fields of other systems, which would be sent as they stand."""

import html

import pytest

from newsletter.services.checklist import Verdict
from newsletter.services.checklist.words import OF_OTHER_SYSTEMS
from tests.factories import make_image
from tests.newsletter.test_checklist import left, said, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]


def foreign(field, place):
    words = "Here {{ name }} or {{ name|friend }} becomes a name, in the introduction and in texts."
    return (
        Verdict.WARNING,
        f"“{field}” looks like a field of another system, and would be sent as it stands ({place}). {words}",
    )


@pytest.mark.parametrize(
    "field",
    [
        "[FNAME]",
        "[First Name]",
        "[firstname|there]",
        "[[name]]",
        "%FIRSTNAME%",
        "%recipient.name%",
        "%%name%%",
        "%%custom_7%%",
        "<<First Name>>",
        "{first_name}",
        "{FNAME, fallback=there}",
        "{$name}",
        "${lastName}",
        "{contact.email}",
        "[unsubscribe_link]",
        "[Your name]",
    ],
)
def test_merge_fields_of_other_systems(field):
    assert said("Merge fields", subject=f"Dear {field}, look") == [foreign(field, "subject")]
    assert said("Merge fields", introduction=f"<p>Dear {html.escape(field)},</p>") == [foreign(field, "introduction")]
    assert OF_OTHER_SYSTEMS.findall(f"Dear {field}!") == [field]


@pytest.mark.parametrize("field", ["{{first_name}}", "{{ contact.FIRSTNAME }}", "*|FNAME|*"])
def test_those_that_forbid_a_mailing_can_be_found_by_the_same_pattern(field):
    assert OF_OTHER_SYSTEMS.findall(f"Dear {field}!") == [field]
    assert said("Merge fields", preheader=f"Dear {field}!") == [left(field, "preheader")]


def test_they_are_found_wherever_something_is_written():
    blocks = [
        {"kind": "button", "heading": "For [FNAME]", "link": "https://example.com/?to=%EMAIL%"},
        {"kind": "picture", "picture": make_image(alt="A lamp for {first_name}.")},
        text("<p>Dear %%name%%</p>"),
    ]
    assert said("Merge fields", preheader="Dear [name]", blocks=blocks) == [
        foreign("[name]", "preheader"),
        foreign("[FNAME]", "block 1"),
        foreign("%EMAIL%", "block 1"),
        foreign("{first_name}", "block 2"),
        foreign("%%name%%", "block 3"),
    ]


@pytest.mark.parametrize(
    "prose",
    [
        "As shown [1], [2] and [sic].",
        "50 % off, 20% off in the name of spring, 100%.",
        "[Name of the cream], {a kind}, {1}, <<quoted>>, a << b",
        "Write to us [email us at any time] or %20name%20.",
        "5 * 3 | 2 * 4, name@example.com, $100, #name",
    ],
)
def test_ordinary_prose_is_no_merge_field(prose):
    introduction = f'<p><a href="https://example.com/a%20name%20b">The shop</a> {html.escape(prose)}</p>'
    assert said("Merge fields", subject=prose, introduction=introduction) == [
        (Verdict.OK, "None is left over or misspelt.")
    ]
