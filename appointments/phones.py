import phonenumbers
from django.utils.translation import gettext_lazy as _
from phonenumbers import PhoneNumberFormat, ValidationResult

# The country of a number that is written without one.
REGION = "US"


class NotAPhoneNumber(ValueError):
    """Nobody could be called under it; the message says what to write instead."""


def e164(typed: str) -> str:
    """A number in any usual form as +17045550142, without its extension. Raises NotAPhoneNumber."""
    try:
        number = phonenumbers.parse(typed, REGION)
    except phonenumbers.NumberParseException:
        raise NotAPhoneNumber(_("Enter a phone number, like 704-555-0142 or +44 20 7946 0018.")) from None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise NotAPhoneNumber(_("Enter the phone number with its area code, like 704-555-0142."))
    if possible != ValidationResult.IS_POSSIBLE:
        raise NotAPhoneNumber(_("Enter a phone number, like 704-555-0142 or +44 20 7946 0018."))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def searchable_digits(typed: str) -> str:
    """The part of an E.164 number that a person means who types all of a number or its end; "" for other words."""
    try:
        return e164(typed).removeprefix("+")
    except NotAPhoneNumber:
        pass
    written = phonenumbers.normalize_digits_only(typed)
    # Names and references hold letters; a number holds digits and the marks between them.
    is_number = len(written) >= 3 and not any(c.isalpha() for c in typed) and "@" not in typed
    return written.lstrip("0") if is_number else ""
