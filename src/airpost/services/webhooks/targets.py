"""Where events may go: nowhere that the configuration does not name.

May import aiohttp. Names are looked up here, and a connection is made to no address but the ones
that were looked at: a name that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from airpost.services.webhooks.settings import Allowed

SETTING = "webhooks.allow"
MAX_URL = 2_048
LOOKUP_S = 5.0
_PORTS = {"http": 80, "https": 443}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TargetRefused(Exception):
    """Events may not go there; `setting` is what changes it, None where nothing does."""

    def __init__(self, words: str, setting: str | None = None) -> None:
        super().__init__(words)
        self.setting = setting


class Targets:
    """The list of what is allowed."""

    def __init__(self, allow: Sequence[Allowed]) -> None:
        self._allow = tuple(allow)

    def read(self, url: str) -> tuple[str, str, int]:
        """(scheme, host, port) of a URL; TargetRefused for what can be no target."""
        if len(url) > MAX_URL:
            raise TargetRefused(f"has more than {MAX_URL} characters")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise TargetRefused("is written in printable ASCII without spaces")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise TargetRefused("is no URL") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise TargetRefused("is a URL such as https://erp.example.com/sms")
        if parts.username is not None or parts.password is not None:
            raise TargetRefused("holds no user and password: the signature says who we are")
        if parts.fragment:
            raise TargetRefused("has no fragment")
        return parts.scheme, parts.hostname.rstrip(".").lower(), port or _PORTS[parts.scheme]

    async def check(self, url: str) -> None:
        """TargetRefused where events may not go there, as far as that can be seen now."""
        scheme, host, port = self.read(url)
        literal = _address(host)
        if literal is not None:
            self.admit(scheme, literal, port)
            return
        try:
            async with asyncio.timeout(LOOKUP_S):
                found = await looked_up(host, port)
        except (OSError, TimeoutError):
            found = []
        if not found and self._named(host, port):
            return  # it may have a name tomorrow; it is looked up at every connection
        if not found:
            raise TargetRefused("has a host with no address", None)
        self.of(scheme, host, port, found)

    def admit(self, scheme: str, address: Address, port: int) -> None:
        """TargetRefused where an address may not be connected to."""
        fault = self._fault(scheme, address, port, named=False)
        if fault is not None:
            raise TargetRefused(*fault)

    def of(self, scheme: str, host: str, port: int, found: Sequence[Address]) -> list[Address]:
        """Those of a host's addresses that may be connected to; TargetRefused for none."""
        named = self._named(host, port)
        faults = [(each, self._fault(scheme, each, port, named=named)) for each in found]
        allowed = [each for each, fault in faults if fault is None]
        if not allowed:
            fault = next(fault for _, fault in faults if fault is not None)
            raise TargetRefused(*fault)
        return allowed

    def _named(self, host: str, port: int) -> bool:
        return any(each.names(host, port) for each in self._allow)

    def _fault(
        self, scheme: str, address: Address, port: int, *, named: bool
    ) -> tuple[str, str | None] | None:
        """Why not, and what changes it; None where it may be."""
        listed = any(
            each.network is not None and address in each.network and each.port in (None, port)
            for each in self._allow
        )
        # A name may be made to mean this machine or the router beside it: those are named as such.
        odd = (address.is_loopback or address.is_link_local or address.is_multicast
               or address.is_unspecified or address.is_reserved)  # fmt: skip
        if not listed and (not named or odd):
            words = f"{address} is not among the targets that are allowed: add it to allow"
            return f"{words} of [webhooks]", SETTING
        if scheme == "http" and not address.is_private:
            return f"{address} is not in a private range: only https goes there", None
        return None


def _address(host: str) -> Address | None:
    try:
        return unmapped(ipaddress.ip_address(host))
    except ValueError:
        return None


def unmapped(address: Address) -> Address:
    """An IPv4 address that is written as one of IPv6 is what it is."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


async def looked_up(host: str, port: int) -> list[Address]:
    """The addresses of a host; OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)
    return [unmapped(ipaddress.ip_address(text)) for text in texts]


class PinnedResolver(AbstractResolver):
    """What aiohttp asks before it connects: answers with allowed addresses, and no others."""

    def __init__(self, targets: Targets, scheme: str) -> None:
        self._targets = targets
        self._scheme = scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """OSError where there is none."""
        try:
            found = self._targets.of(self._scheme, host.rstrip(".").lower(), port,
                                     await looked_up(host, port))  # fmt: skip
        except TargetRefused as error:
            raise OSError(None, str(error)) from None
        made: list[ResolveResult] = []
        for each in found:
            kind = socket.AF_INET if each.version == 4 else socket.AF_INET6
            if family in (socket.AF_UNSPEC, kind):
                made.append(
                    ResolveResult(hostname=host, host=str(each), port=port, family=kind, proto=0,
                                  flags=socket.AI_NUMERICHOST)
                )  # fmt: skip
        if not made:
            raise OSError(None, "it has no address of that kind")
        return made

    async def close(self) -> None:
        """Nothing is held."""
