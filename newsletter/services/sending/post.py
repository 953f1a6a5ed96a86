"""The line to the mail server: one connection for many letters, and what became of each."""

import contextlib
import re
import smtplib
from dataclasses import dataclass
from socket import socket
from typing import cast

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext as _

from newsletter.models import Delivery
from newsletter.services.bounces import DEAD_ADDRESS

State = Delivery.State
# The code of RFC 3463 in a refusal; RFC 2034 puts it at the beginning of the words.
STATUS = re.compile(r"\A5\d\d[ -](\d\.\d{1,3}\.\d{1,3})(?![.\d])")
# So many times longer than any other the answer to the text is waited for, because a server may look through it first:
# a minute under our EMAIL_TIMEOUT. RFC 5321 section 4.5.3.2.6 has ten; but the letters of appointments wait meanwhile,
# and so does the worker's heartbeat, without which /readyz calls it dead after 90 seconds.
TEXT_PATIENCE = 3
REFUSALS = {4: State.RETRY, 5: State.FAILED}
PROVIDERS_NUMBER = re.compile(r"(?:queued as|id=|\bok:?)\s+<?([\w.@+-]{8,200})", re.IGNORECASE)


class NotReached(Exception):
    """The mail server does not answer or does not let us in: nothing was handed over. The message is its words."""


@dataclass(frozen=True)
class Answer:
    """How a letter ended. `state` is accepted, retry, failed or uncertain; `words` are the server's."""

    state: Delivery.State
    words: str

    @property
    def is_dead_address(self) -> bool:
        found = STATUS.match(self.words) if self.state == State.FAILED else None
        return found is not None and found[1] in DEAD_ADDRESS

    @property
    def provider_id(self) -> str:
        found = PROVIDERS_NUMBER.search(self.words) if self.state == State.ACCEPTED else None
        return found[1] if found else ""


class Post:
    """Opens at the first letter and stays open. Use it as a context manager, or close it."""

    def __init__(self) -> None:
        self._backend: EmailBackend | None = None

    def __enter__(self) -> "Post":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def open(self) -> None:
        """Raises NotReached."""
        if self._backend is not None:
            return
        backend = cast(EmailBackend, get_connection())
        try:
            backend.open()
            cast(smtplib.SMTP, backend.connection).ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException) as error:
            raise NotReached(_words_of(error)) from error
        self._backend = backend

    def close(self) -> None:
        if self._backend is not None:
            # All letters have been answered by now; how the line ends changes nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._backend.close()
            self._backend = None

    def send(self, *, sender: str, to: str, message: bytes) -> Answer:
        """Hands over one whole message with CR LF line ends of which none begins with a dot.

        Raises NotReached when there is no server to talk to. A line that breaks once the text has begun, or an answer
        to it that is neither yes nor no, leaves the letter uncertain: the server may have taken it, and there is no
        way to ask (RFC 1047).
        """
        was_open = self._backend is not None
        self.open()
        answer = self._hand_over(sender, to, message)
        if answer is None and was_open:
            # It had hung up since the last letter, as servers do after so many or so long.
            self.open()
            answer = self._hand_over(sender, to, message)
        return answer or Answer(State.RETRY, _("The mail server hung up before the text of the letter."))

    def _hand_over(self, sender: str, to: str, message: bytes) -> Answer | None:
        """None: the line broke before any of the text was on it."""
        server = cast(smtplib.SMTP, cast(EmailBackend, self._backend).connection)
        try:
            # Not by smtplib's own mail() and rcpt(), which read each address once more; these are plain ones.
            for command, wanted in ((f"mail FROM:<{sender}>", 2), (f"rcpt TO:<{to}>", 2), ("data", 3)):
                code, words = server.docmd(command)
                if code // 100 != wanted:
                    return self._answered(server, code, words, otherwise=State.RETRY)
        except (OSError, smtplib.SMTPException):
            self.close()
            return None
        try:
            server.send(message + b".\r\n")
            line = cast(socket, server.sock)
            line.settimeout(TEXT_PATIENCE * settings.EMAIL_TIMEOUT)
            code, words = server.getreply()
            line.settimeout(settings.EMAIL_TIMEOUT)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Answer(State.UNCERTAIN, _words_of(error))
        if code // 100 == 2:
            return Answer(State.ACCEPTED, _text(code, words))
        return self._answered(server, code, words, otherwise=State.UNCERTAIN)

    def _answered(self, server: smtplib.SMTP, code: int, words: bytes, *, otherwise: Delivery.State) -> Answer:
        """By the first digit (RFC 5321 section 4.2.1): a 5xx is final, a 4xx is worth another try.

        Any other is no answer to what was said, and the letter is `otherwise`; what comes next over that line might
        be an answer to this. 421 says that the server hangs up.
        """
        state = REFUSALS.get(code // 100, otherwise)
        if code == 421 or code // 100 not in REFUSALS:
            self.close()
        else:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.rset()
        return Answer(state, _text(code, words))


def _text(code: int, words: bytes) -> str:
    said = words.decode(errors="replace").replace("\0", "")
    if code < 0:
        # Not even a number stood there, and smtplib has cut off what did.
        return _("The mail server gave an answer without a number: %(words)s") % {"words": said}
    return f"{code} {said}"


def _words_of(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return _text(error.smtp_code, said if isinstance(said, bytes) else str(said).encode())
    return str(error).replace("\0", "") or type(error).__name__
