"""Email addresses that anybody may type: which are taken, which mailbox they mean, and where none may stand."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

WANTED = _("Enter an email address in the correct format, like name@example.com.")
LONGEST = 254
LONGEST_ANSWER = 2000
# A name in quotation marks with its @; any word with an @ in it, also in the spelling of web addresses; a word alone
# in angle brackets. Each begins where no other can begin, or a long answer without a space would take a while.
QUOTED = re.compile(
    r"""
    <?(?<!\\)"(?:\\.|[^"\\\n])*"@\S*
    | (?<!\S)(?:(?!@|%40)\S)*(?:@|%40)\S*
    | <[^<>\s:]+>
    """,
    re.VERBOSE,
)


def canonical(typed: str) -> str:
    """The one spelling that is stored and written to: the domain in small letters, an international one as its own.

    Raises ValidationError for all that is no usual address: with quotes or backslashes, which spell any name in many
    ways; with letters that only look like others before the @; and for an IP address in place of a domain.
    """
    local, _at, domain = typed.rpartition("@")
    if '"' in local or "\\" in local:
        raise ValidationError(_("Enter an email address without quotation marks and backslashes."), code="invalid")
    try:
        spelt = f"{local}@{domain.lower().encode('idna').decode('idna')}"
    except UnicodeError:
        raise ValidationError(WANTED, code="invalid") from None
    # Checked as it is spelt now: one letter may stand for several, a dot or a slash among them.
    if not (local.isascii() and local.isprintable()) or domain.startswith("[") or len(spelt) > LONGEST:
        raise ValidationError(WANTED, code="invalid")
    EmailValidator(WANTED)(spelt)
    return spelt


def mailbox(email: str) -> str:
    """Where most providers deliver a canonical address: without a +tag, dots and case. Only for counting letters."""
    local, _at, domain = email.casefold().rpartition("@")
    domain = "gmail.com" if domain == "googlemail.com" else domain
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def left_out(words: str) -> str:
    """The first 2,000 characters of these words without addresses; of a word that is cut there, nothing is left.

    Servers like to quote whom they refuse; what is kept and shown does not. It cannot know a name that stands alone
    (“no user jane”, “Jane Doe <…>”), nor an address spelt out (“jane at example.com”).
    """
    if len(words) > LONGEST_ANSWER:
        words = f"{words[:LONGEST_ANSWER].rpartition(' ')[0]}…"
    return QUOTED.sub(str(_("(address)")), words)
