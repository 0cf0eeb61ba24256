"""The PIN of one lane: tried once, ever, until the file holds another.

May import modem.api, modem.driver and L0. That a try was made is remembered before it is made: a
restart in a loop must not spend the tries of a SIM.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from enum import Enum

from airpost.errors import CommandFailed, CommandTimeout, StoreUnavailable
from airpost.model import Lane
from airpost.modem.api import Memory

log = logging.getLogger("airpost.pin")

REFUSED = "refused "  # before the mark of a PIN that a SIM has refused


class Tried(Enum):
    """What came of it; the values are for people."""

    TAKEN = "waiting for the SIM"
    MISSING = "the SIM wants a PIN; set `pin_file`"
    SPENT = "the PIN of `pin_file` was refused and is not tried again; correct the file"
    UNSAFE = "the PIN is not tried while the store cannot remember that it was"


class Pin:
    """`pin` is None where none is configured; `mark` changes when the file does."""

    def __init__(self, lane: Lane, pin: str | None, mark: str, memory: Memory) -> None:
        self._lane = lane
        self._pin = pin
        self._mark = mark
        self._memory = memory
        # Not by IMEI: a SIM that is moved from stick to stick must not lose a try in each.
        self._key = f"pin {lane}"

    async def enter(self, write: Callable[[str], Awaitable[None]]) -> tuple[Tried, bool]:
        """Enter it by `write` where that is allowed, and whether it was written.

        `write` raises CommandFailed when the SIM refuses it.
        """
        if self._pin is None:
            return Tried.MISSING, False
        try:
            if await self._memory.recall(self._key) in (self._mark, REFUSED + self._mark):
                return Tried.SPENT, False
            await self._memory.remember(self._key, self._mark)
        except StoreUnavailable:
            return Tried.UNSAFE, False
        try:
            await write(self._pin)
        except (CommandFailed, CommandTimeout) as error:
            log.warning("modem.pin_refused modem=%s %s", self._lane, error)
            await self._remember_refusal()
            return Tried.SPENT, True
        return Tried.TAKEN, True

    async def _remember_refusal(self) -> None:
        """Another SIM in the same lane that opens says nothing about the one that refused."""
        try:
            await self._memory.remember(self._key, REFUSED + self._mark)
        except StoreUnavailable as error:  # that it was tried stands there
            log.warning("modem.pin_refusal_not_kept modem=%s %s", self._lane, error.reason)

    async def right(self) -> None:
        """The SIM is open: after the next restart it may be entered again, unless refused."""
        if self._pin is None:
            return
        try:
            if await self._memory.recall(self._key) == self._mark:
                await self._memory.remember(self._key, "")
        except StoreUnavailable as error:
            log.warning("modem.pin_not_forgotten modem=%s %s", self._lane, error.reason)
