"""A port whose close blocks, measured on the real loop: nobody else notices."""

from __future__ import annotations

import asyncio
import os
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from airpost.modem import port as port_module
from airpost.modem.port import open_port
from airpost.tasks import spawn

BLOCKED_S = 5.0  # how long the close of a dying device takes
WATCHED_S = 0.25  # of it, the loop is watched
STALL_S = 0.050
TRIES = 10  # the machine of a test has other things to do; a call on the loop blocks in each


class Heard(asyncio.Protocol):
    """Counts what comes in, and writes it back."""

    def __init__(self) -> None:
        self.octets = 0
        self.lost = asyncio.Event()
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.octets += len(data)
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    """Our end of a pseudo-terminal, and the path of the other."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        yield ours, os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


async def longest_stall() -> float:
    """The longest time the loop did not turn, in seconds."""
    loop = asyncio.get_running_loop()
    end = before = loop.time()
    end += WATCHED_S
    longest = 0.0
    while before < end:
        await asyncio.sleep(0)
        now = loop.time()
        longest, before = max(longest, now - before), now
    return longest


async def stall_beside_a_blocked_close(monkeypatch: pytest.MonkeyPatch) -> tuple[float, int]:
    """(longest stall, octets that the other modem exchanged meanwhile)."""
    release = threading.Event()
    really_close = port_module._Serial.close
    with terminal() as (_, dying_path), terminal() as (host, well_path):

        def close(self: port_module._Serial) -> None:
            if self.port == dying_path:
                release.wait(BLOCKED_S)
            really_close(self)

        with monkeypatch.context() as patched:
            patched.setattr(port_module._Serial, "close", close)
            patched.setattr(port_module, "CLOSE_S", WATCHED_S / 2)
            dying, well = Heard(), Heard()
            broken = await open_port(dying_path, dying)
            other = await open_port(well_path, well)
            await asyncio.sleep(0)
            try:
                broken.abort()
                os.write(host, b"AT\r")
                stall = await longest_stall()
                assert dying.lost.is_set()  # told in its time, though the close still hangs
                assert dying_path in port_module._hung
            finally:
                release.set()
                other.abort()
            await well.lost.wait()
            while dying_path in port_module._hung:  # noqa: ASYNC110 - another thread ends it
                await asyncio.sleep(0.005)
    return stall, well.octets


@pytest.mark.slow
async def test_a_close_that_blocks_stalls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stalls = []
    for _ in range(TRIES):
        stall, octets = await stall_beside_a_blocked_close(monkeypatch)
        assert octets == len(b"AT\r")
        stalls.append(stall)
        if stall <= STALL_S:
            break
    assert min(stalls) <= STALL_S


@pytest.mark.slow
async def test_the_measurement_itself_finds_a_stall() -> None:
    watching = spawn(longest_stall(), name="watching")
    await asyncio.sleep(0)
    threading.Event().wait(2 * STALL_S)  # on the loop, where nothing may block
    assert await watching > STALL_S
