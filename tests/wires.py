"""Keeps virtual time from jumping while bytes are between a port and its simulated modem."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from airpost.modem import proof, session
from airpost.modem.port import PortSettings, PortTransport, open_port
from hwsim.modem import SimModem
from hwsim.ptys import Pty
from tests.virtual import VirtualLoop

_numbers = count()


@dataclass(frozen=True, slots=True)
class Wire:
    """A port from its opening on: what both ends had written and read until then."""

    transport: PortTransport
    pty: Pty
    wrote: int
    said: int

    @property
    def cut(self) -> bool:
        return self.transport.is_closing() or not self.pty.is_open

    @property
    def under_way(self) -> bool:
        """Bytes are between the ends."""
        if self.cut:
            return False
        to_modem = self.wrote + self.transport.tx_bytes > self.pty.rx_bytes
        return to_modem or self.pty.tx_bytes > self.said + self.transport.rx_bytes


def _behind(path: str, modems: Sequence[SimModem]) -> Pty | None:
    """The terminal that a path leads to, of whichever port; None where it has just gone."""
    ends = [end for each in modems for end in (each, *each.side_ports)]
    device = os.path.realpath(path)
    return next((end.pty for end in ends if end.pty.device == device), None)


@contextmanager
def watched(loop: asyncio.AbstractEventLoop, modems: Sequence[SimModem]) -> Iterator[None]:
    """Count the bytes of every port that is opened meanwhile; in real time nothing is done."""
    if not isinstance(loop, VirtualLoop):
        yield
        return
    wires: list[Wire] = []

    async def opening(
        path: str,
        protocol: asyncio.Protocol,
        settings: PortSettings | None = None,
        **more: Any,
    ) -> PortTransport:
        transport = await open_port(path, protocol, settings, **more)
        wires[:] = [wire for wire in wires if not wire.cut]
        pty = _behind(path, modems)
        if pty is not None:
            pty.lose_unread()  # as opening does, but for what the kernel had on its way
            wires.append(Wire(transport, pty, pty.rx_bytes, pty.tx_bytes))
        return transport

    name = f"wires {next(_numbers)}"
    loop.busy[name] = lambda: any(wire.under_way for wire in wires)
    kept = session.open_port
    session.open_port = proof.open_port = opening
    try:
        yield
    finally:
        session.open_port = proof.open_port = kept
        del loop.busy[name]
