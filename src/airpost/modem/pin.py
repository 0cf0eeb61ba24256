"""The PIN of one lane: a try that was made is never made again, until the file holds another PIN.

May import modem.api and L0. That a try was made is remembered before it is made: a restart in a
loop must not spend the tries of a SIM. What came of one may stay unknown, because the modem lost
its power in that moment: only where the SIM counts as many tries as before it was none.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from enum import Enum

from airpost.errors import CommandFailed, CommandTimeout, StoreUnavailable
from airpost.model import Lane
from airpost.modem.api import Memory

log = logging.getLogger("airpost.pin")

# Before the mark of a PIN: it was tried, and what came of it is not known; a SIM has refused it.
TRIED, REFUSED = "tried ", "refused "
WRONG = (12, 16)  # +CME ERROR: the PUK is wanted now; incorrect password (TS 27.007 9.2.2.1)
UNKNOWN_TRIES = 2  # without a result, in a row: the last one is left to a person


class Tried(Enum):
    """What came of it; the values are for people."""

    TAKEN = "waiting for the SIM"
    MISSING = "the SIM wants a PIN; set `pin_file`"
    SPENT = (
        "the PIN of `pin_file` was refused and is not tried again; correct the file and restart "
        "airpost"
    )
    DOUBTED = "the PIN was entered and nothing has told what came of it; looking again"
    OPEN = (
        "the PIN of `pin_file` was entered and nothing tells what came of it: it is not tried "
        "again; open the SIM in a phone, or write the file anew and restart airpost"
    )
    OTHER_SIM = (
        "this is not the SIM that the PIN of `pin_file` has opened, and the PIN is not tried on "
        "it: write the file anew for this one and restart airpost"
    )
    UNSAFE = "the PIN is not tried while the store cannot remember that it was"


class Pin:
    """`pin` is None where none is configured; `mark` changes when the file does. One an opening."""

    def __init__(self, lane: Lane, pin: str | None, mark: str, memory: Memory) -> None:
        self._lane = lane
        self._pin = pin
        self._mark = mark
        self._memory = memory
        # Not by IMEI: a SIM that is moved from stick to stick must not lose a try in each.
        self._key = f"pin {lane}"
        self._tries_key = f"pin tries {lane}"  # left before each try without a result
        self._sim_key = f"pin sim {lane}"  # which SIM it has opened
        self._sim: str | None = None
        self._looked = self._given_up = False

    async def enter(
        self,
        write: Callable[[str], Awaitable[None]],
        left: Callable[[], Awaitable[int | None]],
        sim: str | None = None,
    ) -> tuple[Tried, bool]:
        """Enter it by `write` where that is allowed, and whether it was written.

        `write` raises CommandFailed when the SIM refuses it; `left` tells the tries that are left;
        `sim` is its number, None where the modem tells none before the PIN.
        """
        if self._pin is None:
            return Tried.MISSING, False
        try:
            record = await self._memory.recall(self._key)
            if record == REFUSED + self._mark:
                return Tried.SPENT, False
            if not await self._may_be_for(sim):
                return Tried.OTHER_SIM, False
            tried, before = record == TRIED + self._mark, list[str]()
            if tried:
                before = (await self._memory.recall(self._tries_key) or "").split()
                if self._given_up:
                    return Tried.OPEN, False
                if not self._looked:  # the opening has just begun: the SIM may still be at it
                    self._looked = True
                    return Tried.DOUBTED, False
            tries = await left()
            if tried and not _untouched(before, tries):
                self._given_up = True
                return Tried.OPEN, False
            await self._memory.remember(self._tries_key, " ".join([*before, str(tries or 0)]))
            await self._memory.remember(self._key, TRIED + self._mark)
        except StoreUnavailable:
            return Tried.UNSAFE, False
        self._looked = True
        try:
            await write(self._pin)
        except (CommandFailed, CommandTimeout) as error:
            log.warning("modem.pin_refused modem=%s %s", self._lane, error)
            if _is_wrong(error) or tries is None or await left() != tries:
                await self._remember_refusal()
                return Tried.SPENT, True
            return Tried.DOUBTED, True
        return Tried.TAKEN, True

    async def _may_be_for(self, sim: str | None) -> bool:
        """False for another SIM than the one that this PIN has opened."""
        self._sim = sim
        opened = (await self._memory.recall(self._sim_key) or "").partition(" ")
        return sim is None or opened[2] != self._mark or opened[0] in ("", sim)

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
            if await self._memory.recall(self._key) == TRIED + self._mark:
                await self._memory.remember(self._key, "")
                if self._sim is not None:
                    await self._memory.remember(self._sim_key, f"{self._sim} {self._mark}")
        except StoreUnavailable as error:
            log.warning("modem.pin_not_forgotten modem=%s %s", self._lane, error.reason)


def _untouched(before: list[str], tries: int | None) -> bool:
    """True when the SIM has counted none of the tries that were made."""
    return tries is not None and len(before) < UNKNOWN_TRIES and {*before} == {str(tries)}


def _is_wrong(error: CommandFailed | CommandTimeout) -> bool:
    return isinstance(error, CommandFailed) and error.code in WRONG
