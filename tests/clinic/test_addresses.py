"""One mailbox, however its address is spelt."""

import pytest
from django.core.exceptions import ValidationError

from clinic.addresses import canonical, mailbox


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Ada.Lovelace+news@Example.COM", "Ada.Lovelace+news@example.com"),
        ("ada@ｅｘａｍｐｌｅ．com", "ada@example.com"),
        ("ada@ⓔxample.com", "ada@example.com"),
        ("ada@xn--BCHER-kva.example", "ada@bücher.example"),
        ("ada@straße.example", "ada@strasse.example"),
        ("o'hara{x}@example.com", "o'hara{x}@example.com"),
    ],
)
def test_an_address_has_one_spelling(typed, expected):
    assert canonical(typed) == canonical(expected) == expected


@pytest.mark.parametrize(
    "typed",
    ["", "@", "ada", "ada@", "@example.com", "ada@@example.com", "ada@.com", "ada@a..com", f"ada@{'a' * 64}.com"],
)
def test_what_is_no_address_is_refused_and_breaks_nothing(typed):
    with pytest.raises(ValidationError, match="in the correct format"):
        canonical(typed)


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("Ada.Lovelace+news+more@example.com", "adalovelace@example.com"),
        ("a.da@googlemail.com", "ada@gmail.com"),
        ("ada@mail.googlemail.com", "ada@mail.googlemail.com"),
        ("ada@bücher.example", "ada@bücher.example"),
    ],
)
def test_tags_dots_case_and_the_two_names_of_gmail_make_no_other_mailbox(email, expected):
    assert mailbox(email) == expected
