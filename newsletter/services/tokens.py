"""What names one letter of a campaign: the token of its links, and its Message-ID.

Both follow from campaign and subscriber, so a repetition carries the same. Links are looked up by the SHA-256 stored
with the delivery: those in letters that were sent live on when SECRET_KEY changes.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from email.utils import parseaddr
from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare

from newsletter.emails.message import ascii_address

FORM = re.compile(r"<?n(\d{1,18})-(\d{1,18})-([0-9a-f]{16})(?:@[^\s>]*)?>?")


def token_for(code: str, email: str) -> str:
    """192 bits that only this site can make, 32 letters that fit into an address.

    From the campaign's code and the person's address, and not from their numbers: a database that is brought back from
    a copy gives numbers out again, and an old letter must not open another person's page.
    """
    return urlsafe_b64encode(_mac("token", f"{code}:{email}")).decode()


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def message_id(campaign_id: int, subscriber_id: int) -> str:
    """As the header has it, in angle brackets (RFC 5322 section 3.6.4)."""
    return f"<{mark(campaign_id, subscriber_id)}@{_domain(settings.DEFAULT_FROM_EMAIL)}>"


def mark(campaign_id: int, subscriber_id: int) -> str:
    """The part of the Message-ID before the @; the mail provider's events give it back to us."""
    return f"n{campaign_id}-{subscriber_id}-{_mac('message', f'{campaign_id}:{subscriber_id}').hex()[:16]}"


def of_message_id(text: str) -> tuple[int, int] | None:
    """Campaign and subscriber of a Message-ID or a mark that is ours; None for any other."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        return None
    campaign_id, subscriber_id = int(found[1]), int(found[2])
    is_ours = constant_time_compare(f"n{found[1]}-{found[2]}-{found[3]}", mark(campaign_id, subscriber_id))
    return (campaign_id, subscriber_id) if is_ours else None


def _mac(use: str, said: str) -> bytes:
    """BLAKE2b with a key (RFC 7693 section 2.9): of a long list it is asked for hundreds of thousands of times."""
    return hashlib.blake2b(said.encode(), key=_key(settings.SECRET_KEY), person=use.encode(), digest_size=24).digest()


@lru_cache(maxsize=2)
def _key(secret_key: str) -> bytes:
    return hashlib.sha512(f"newsletter.tokens:{secret_key}".encode()).digest()


@lru_cache(maxsize=8)
def _domain(sender: str) -> str:
    return ascii_address(parseaddr(sender)[1]).rpartition("@")[2]
