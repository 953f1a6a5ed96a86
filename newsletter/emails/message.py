"""The letter as it goes over the line: built once for a campaign, filled for each person by joining bytes."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, parseaddr
from html import escape

from django.conf import settings
from django.utils.translation import gettext as _

from clinic import addresses
from clinic.models import Practice
from newsletter.emails.person import Person, leave_address, preferences_address
from newsletter.emails.providers import delivery_header, untracked_headers
from newsletter.emails.quoted_printable import encoded, encoded_piece, encoded_value
from newsletter.emails.rendering import MARK, Rendered
from newsletter.models import MailingRules

__all__ = ["AddressNotAscii", "Envelope", "Person", "Prepared", "ascii_address"]

# "=_" never stands in quoted-printable, so no text can hold the boundary.
BOUNDARY = "=_two_forms_of_one_letter"
LONGEST_ADDRESS = 254
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
MESSAGE_ID = re.compile(r"<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,200}@[A-Za-z0-9.\[\]:-]{1,255}>")
# What a mailbox would read as encoded or not at all, and words too long for a line.
NOT_PLAIN = re.compile(r"[^\x20-\x7e]|=\?|[^ ]{61}")
WIDTH = 78
PLACEHOLDER = "TOKEN"


class AddressNotAscii(ValueError):
    """The address cannot be written in the letters that every mail server takes; the message is for staff."""


def ascii_address(email: str) -> str:
    """The address with its domain in punycode, as headers and the SMTP dialogue have it (RFC 5321, RFC 5890).

    Raises AddressNotAscii for one that has no such form, and for all that is no address: line breaks, spaces, none.
    """
    try:
        spelt = addresses.in_ascii(email)
    except UnicodeError:
        spelt = ""
    if len(spelt) > LONGEST_ADDRESS or not ADDRESS.fullmatch(spelt):
        raise AddressNotAscii(_("This address cannot be written to: it has no form like name@example.com."))
    return spelt


def _own_address() -> str:
    return ascii_address(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])


@dataclass(frozen=True)
class Envelope:
    """Whom the letters of a campaign come from.

    `sender_name` is what mailboxes show; `reply_to` an address, or empty for none; `list_id` like
    "newsletter.clinic.example" (RFC 2919); `address` is what they come from, in ASCII, in the header and for SMTP.
    """

    sender_name: str
    reply_to: str
    list_id: str
    address: str = field(default_factory=_own_address)

    @classmethod
    def current(cls) -> "Envelope":
        """As the rules of the mailings and the practice say now, in two queries."""
        rules, practice = MailingRules.current(), Practice.objects.first() or Practice()
        return cls(
            sender_name=rules.sender_name or practice.name,
            reply_to=rules.reply_to or practice.email,
            list_id="newsletter." + _own_address().rpartition("@")[2],
        )


class Prepared:
    """One campaign's letter, with all that is the same for everyone encoded already."""

    def __init__(self, rendered: Rendered, *, envelope: Envelope, code: str) -> None:
        """Raises AddressNotAscii when the address of the sender or for replies cannot be written."""
        self._rendered = rendered
        self._head = _head(rendered, envelope, code)
        self._mark = delivery_header(settings.MAIL_PROVIDER)
        # The trial's links begin with http, and RFC 8058 section 3.1 wants https.
        leave = leave_address(PLACEHOLDER)
        self._leave = leave.partition(PLACEHOLDER) if leave.startswith("https://") else None
        # By whether the person has a name and a token: other words stand for what they have not.
        self._bodies: dict[tuple[bool, bool], _Body] = {}

    def for_person(self, person: Person, *, message_id: str, now: datetime) -> bytes:
        """The whole message (RFC 5322): lines end in CRLF, none begins with a dot or is longer than 998.

        `message_id` comes in its angle brackets; `now` with a time zone. A person without a token can leave
        nothing, and nobody can with one click over plain http, so that List-Unsubscribe is not there. Raises
        AddressNotAscii, and ValueError for a Message-ID that is none.
        """
        if not MESSAGE_ID.fullmatch(message_id):
            raise ValueError("A Message-ID is a local part and a domain in angle brackets, in ASCII.")
        # The address alone: the name was typed by somebody, and nothing would be gained by showing it there.
        own = f"To: {ascii_address(person.email)}\r\nDate: {format_datetime(now)}\r\nMessage-ID: {message_id}\r\n"
        if person.token and self._leave:
            before, _placeholder, after = self._leave
            # On one line: a server that signs before it folds would break the signature of RFC 8058 section 4.
            own += f"List-Unsubscribe: <{before}{person.token}{after}>\r\n"
            own += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        if self._mark:
            name, value = self._mark
            own += f"{name}: {value.replace('%s', message_id[1:].partition('@')[0])}\r\n"
        return b"".join([own.encode("ascii"), self._head, *self._body(person).filled(person)])

    def _body(self, person: Person) -> "_Body":
        has = (bool(person.shown_name), bool(person.token))
        if has not in self._bodies:
            self._bodies[has] = _Body(self._rendered, has_name=has[0], has_token=has[1])
        return self._bodies[has]


