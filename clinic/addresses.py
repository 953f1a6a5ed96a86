"""Email addresses that anybody may type: which are taken, which mailbox they mean, and where none may stand."""

import re

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

WANTED = _("Enter an email address in the correct format, like name@example.com.")
LONGEST = 254
LONGEST_ANSWER = 2000
# Letters that IDNA 2003 took for others or for nothing, and that have been domains of their own since (RFC 5894, 7.2).
DEVIATIONS = re.compile("[ßς\u200c\u200d]")
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
    # First: what follows takes a minute for a word of a hundred thousand letters.
    if len(typed) > LONGEST:
        raise ValidationError(WANTED, code="invalid")
    if '"' in local or "\\" in local:
        raise ValidationError(_("Enter an email address without quotation marks and backslashes."), code="invalid")
    try:
        spelt = f"{local}@{_spelt(domain)[0]}"
    except UnicodeError:
        raise ValidationError(WANTED, code="invalid") from None
    # Checked as it is spelt now: one letter may stand for several, a dot or a slash among them.
    if not (local.isascii() and local.isprintable()) or domain.startswith("[") or len(spelt) > LONGEST:
        raise ValidationError(WANTED, code="invalid")
    EmailValidator(WANTED)(spelt)
    return spelt


def in_ascii(email: str) -> str:
    """With the domain as the DNS, headers and the SMTP dialogue have it (RFC 5890). Raises UnicodeError."""
    local, _at, domain = email.rpartition("@")
    return email if email.isascii() else f"{local}@{_spelt(domain)[1]}"


def as_once_spelt(email: str) -> str:
    """How `canonical` spelt this canonical address before it told ß from ss; mostly the same."""
    local, _at, domain = email.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('idna')}" if DEVIATIONS.search(domain) else email


def _spelt(domain: str) -> tuple[str, str]:
    """In the letters of its language, and in ASCII: IDNA 2008 by the mapping of UTS 46. Raises UnicodeError.

    Also what registries sell and IDNA 2008 has not, a ❤ for one, and underscores: as IDNA 2003 does. But that never
    makes another's domain of it.
    """
    domain = domain.lower()
    try:
        spelt = idna.encode(domain, uts46=True).decode()
        return idna.decode(spelt), spelt
    except idna.IDNAError:
        if DEVIATIONS.search(domain):
            raise
        spelt = domain.encode("idna").decode()
        return spelt.encode().decode("idna"), spelt


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
