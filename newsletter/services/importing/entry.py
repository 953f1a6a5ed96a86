"""One person as a row tells of them, whatever the format, and how its cells are read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from clinic import addresses
from newsletter import names
from newsletter.models import Subscriber
from newsletter.services.importing.refusals import RowRefused

State = Subscriber.State

STATUSES = {
    **{state.value: state for state in State},
    "subscribed": State.CONFIRMED,
    "active": State.CONFIRMED,
    "left": State.UNSUBSCRIBED,
    "cleaned": State.BOUNCED,
    "unconfirmed": State.PENDING,
    "nonsubscribed": State.PENDING,
}
# Nobody reads these, or whoever does has asked for nothing.
NOBODYS = {"abuse", "mailer-daemon", "no-reply", "noreply", "do-not-reply", "donotreply", "postmaster"}
OFFICES = {"admin", "contact", "hello", "help", "hi", "info", "mail", "office", "sales", "support", "team", "webmaster"}
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One row. Times know their zone; `evidence` is what the row itself says of the consent, a line each."""

    email: str
    status: State
    name: str = ""
    language: str = ""
    topics: tuple[str, ...] = ()
    consent_at: datetime | None = None
    evidence: tuple[str, ...] = ()
    network_address: str | None = None
    left_at: datetime | None = None
    remarks: tuple[str, ...] = ()

    @property
    def leaves(self) -> bool:
        return self.status in Subscriber.OFF


def entry_of(cells: Mapping[str, str], status: State | None) -> Entry:
    """What a row says, by the names of our own format; `status` is that of its file. Raises RowRefused.

    Of somebody who leaves the address alone has to be in order: no other cell is a reason to go on writing to them.
    """
    typed_status = cells.get("status", "").strip()
    status = _status(typed_status) if typed_status else status
    if status is None:
        raise RowRefused(_("The row does not say whether the person is on the list: its status is empty."))
    email = _address(cells["email"])
    name, name_remark = _name(cells.get("name", ""))
    language, language_remark = _language(cells.get("language", ""))
    entry = Entry(
        email=email,
        status=status,
        name=name,
        language=language,
        topics=tuple(filter(None, map(str.strip, re.split(r"[,;|]", cells.get("topics", ""))))),
        evidence=tuple(_evidence(cells)),
        network_address=_network(cells.get("consent_network_address", "")),
    )
    consent, left = cells.get("consent_at", ""), cells.get("left_at", "")
    if entry.leaves:
        return replace(entry, consent_at=_instant_or_none(consent), left_at=_instant_or_none(left))
    remarks = filter(None, (name_remark, language_remark, _role(email)))
    return replace(entry, consent_at=_instant(consent), remarks=tuple(remarks))


def _status(typed: str) -> State:
    try:
        return STATUSES[typed.casefold()]
    except KeyError:
        told = {"typed": typed[:40], "known": ", ".join(State.values)}
        raise RowRefused(
            _("The status “%(typed)s” is none of: %(known)s.") % told,
            unquoted=_("The status is none of: %(known)s.") % told,
        ) from None


def _evidence(cells: Mapping[str, str]) -> Iterator[str]:
    """What the row says of the consent, word for word, for the ledger."""
    for column in ("consent_at", "consent_how", "consent_network_address", "consent_words"):
        if cell := cells.get(column, "").strip():
            yield f"{column}: {cell}"


def _address(typed: str) -> str:
    """As it is stored. Raises RowRefused."""
    typed = typed.strip()
    if not typed:
        raise RowRefused(_("The row has no email address."))
    try:
        return addresses.canonical(typed)
    except ValidationError as error:
        raise RowRefused(" ".join(error.messages)) from None


def _role(email: str) -> str:
    """A remark on an address that is an office's. Raises RowRefused for one that nobody reads."""
    local = email.partition("@")[0].partition("+")[0].lower()
    if local in NOBODYS:
        raise RowRefused(_("This is the address of a machine or of a mail server's keeper, not of a reader."))
    return _("An office's address: did a person ask with it?") if local in OFFICES else ""


def _name(typed: str) -> tuple[str, str]:
    """On one line and without what nobody sees; with a remark when more than that had to go."""
    seen = names.seen(typed)
    if names.names_a_website(seen):
        return "", _("The name was left out: it holds the address of a website.")
    if len(seen) > names.LONGEST:
        return seen[: names.LONGEST].rstrip(), _("The name was cut to 80 characters.")
    return seen, ""


def _language(typed: str) -> tuple[str, str]:
    """The site's language that it is, whatever the country: “en” for “en_US”. Else the code in small letters, or
    nothing for what is none, with a remark."""
    code = typed.strip().replace("_", "-").lower()
    if not code:
        return "", ""
    if not LANGUAGE.fullmatch(code) or len(code) > 10:
        return "", _("“%(typed)s” is no code of a language, like “en”.") % {"typed": typed[:20]}
    for known in (code, code.partition("-")[0]):
        if known in dict(settings.LANGUAGES):
            return known, ""
    return code, _("The site is not in the language “%(code)s”; it is kept.") % {"code": code}


def _instant(typed: str) -> datetime | None:
    """ISO 8601, or a date and a time with a space between; without a zone it is UTC. Raises RowRefused."""
    typed = typed.strip()
    if not typed:
        return None
    try:
        found = datetime.fromisoformat(typed)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RowRefused(
            _("The consent's time is “%(typed)s”, not one like 2024-05-31 14:05:00.") % {"typed": typed[:40]},
            unquoted=_("The consent's time is not one like 2024-05-31 14:05:00."),
        ) from None
    if found < EARLIEST:
        raise RowRefused(_("The consent's time is before 1990."))
    return found


def _instant_or_none(typed: str) -> datetime | None:
    """For those who leave: no cell of theirs is a reason to keep them."""
    try:
        return _instant(typed)
    except RowRefused:
        return None


def _network(typed: str) -> str | None:
    try:
        found = ip_address(typed.strip())
    except ValueError:
        return None
    # With a zone, like fe80::1%eth0, it is nobody's address on the internet, nor one for the database.
    return None if "%" in str(found) else str(found)
