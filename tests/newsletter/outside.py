"""An outside of the tests' own: websites on loopback, and a DNS server that says what it is told."""

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENCE, SERVFAIL = "silence", "servfail"


class Site:
    """`pages` are by path: a status, a status with a Location, or a function of the handler. Others are 200.

    What came in stands in `asked`, as (method, path); the last one's headers in `headers`.
    """

    def __init__(self, host="127.0.0.1", port=0, tls=None):
        self.pages = {}
        self.asked = []
        self.headers = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                site.asked.append((self.command, self.path))
                site.headers = dict(self.headers)
                site._answer(self)

            do_HEAD = do_GET = answer

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def handle_error(self, request, client_address):
                pass  # who asked hangs up when it knows enough

        self.server = Server((host, port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.host, self.port = host, self.server.server_address[1]

    def _answer(self, handler):
        page = self.pages.get(handler.path, 200)
        if callable(page):
            page(handler)
            return
        status, location = page if isinstance(page, tuple) else (page, None)
        handler.send_response(status)
        if location:
            handler.send_header("Location", location)
        handler.end_headers()

    def url(self, path="/", host=None):
        return f"http://{host or self.host}:{self.port}{path}"


@contextlib.contextmanager
def site(**options):
    made = Site(**options)
    threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


class Names:
    """A DNS server. `records` are texts by (name, kind) as in a zone file, or SILENCE or SERVFAIL by the name alone.

    A list of lists is used up answer by answer; the last one stays. Every question stands in `asked`.
    """

    def __init__(self, records=()):
        self.records = dict(records)
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def serve(self):
        while True:
            try:
                wire, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            if not wire:
                return  # shut down
            if answer := self._answer(dns.message.from_wire(wire)):
                self.socket.sendto(answer.to_wire(), sender)

    def _answer(self, query):
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.records.get(name) == SILENCE:
            return None
        answer = dns.message.make_response(query)
        if self.records.get(name) == SERVFAIL:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif alias := self.records.get((name, "CNAME")):
            # As a resolver does, which goes on to what the alias stands for.
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", "CNAME", alias))
            texts = self._texts(alias[0].rstrip("."), kind)
            answer.answer.append(dns.rrset.from_text_list(dns.name.from_text(alias[0]), 60, "IN", kind, texts))
        elif texts := self._texts(name, kind):
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        elif not any(key[0] == name for key in self.records if isinstance(key, tuple)):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _texts(self, name, kind):
        texts = self.records.get((name, kind), [])
        if texts and isinstance(texts[0], list):
            return texts.pop(0) if len(texts) > 1 else texts[0]
        return texts


@contextlib.contextmanager
def names(**options):
    made = Names(**options)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        # A closed socket does not wake who waits on it; a shut one does.
        with contextlib.suppress(OSError):
            made.socket.shutdown(socket.SHUT_RDWR)
        made.socket.close()


def drips(handler):
    """A byte now and then, for as long as somebody listens."""
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"H")
            time.sleep(0.05)
