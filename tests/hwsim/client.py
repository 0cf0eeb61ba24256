"""A raw client of a simulated modem: bytes over the terminal, nothing of airpost's AT layers."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count as counted
from pathlib import Path
from typing import Any

from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu
from airpost.codec.split import split
from airpost.codec.tpdu import Submit
from airpost.codec.udh import stamp_reference
from hwsim.modem import SimModem
from hwsim.pool import SimPool
from hwsim.ptys import Pty
from tests.virtual import VirtualLoop

FINAL = re.compile(rb"\r\n(OK|ERROR|\+CM[ES] ERROR: [^\r]*|COMMAND NOT SUPPORT)\r\n")
WAIT_S = 300.0
NUMBERS = counted()


def submit_pdu(to: str, text: str, *, report: bool = False, vp: Any = None) -> tuple[str, int]:
    """Hexadecimal and `<length>` of the only part of `text`."""
    return submit_pdus(to, text, report=report, vp=vp)[0]


def submit_pdus(
    to: str, text: str, *, report: bool = False, vp: Any = None, ref: int = 7
) -> list[tuple[str, int]]:
    return [
        build_pdu(
            Submit(da=Address.from_number(to), dcs=part.dcs, udh=stamp_reference(part.udh, ref),
                   ud=part.ud, udl=part.udl, srr=report, vp=vp).build()
        )
        for part in split(text).parts
    ]  # fmt: skip


class Client:
    """What a host program does with a port.

    Bytes that were written at one end and not read at the other keep virtual time from jumping.
    One client a port: of two that read, whoever comes first has the bytes.
    """

    def __init__(self, modem: SimModem, port: Pty | None = None) -> None:
        """On the AT port, or on another `port` of the modem."""
        self._pty = modem.pty if port is None else port
        self._loop = asyncio.get_running_loop()
        self.fd = os.open(self._pty.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.seen = bytearray()
        self.chunks: list[bytes] = []
        self.lost = False
        self._pty.lose_unread()  # else what it had said before would count as its next words
        self._tx = self._pty.rx_bytes
        self._rx = self._pty.tx_bytes
        self._more = asyncio.Event()
        self._name = f"client {next(NUMBERS)}"
        self._loop.add_reader(self.fd, self._read)
        assert isinstance(self._loop, VirtualLoop)
        self._busy = self._loop.busy
        self._busy[self._name] = self._under_way

    def _under_way(self) -> bool:
        if self.lost or not self._pty.is_open:
            return False
        return self._tx > self._pty.rx_bytes or self._rx < self._pty.tx_bytes

    def _read(self) -> None:
        try:
            data = os.read(self.fd, 65_536)
        except OSError:
            data = b""
        if data:
            self.seen += data
            self._rx += len(data)
            self.chunks.append(data)
        else:
            self.lost = True
            self._loop.remove_reader(self.fd)
        self._more.set()

    def close(self) -> None:
        """Also where it is closed already."""
        if self._busy.pop(self._name, None) is None:
            return
        self._loop.remove_reader(self.fd)
        os.close(self.fd)

    def write(self, data: str | bytes) -> None:
        self._tx += os.write(self.fd, data.encode() if isinstance(data, str) else data)

    async def until(self, end: bytes | re.Pattern[bytes], wait_s: float = WAIT_S) -> bytes:
        """Everything up to and with `end`, taken out of what was seen."""
        pattern = re.compile(re.escape(end)) if isinstance(end, bytes) else end
        async with asyncio.timeout(wait_s):
            while True:
                found = pattern.search(self.seen)
                if found is not None:
                    out = bytes(self.seen[: found.end()])
                    del self.seen[: len(out)]
                    return out
                if self.lost:
                    raise ConnectionError("hang-up")
                self._more.clear()
                await self._more.wait()

    async def hung_up(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while not self.lost:
                self._more.clear()
                await self._more.wait()

    async def ask(self, command: str, wait_s: float = WAIT_S) -> list[str]:
        """The non-empty lines of the answer, echo left out."""
        self.write(f"{command}\r")
        got = await self.until(FINAL, wait_s)
        lines = got.decode("latin-1").replace("\r", "\n").split("\n")
        return [line for line in lines if line and line != command]

    async def send(self, pdu: tuple[str, int]) -> list[str]:
        """One AT+CMGS dialogue; the lines of its result."""
        self.write(f"AT+CMGS={pdu[1]}\r")
        await self.until(b"\r\n> ")
        self.write(pdu[0] + "\x1a")
        got = await self.until(FINAL)
        return [line for line in got.decode("latin-1").split("\r\n") if line]

    async def nothing(self, for_s: float = 1.0) -> bytes:
        """What came in the next `for_s` seconds."""
        await asyncio.sleep(for_s)
        out = bytes(self.seen)
        self.seen.clear()
        return out


@asynccontextmanager
async def started(
    folder: Path,
    count: int = 1,
    *,
    clients: int | None = None,
    fresh: bool = False,
    **settings: Any,
) -> AsyncIterator[tuple[SimPool, list[Client]]]:
    """A started pool, with open ports on its first `clients` modems (all).

    Echo is off and new messages are announced there, unless they are to be `fresh` from power-up.
    """
    settings.setdefault("air_s", 0.2)
    pool = SimPool(folder, count, **settings)
    await pool.start()
    opened = [Client(modem) for modem in pool.modems[: count if clients is None else clients]]
    try:
        for client in [] if fresh else opened:
            assert await client.ask("ATE0") == ["OK"]
            assert await client.ask("AT+CNMI=2,1,0,1,0") == ["OK"]
        yield pool, opened
    finally:
        for client in opened:
            client.close()
        await pool.stop()