class _Body:
    """Both forms in pieces, with gaps where something of the person's own stands."""

    def __init__(self, rendered: Rendered, *, has_name: bool, has_token: bool) -> None:
        self._has_name, self._has_token = has_name, has_token
        self._pieces: list[bytes] = []
        self._gaps: list[tuple[int, str]] = []
        self._add_part("plain", rendered.text)
        self._add_part("html", rendered.html)
        self._pieces.append(f"\r\n--{BOUNDARY}--\r\n".encode())
        self._kinds = {kind for _place, kind in self._gaps}

    def filled(self, person: Person) -> list[bytes]:
        own = {kind: encoded_value(_own(kind, person)) for kind in self._kinds}
        pieces = self._pieces.copy()
        for place, kind in self._gaps:
            pieces[place] = own[kind]
        return pieces

    def _add_part(self, form: str, text: str) -> None:
        self._pieces.append(
            f'\r\n--{BOUNDARY}\r\nContent-Type: text/{form}; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        )
        same, end = "", 0
        for mark in MARK.finditer(text):
            before, kind, after = self._parts(mark, form)
            same += text[end : mark.start()] + before
            end = mark.end()
            if kind:
                self._pieces += [encoded_piece(same), b""]
                self._gaps.append((len(self._pieces) - 1, kind))
                same = after
        self._pieces.append(encoded(same + text[end:]))

    def _parts(self, mark: re.Match[str], form: str) -> tuple[str, str, str]:
        """What stands for a mark: the same for all, then the kind of gap (none if empty), then the same for all."""
        if mark[1].endswith("name|"):
            return ("", f"{form} {mark[1]}", "") if self._has_name else (mark[2], "", "")
        address = leave_address if mark[1] == "leave" else preferences_address
        if not self._has_token:
            return address(""), "", ""
        before, _placeholder, after = address(PLACEHOLDER).partition(PLACEHOLDER)
        return before, "token", after


def _own(kind: str, person: Person) -> str:
    if kind == "token":
        return person.token
    form, _space, field_typed = kind.partition(" ")
    name = person.shown_name if form == "plain" else escape(person.shown_name)
    return field_typed.removesuffix("name|") + name


def _head(rendered: Rendered, envelope: Envelope, code: str) -> bytes:
    """What the headers of all letters share. Auto-Submitted is not among them: RFC 3834 section 5 keeps it from
    letters that a person has written; Precedence and List-ID are what holds off the answers of absent readers."""
    address = ascii_address(envelope.address)
    # Constant, 5 to 15 characters long, as Gmail's Feedback Loop wants the last of its fields.
    sender_id = ("list" + re.sub(r"[^a-z0-9]", "", address.rpartition("@")[2].lower()))[:15]
    headers = {
        "From": _mailbox(envelope.sender_name, address),
        "Reply-To": ascii_address(envelope.reply_to) if envelope.reply_to else "",
        "Subject": _unstructured(rendered.subject, "Subject"),
        "List-ID": f"<{envelope.list_id}>",
        "Precedence": "bulk",
        "Feedback-ID": f"{code}:newsletter:{sender_id}",
        "Content-Language": rendered.language,
        **dict(untracked_headers(settings.MAIL_PROVIDER)),
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{BOUNDARY}"',
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return lines.encode("ascii")


def _unstructured(words: str, header: str) -> str:
    """Words on as many lines as RFC 2047 wants; what they hold can begin no header of its own."""
    words = " ".join(words.split())
    charset = "utf-8" if NOT_PLAIN.search(words) else "us-ascii"
    return Header(words, charset, header_name=header).encode(linesep="\r\n")


def _mailbox(name: str, address: str) -> str:
    """The address with the name before it: in quotation marks, or encoded."""
    name = " ".join(name.split())
    if not name:
        return address
    if NOT_PLAIN.search(name) or len(name) > 60:
        phrase = Header(name, "utf-8", header_name="From").encode(linesep="\r\n")
    else:
        phrase = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{phrase}\r\n <{address}>" if len(phrase) + len(address) > WIDTH - 10 else f"{phrase} <{address}>"
