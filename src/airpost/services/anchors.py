"""The newest row of the audit log, told to where the log is not: the journal, a remote syslog.

May import L0. After a change, at most once in EVERY_S, and at the end. Whoever writes the log anew
cannot write these.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from enum import Enum

from airpost.audit import Anchor
from airpost.clock import Clock, rfc3339
from airpost.tasks import spawn

log = logging.getLogger("airpost.audit")
EVERY_S = 60.0
SEND_S = 5.0  # for a remote syslog to take one
LAST_S = 2.0  # at the end
PRIORITY = 13 * 8 + 5  # RFC 5424 6.2.1: log audit, notice


class Transport(Enum):
    """How a remote syslog is reached."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog:
    """A remote syslog (RFC 5424; over TCP with octet counts, RFC 6587 3.4.1)."""

    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport.value}://{host}:{self.port}"


class Anchors:
    """`changed()` is told each new head."""

    def __init__(self, clock: Clock, syslog: Syslog | None = None) -> None:
        self._clock = clock
        self._syslog = syslog
        self._head: Anchor | None = None
        self._told: Anchor | None = None  # to the journal
        self._sent: Anchor | None = None  # to the syslog
        self._away = False
        self._last_s: float | None = None
        self._telling: asyncio.Task[None] | None = None

    def changed(self, head: Anchor) -> None:
        """The log has a new head."""
        if self._head is None or head.n > self._head.n:
            self._head = head
        if self._telling is None:
            self._telling = spawn(self._tell_soon(), name="audit anchor")

    async def _tell_soon(self) -> None:
        try:
            while self._behind():
                if self._last_s is not None:
                    due_s = self._last_s + EVERY_S
                    await self._clock.sleep(max(0.0, due_s - self._clock.mono()))
                await self._tell(SEND_S)
        finally:
            self._telling = None

    def _behind(self) -> bool:
        """True while the newest is not told everywhere; a syslog that is away is tried again."""
        return self._head != self._told or (self._syslog is not None and self._head != self._sent)

    async def close(self) -> None:
        """The end: tell the newest once more."""
        if self._telling is not None:
            self._telling.cancel()
        if self._head is not None:
            await self._tell(LAST_S)

    async def _tell(self, limit_s: float) -> None:
        head = self._head
        assert head is not None
        self._last_s = self._clock.mono()
        if self._told != head or limit_s == LAST_S:
            self._told = head
            log.info("%s", head)
        if self._syslog is None:
            return
        try:
            async with asyncio.timeout(limit_s):
                await _send(self._syslog, self._line(head))
        except (OSError, TimeoutError) as error:
            if not self._away:
                words = str(error) or "no answer in time"
                log.warning("audit.syslog_unreachable at=%s %s", self._syslog, words)
            self._away = True
            return
        self._sent = head
        if self._away:
            log.info("audit.syslog_reached at=%s", self._syslog)
        self._away = False

    def _line(self, head: Anchor) -> bytes:
        at, host = rfc3339(self._clock.now()), socket.gethostname() or "-"
        return f"<{PRIORITY}>1 {at} {host} airpost {os.getpid()} audit - {head}".encode()


async def _send(to: Syslog, line: bytes) -> None:
    loop = asyncio.get_running_loop()
    if to.transport is Transport.UDP:
        datagrams, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(to.host, to.port)
        )
        datagrams.sendto(line)
        datagrams.close()
        return
    _, writer = await asyncio.open_connection(to.host, to.port)
    try:
        writer.write(b"%d %s" % (len(line), line))
        await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()
