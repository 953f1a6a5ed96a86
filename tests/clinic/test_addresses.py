"""One mailbox, however its address is spelt."""

import time

import pytest
from django.core.exceptions import ValidationError

from clinic.addresses import QUOTED, as_once_spelt, canonical, in_ascii, left_out, mailbox


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Ada.Lovelace+news@Example.COM", "Ada.Lovelace+news@example.com"),
        ("ada@ｅｘａｍｐｌｅ．com", "ada@example.com"),
        ("ada@ⓔxample.com", "ada@example.com"),
        ("ada@xn--BCHER-kva.example", "ada@bücher.example"),
        ("ada@xn--strae-oqa.example", "ada@straße.example"),
        ("ada@STRAẞE.example", "ada@straße.example"),
        ("ada@σοφός.example", "ada@σοφός.example"),
        ("ada@نامه\u200cای.example", "ada@نامه\u200cای.example"),
        ("ada@xn--i-7iq.example", "ada@i❤.example"),
        ("ada@r3---sn.example", "ada@r3---sn.example"),
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
    ("email", "spelt"),
    [
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("ada@strasse.example", "ada@strasse.example"),
        ("ada@i❤.example", "ada@xn--i-7iq.example"),
    ],
)
def test_two_domains_that_look_alike_are_written_to_apart(email, spelt):
    assert in_ascii(canonical(email)) == spelt
    assert canonical(spelt) == email


@pytest.mark.parametrize("domain", ["straße❤.example", "ex\u200cample.com"])
def test_what_is_no_domain_is_not_taken_for_anothers(domain):
    with pytest.raises(ValidationError):
        canonical(f"ada@{domain}")
    with pytest.raises(UnicodeError):
        in_ascii(f"ada@{domain}")


@pytest.mark.parametrize(
    ("email", "before"),
    [
        ("ada@straße.example", "ada@strasse.example"),
        ("ada@نامه\u200cای.example", "ada@نامهای.example"),
        ("ada@bücher.example", "ada@bücher.example"),
        ("ada@i❤.example", "ada@i❤.example"),
    ],
)
def test_the_former_spelling_is_known(email, before):
    assert as_once_spelt(email) == before


@pytest.mark.parametrize("typed", ["ada@" + "ü" * 100_000, "ü" * 100_000 + "@example.com", "ada@" + "a." * 130])
def test_what_is_longer_than_an_address_is_refused_at_once(typed):
    began = time.perf_counter()
    with pytest.raises(ValidationError, match="in the correct format"):
        canonical(typed)
    assert time.perf_counter() - began < 0.5


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("550 5.1.1 <jane@example.com>: user unknown", "550 5.1.1 (address) user unknown"),
        ("550 5.1.1 <jane>: user unknown", "550 5.1.1 (address): user unknown"),
        ("see https://example.com/?rcpt=jane%40example.com now", "see (address) now"),
        ('550 "jane doe"@example.com is unknown', "550 (address) is unknown"),
        (r'550 <"jane \"the\" doe"@example.com> is unknown', "550 (address) is unknown"),
        ('to="jane doe"@example.com, "jane" said', 'to=(address) "jane" said'),
        ("550 jane@bücher.example\n550 SRS0=x=y=example.com=jane@our.example", "550 (address)\n550 (address)"),
        ('421 "Try later" at <https://example.com/why>', '421 "Try later" at <https://example.com/why>'),
        ("550 5.7.1 5 < 6 and 7 > 6", "550 5.7.1 5 < 6 and 7 > 6"),
        ("", ""),
    ],
)
def test_addresses_are_left_out_of_what_a_server_says(words, expected):
    assert left_out(words) == expected


def test_a_long_answer_is_cut_where_it_leaves_no_piece_of_an_address():
    before = "x " * 998
    assert left_out(f"{before}jane@example.com") == f"{before.strip()}…"
    assert left_out(f"{'x ' * 990}jane@example.com") == f"{'x ' * 990}(address)"


@pytest.mark.parametrize("piece", ["x", '"', '\\"', '"x\\', "<", '<"', "%4", '" "', "<x "])
def test_no_answer_takes_long_to_read(piece):
    began = time.perf_counter()
    QUOTED.sub("", piece * 20_000)
    left_out(piece * 1_000_000)
    assert time.perf_counter() - began < 5
