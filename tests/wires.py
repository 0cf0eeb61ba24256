"""Keeps virtual time from jumping while bytes are between a port and its simulated modem."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from airpost.modem import session
from airpost.modem.port import PortSettings, PortTransport, open_port
from hwsim.modem import SimModem
from hwsim.ptys import Pty
from tests.virtual import VirtualLoop

_numbers = count()


def _behind(path: str, modems: Sequence[SimModem]) -> Pty:
    """The terminal that a path leads to, of whichever port."""
    ends = [end for each in modems for end in (each, *each.side_ports)]
    device = os.path.realpath(path)
    return next(end.pty for end in ends if end.pty.device == device)


@contextmanager
def watched(loop: asyncio.AbstractEventLoop, modems: Sequence[SimModem]) -> Iterator[None]:
    """Count the bytes of every port that is opened meanwhile; in real time nothing is done."""
    if not isinstance(loop, VirtualLoop):
        yield
        return

    async def opening(
        path: str, protocol: asyncio.Protocol, settings: PortSettings, **more: Any
    ) -> PortTransport:
        transport = await open_port(path, protocol, settings, **more)
        pty = _behind(path, modems)
        wrote, said = pty.rx_bytes, pty.tx_bytes

        def under_way() -> bool:
            if transport.is_closing() or not pty.is_open:
                return False
            to_modem = wrote + transport.tx_bytes > pty.rx_bytes
            return to_modem or pty.tx_bytes > said + transport.rx_bytes

        loop.busy[f"port {next(_numbers)}"] = under_way
        return transport

    kept = session.open_port
    session.open_port = opening  # type: ignore[assignment]
    try:
        yield
    finally:
        session.open_port = kept
