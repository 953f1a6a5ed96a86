"""A browser without a screen: one connection, its cookies, and the hidden fields of the page that it sees.

As a process of its own it opens pages for several visitors, waits for a line, and lets all of them send their form in
that moment: python -m tests.appointments.visitor <port>, with a list of {network, open, post, fields, cookies} in JSON
on its first line of input. It knows nothing of Django.
"""

import http.client
import json
import re
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Barrier, Event
from typing import NamedTuple
from urllib.parse import urlencode

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class Answer(NamedTuple):
    status: int
    location: str
    body: str


class Visitor:
    """`network` is the loopback address that it comes from: the site limits how much one network may do."""

    def __init__(self, port: int, network: str = "127.0.0.1", cookies: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(network, 0))
        self._cookies = dict(cookies or {})
        self.hidden: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        answer = self._ask("GET", path)
        self.hidden = {name: unescape(value) for name, value in HIDDEN.findall(answer.body)}
        return answer

    def post(self, path: str, fields: Mapping[str, str] | None = None, *, opened: tuple[str, ...] = ()) -> Answer:
        """Sends a form of the page that was opened last, with those of its hidden fields that are named."""
        hidden = {name: self.hidden[name] for name in ("csrfmiddlewaretoken", *opened) if name in self.hidden}
        return self._ask("POST", path, urlencode({**hidden, **(fields or {})}))

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> Answer:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _equals, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(response.status, response.headers.get("Location", ""), response.read().decode())


def main() -> None:
    port, jobs = int(sys.argv[1]), json.loads(sys.stdin.readline())
    are_open, begin = Barrier(len(jobs) + 1, timeout=60), Event()

    def send(job: dict) -> Answer:
        visitor = Visitor(port, job["network"], job["cookies"])
        opened = visitor.get(job["open"])
        are_open.wait()
        begin.wait(60)
        if opened.status != 200:
            return opened
        return visitor.post(job["post"], job["fields"], opened=("opening",))

    with ThreadPoolExecutor(len(jobs)) as visitors:
        sending = [visitors.submit(send, job) for job in jobs]
        are_open.wait()
        print("ready", flush=True)
        sys.stdin.readline()
        begin.set()
        print(json.dumps([each.result() for each in sending]))


if __name__ == "__main__":
    main()
