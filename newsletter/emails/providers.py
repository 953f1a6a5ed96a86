"""The header fields of a newsletter that only the mail provider reads."""

from clinic.mail_providers import PROVIDERS


def delivery_header(provider: str) -> tuple[str, str] | None:
    """Name and value of the field that makes the provider's reports name our delivery; None without a provider.

    The value holds one %s, in the place of the Message-ID's part before the @ (services.tokens).
    """
    return PROVIDERS[provider].mark if provider in PROVIDERS else None


def untracked_headers(provider: str) -> tuple[tuple[str, str], ...]:
    """Fields, the same in every letter, that keep the provider from counting opens and rewriting links."""
    return PROVIDERS[provider].untracked if provider in PROVIDERS else ()
