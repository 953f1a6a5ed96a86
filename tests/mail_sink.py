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


class MailSink:
    """`answers` are used up in order, one for each message: a reply line, or a function of the message that gives
    one. Without an answer left it is 250. What was answered 250 stands in `accepted`, in order.

    `at["MAIL"]` and `at["RCPT"]` are called with the address when that command comes, `at["DATA"]` with the message
    before it is taken; each may wait. After `hangs_up_after` messages on one line the server ends it.
    """

    def __init__(self):
        self.port = free_port()
        self.accepted = []
        self.answers = deque()
        self.at = {}
        self.hangs_up_after = None
        self.lines = 0  # on which somebody is being served
        self._controller = None

    @property
    def message_ids(self):
        return [message["Message-ID"] for message in self.accepted]

    def start(self):
        self._controller = Exchange(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self):
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    async def handle_MAIL(self, server, session, envelope, address, options):
        await self._reached("MAIL", address)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        await self._reached("RCPT", address)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        # On the line every line ends with CR LF; here as anywhere in Python.
        message = email.message_from_bytes(envelope.content.replace(b"\r\n", b"\n"), policy=email.policy.default)
        await self._reached("DATA", message)
        answer = self.answers.popleft() if self.answers else "250 OK"
        if callable(answer):
            # Not on the loop: an answer may wait, or ask the database.
            answer = await asyncio.to_thread(answer, message)
        if answer is None:
            server.transport.abort()
            return "250 said to nobody"
        if answer.startswith("250"):
            self.accepted.append(message)
        server.messages += 1
        if server.messages == self.hangs_up_after:
            # Once the answer is on the line.
            asyncio.get_running_loop().call_soon(server.transport.close)
        return answer

    async def _reached(self, stage, what):
        if stage in self.at:
            await asyncio.to_thread(self.at[stage], what)


class Exchange(Controller):
    def factory(self):
        return Line(self.handler, **self.SMTP_kwargs)


class Line(SMTP):
    """One connection; `messages` have come over it."""

    messages = 0

    def connection_made(self, transport):
        super().connection_made(transport)
        self.event_handler.lines += 1
        # Its end is heard also when the other side has died, which leaves the line itself half open.
        self._handler_coroutine.add_done_callback(self.ended)

    def ended(self, task):
        self.event_handler.lines -= 1


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
