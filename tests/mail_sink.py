"""A real SMTP server on loopback that keeps what it accepts and answers as it is told."""

import asyncio
import contextlib
import email
import email.policy
import socket
from collections import deque

import pytest

Controller = pytest.importorskip("aiosmtpd.controller", reason="The mail tests need requirements-dev.txt.").Controller
SMTP = pytest.importorskip("aiosmtpd.smtp").SMTP


HANGS_UP = "hangs up"


class MailSink:
    """`answers` are used up in order, one for each message: a reply line, or a function of the message that gives
    one. Without an answer left it is 250. What was answered 2xx stands in `accepted`, in order.

    `at["MAIL"]` and `at["RCPT"]` are called with the address when that command comes, `at["DATA"]` with the message
    before it is taken; each may wait, and give a reply line or HANGS_UP. None goes on as usual. After `hangs_up_after`
    messages on one line the server ends it, and after every 421, as servers do (RFC 5321 section 3.8).
    """

    def __init__(self):
        self.port = free_port()
        self.accepted = []
        self.answers = deque()
        self.at = {}
        self.hangs_up_after = None
        self.lines = 0  # on which somebody is being served
        self.calls = 0  # lines that were ever opened
        self._controller = None

    @property
    def message_ids(self):
        return [message["Message-ID"] for message in self.accepted]

    def start(self):
        self._controller = Exchange(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()
        # It has called itself once.
        self.calls = 0

    def stop(self):
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    async def handle_MAIL(self, server, session, envelope, address, options):
        answer = await self._reached("MAIL", address, server) or "250 OK"
        if answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await self._reached("RCPT", address, server) or "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(self, server, session, envelope):
        # On the line every line ends with CR LF; here as anywhere in Python.
        message = email.message_from_bytes(envelope.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
        if refusal := await self._reached("DATA", message, server):
            return refusal
        answer = self.answers.popleft() if self.answers else "250 OK"
        if callable(answer):
            # Not on the loop: an answer may wait, or ask the database.
            answer = await asyncio.to_thread(answer, message)
        if answer is None:
            return server.hang_up()
        if answer.startswith("2"):
            self.accepted.append(message)
        server.messages += 1
        return server.said(answer, is_last=server.messages == self.hangs_up_after)

    async def _reached(self, stage, what, server):
        """The answer, if it is another than usual."""
        answer = await asyncio.to_thread(self.at[stage], what) if stage in self.at else None
        if answer is None:
            return None
        return server.hang_up() if answer is HANGS_UP else server.said(answer)


class Exchange(Controller):
    def factory(self):
        return Line(self.handler, **self.SMTP_kwargs)


class Line(SMTP):
    """One connection; `messages` have come over it."""

    messages = 0

    def connection_made(self, transport):
        super().connection_made(transport)
        self.event_handler.lines += 1
        self.event_handler.calls += 1
        # Its end is heard also when the other side has died, which leaves the line itself half open.
        self._handler_coroutine.add_done_callback(self.ended)

    def ended(self, task):
        self.event_handler.lines -= 1

    def hang_up(self):
        """Without a word."""
        self.transport.abort()
        return "250 said to nobody"

    def said(self, answer, *, is_last=False):
        """What to answer; the line ends behind it if it is the last on it."""
        if is_last or answer.startswith("421"):
            # Once the answer is on the line.
            asyncio.get_running_loop().call_soon(self.transport.close)
        return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running():
    sink = MailSink()
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@contextlib.contextmanager
def silent():
    """A server that takes a call and says nothing, for ever. Yields its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]
