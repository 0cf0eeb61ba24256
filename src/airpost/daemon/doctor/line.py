"""The line to one modem: through the running service, between its messages, or by its port.

May import the command line's client, modem and at. A line asks; what is asked is for others to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import Protocol

from airpost.at import command as at
from airpost.at.grammar import rests_of
from airpost.at.typed import typed
from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client, segment
from airpost.errors import AtError, CommandFailed, ModemError, PortError, Refused
from airpost.model import Lane
from airpost.modem.port import PortSettings
from airpost.modem.session import Session
from airpost.modem.trace import Trace

ASK_WAIT_S = 60.0  # the service waits for a message on the air, then for the modem


class ModemLine(Protocol):
    """Somebody who can be asked one command after another."""

    async def ask(self, text: str) -> tuple[str, ...]:
        """The information lines; CommandFailed for the modem's error, ModemError for silence.

        Also PortError where the port goes away, and ModemError where it cannot be asked now.
        """
        ...


class ServiceLine:
    """A modem of the running service. Each command waits its turn there."""

    def __init__(self, client: Client, name: str, threads: Executor) -> None:
        self._client = client
        self._path = f"/v1/modems/{segment(name)}/at"
        self._threads = threads

    async def ask(self, text: str) -> tuple[str, ...]:
        """See ModemLine."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, text)

    def _ask(self, text: str) -> tuple[str, ...]:
        try:
            told = self._client.post(self._path, {"command": text}, wait_s=ASK_WAIT_S)
        except Refused as error:
            raise ModemError(error.message) from None
        if (failed := told["error"]) is not None:
            raise CommandFailed(failed["kind"], failed["code"], failed["text"])
        return tuple(told["lines"])


class PortLine:
    """A port that is open for this alone."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ask(self, text: str) -> tuple[str, ...]:
        """See ModemLine."""
        return await self._session.run(typed(text))


@asynccontextmanager
async def opened(
    port: str, settings: PortSettings, trace: Trace | None = None
) -> AsyncIterator[PortLine]:
    """The port with a modem in step at its other end; errors are told as numbers meanwhile.

    PortError, ModemError or AtError say why not. How errors are told is put back at the end: nobody
    is to find a setting changed by being asked.
    """
    session = Session(
        port,
        trace or Trace(Lane(port), SystemClock()),
        urc=lambda _urc: None,
        late=lambda _late: None,
    )
    await session.open(settings)
    try:
        await session.wake()
        before = await _error_form(session)
        try:
            yield PortLine(session)
        finally:
            if before not in (None, "1"):
                await _quietly(session, f"AT+CMEE={before}")
    finally:
        await session.close()


async def _error_form(session: Session) -> str | None:
    """<n> of AT+CMEE as it was, None where it is not told; it is 1 afterwards."""
    try:
        told = list(rests_of(await session.run(at.PROBE), "+CMEE"))
    except CommandFailed:
        return None
    before = told[0] if told and told[0].isdigit() else None
    if before not in (None, "1"):
        await _quietly(session, at.VERBOSE_ERRORS.text)
    return before


async def _quietly(session: Session, text: str) -> None:
    try:
        await session.run(typed(text))
    except (AtError, ModemError, PortError):
        pass  # it is a courtesy, and what was asked has been answered
