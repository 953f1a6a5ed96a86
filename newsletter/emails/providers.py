"""The header fields of a newsletter that only the mail provider reads."""

from clinic.mail_providers import PROVIDERS


def delivery_header(provider: str, mark: str = "%s") -> tuple[str, str] | None:
    """Name and value of the field that makes the provider's reports name our delivery; None without a provider.

    `mark` is the Message-ID's part before the @ (services.tokens). Left out, the value holds one %s in its place, for
    a message that is built once and filled for each person.
    """
    if provider not in PROVIDERS:
        return None
    name, value = PROVIDERS[provider].mark
    return name, value.replace("%s", mark)


def untracked_headers(provider: str) -> tuple[tuple[str, str], ...]:
    """Fields, the same in every letter, that keep the provider from counting opens and rewriting links."""
    return PROVIDERS[provider].untracked if provider in PROVIDERS else ()
