"""One link, asked as a browser would, by the rules of `network`."""

import asyncio
import re
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings
from django.utils.encoding import iri_to_uri

from newsletter.services.checklist.network import Network

MOST_REDIRECTS = 3
LONGEST_HEAD = 64 * 1024
MOST_ADDRESSES = 4
PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[a-z0-9._:-]{1,253}")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Read by itself: the library refuses a head that browsers take, such as one of a hundred fields.
LOCATION = re.compile(rb"^location:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Private(Exception):
    """It leads into a private network."""


class NotTried(Exception):
    """Its scheme or port is none that is asked."""


class NoAddress(Exception):
    """It is not an address of the web at all."""


class NotHttp(Exception):
    """What answered does not speak HTTP."""


class LostOnTheWay(Exception):
    """It redirects to what is no address."""


class GoesRound(Exception):
    """One redirect after the other."""


@dataclass(frozen=True)
class Answer:
    status: int
    location: str = ""


async def follow(url: str, network: Network) -> int:
    """The status that a reader gets in the end. Each redirect is looked at like a link of its own.

    Raises Private, NotTried, NoAddress, NotHttp, LostOnTheWay, GoesRound, network.NoRecord, network.NoAnswer, OSError
    (also when TLS fails). It has no time limit of its own.
    """
    for _step in range(MOST_REDIRECTS + 1):
        answer = await _ask("HEAD", url, network)
        if answer.status >= 400:
            # Many servers answer HEAD wrongly, with 405 or worse: what counts is what a reader gets.
            answer = await _ask("GET", url, network)
        if answer.status not in REDIRECTS or not answer.location:
            return answer.status
        try:
            url = urljoin(url, answer.location)
        except ValueError:
            raise LostOnTheWay from None
    raise GoesRound


async def _ask(method: str, url: str, network: Network) -> Answer:
    try:
        parts = urlsplit(iri_to_uri(url))
        host, port = (parts.hostname or "").encode("idna").decode().lower(), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:  # UnicodeError is one
        raise NoAddress from None
    if parts.scheme not in PORTS:
        raise NotTried
    if not HOST.fullmatch(host):
        raise NoAddress
    reader, writer = await _connect(parts.scheme, host, port, network)
    try:
        writer.write(_request(method, parts, host, port))
        return await _read(reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NotHttp from None
    finally:
        # At once: nobody waits for the rest.
        writer.transport.abort()


async def _connect(
    scheme: str, host: str, port: int, network: Network
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    tls, name = (network.tls, host) if scheme == "https" else (None, None)
    failed: OSError = ConnectionError()
    for address in await _addresses(scheme, host, port, network):
        try:
            return await asyncio.open_connection(address, port, limit=LONGEST_HEAD, ssl=tls, server_hostname=name)
        except ssl.SSLError:
            raise
        except OSError as error:
            failed = error
    raise failed


async def _addresses(scheme: str, host: str, port: int, network: Network) -> list[str]:
    """Where to connect to; for a foreign site they are numbers, so that nothing is looked up a second time."""
    own = urlsplit(settings.BASE_URL)
    if (scheme, host, port) == (own.scheme, own.hostname, own.port or PORTS[own.scheme]):
        # Our own site may stand on any address, as this machine knows it.
        return [host]
    if port not in network.ports:
        raise NotTried
    found = await network.addresses(host)
    if not all(map(network.may_reach, found)):
        raise Private
    return [str(address) for address in found[:MOST_ADDRESSES]]


def _request(method: str, parts: SplitResult, host: str, port: int) -> bytes:
    name = f"[{host}]" if ":" in host else host
    if port != PORTS[parts.scheme]:
        name = f"{name}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {name}",
        f"User-Agent: {urlsplit(settings.BASE_URL).hostname}-link-check (+{settings.BASE_URL}/)",
        "Accept: */*",
        "Connection: close",
    ]
    # All of it is ASCII without spaces and line ends: iri_to_uri() and HOST have seen to that.
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")


async def _read(reader: asyncio.StreamReader) -> Answer:
    """The head of the answer; interim ones, like 103, are passed over."""
    while True:
        first, _end, headers = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
        said = re.match(rb"HTTP/1\.[01] ([1-5][0-9][0-9])\b", first)
        if not said:
            raise NotHttp
        status = int(said[1])
        if status >= 200:
            found = LOCATION.search(headers)
            return Answer(status, found[1].decode("latin-1").strip() if found else "")
