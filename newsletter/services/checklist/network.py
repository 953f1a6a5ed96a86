"""The outside, reached as a reader would, and never for a program that sits on the inside.

Staff type any address into a mailing. Without these rules a server that tries it would ask, for whoever typed it, the
database beside it or the metadata service of its cloud (server-side request forgery). So: http and https on their own
ports; the name is looked up once, every address of it must be a public one, and the connection is opened to an address
that was looked at, so that a second answer of the DNS changes nothing; each redirect starts over; no body is read.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import dns.asyncresolver
import dns.exception
import dns.resolver

Address = IPv4Address | IPv6Address
LOOK_UP = 3.0  # seconds
# All that is handed out to networks of the world; the rest is local, reserved, or carries an IPv4 address inside.
WORLD = IPv6Network("2000::/3")


class NoAnswer(Exception):
    """The DNS could not be asked: nothing is known."""


class NoRecord(Exception):
    """The DNS says that there is nothing of this kind."""


def is_public(address: Address) -> bool:
    """Whether anybody in the world reaches the same machine at this address."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        return address in WORLD and address.sixtofour is None and address.teredo is None
    return True


@dataclass(frozen=True)
class Network:
    """How links and names are tried. The tests put servers of their own here."""

    nameservers: tuple[str, ...] = ()  # none: those of this machine
    dns_port: int = 53
    ports: frozenset[int] = frozenset({80, 443})
    may_reach: Callable[[Address], bool] = is_public

    @cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    @cached_property
    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=not self.nameservers)
        resolver.nameservers = list(self.nameservers) or resolver.nameservers
        resolver.port = self.dns_port
        resolver.lifetime = LOOK_UP
        return resolver

    async def records(self, name: str, kind: str) -> list[str]:
        """What the DNS holds, as text; a TXT record's parts are joined (RFC 7208 section 3.3).

        Raises NoRecord, NoAnswer.
        """
        try:
            # The whole name: no search list of this machine's network gets a say.
            found = await self._resolver.resolve(f"{name.rstrip('.')}.", kind, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            raise NoRecord from None
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            raise NoAnswer from error
        if kind == "TXT":
            return [b"".join(record.strings).decode(errors="replace") for record in found]
        return [record.to_text() for record in found]

    async def addresses(self, host: str) -> list[Address]:
        """Those of a name, or the one that `host` spells itself. Raises NoRecord, NoAnswer."""
        try:
            return [ip_address(host)]
        except ValueError:
            pass  # a name; also 2130706433 and 0x7f.1, which no library here takes for an address
        both = await asyncio.gather(self.records(host, "A"), self.records(host, "AAAA"), return_exceptions=True)
        found = [ip_address(text) for records in both if isinstance(records, list) for text in records]
        if not found:
            raise next((error for error in both if isinstance(error, NoAnswer)), NoRecord())
        return found
