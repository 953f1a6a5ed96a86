"""What a visitor may type into one line, wherever it is asked for."""

import pytest
from django.core.exceptions import ValidationError

from appointments.fields import PersonName
from clinic.fields import Email, Honeypot
from newsletter.forms.name import NameField

WANTED = "Enter an email address in the correct format, like name@example.com."
ONE_LINE = "Write this on one line, without hidden characters."
NO_QUOTES = "Enter an email address without quotation marks and backslashes."


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("   ", "This field is required."),
        ("ada@example", WANTED),
        ("ada@example.com\r\nBcc: eve@example.com", ONE_LINE),
        ("ada\n@example.com", ONE_LINE),
        ("ada\x00@example.com", ONE_LINE),
        ('"ada"@example.com', NO_QUOTES),
        ('"a\\d\\a"@example.com', NO_QUOTES),
        ('"ada,eve"@example.com', NO_QUOTES),
        ("🙂@example.com", WANTED),
        # Django takes these two for ASCII letters: the Kelvin sign and the long s.
        ("mi\u212ae@example.com", WANTED),
        ("\u017fue@example.com", WANTED),
        # What these letters stand for ends the domain, or holds a slash or another @.
        ("ada@example.com\u3002", WANTED),
        ("ada@example.c\u2100", WANTED),
        ("ada@example.com\uff20example.org", WANTED),
        ("ada@xn--example-.com", WANTED),
        # 80 letters that stand for 320.
        ("ada@" + ("\u3389" * 15 + ".") * 5 + "com", WANTED),
        ("ada@[127.0.0.1]", WANTED),
        ("ada@example.com, eve@example.com", WANTED),
        ("<ada@example.com>", WANTED),
        ("a" * 243 + "@example.com", "Write this with at most 254 characters; it has 255."),
    ],
)
def test_an_address_that_cannot_be_written_to_is_refused_in_words(typed, words):
    with pytest.raises(ValidationError) as refused:
        Email().clean(typed)
    assert refused.value.messages == [words]


@pytest.mark.parametrize("field", [PersonName(), NameField()], ids=["diary", "newsletter"])
@pytest.mark.parametrize(
    "typed",
    ["Win at https://evil.example", "see WWW.evil.example", "evil.com/free", "Ada (evil.shop)", "ada@evil.com"],
)
def test_no_name_is_the_address_of_a_website(field, typed):
    with pytest.raises(ValidationError):
        field.clean(typed)


@pytest.mark.parametrize("field", [PersonName(), NameField()], ids=["diary", "newsletter"])
@pytest.mark.parametrize("typed", ["Ada\x1b[31m", "\u202eadA", "Ada\u2066"])
def test_no_name_holds_what_nobody_sees(field, typed):
    with pytest.raises(ValidationError):
        field.clean(typed)


@pytest.mark.parametrize("field", [PersonName(), NameField()], ids=["diary", "newsletter"])
@pytest.mark.parametrize("typed", ["Dr. Ada Com", "M.A. O'Neill-Smith", "שרה כהן", "Ada 🙂👩‍🔬", "Ada St.John, M.D."])
def test_a_name_is_taken_as_it_comes(field, typed):
    assert field.clean(typed) == typed


@pytest.mark.parametrize("typed", ["https://spam.example", "\x00"])
def test_what_a_program_has_filled_in_is_taken_and_not_shown_again(typed):
    field = Honeypot()
    assert field.clean(typed) == typed
    assert field.bound_data(typed, None) == ""
