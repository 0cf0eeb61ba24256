"""The SIM of one opening: waited for, opened with its PIN, and the same one as long as it serves.

May import at.replies, driver, identity, modem.api, pin and L0. Which SIM it is is asked before the
PIN: a PIN is for the SIM of its lane alone. The ICCID of an IMSI is remembered: a SIM that leaves
it out for a while is the same one, with its limits, its history and its doubt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from airpost.at.replies import SimStatus
from airpost.errors import StoreUnavailable
from airpost.model import SimId
from airpost.modem.api import Memory
from airpost.modem.driver import Driver
from airpost.modem.identity import SimIdentity, same_sim
from airpost.modem.pin import Pin

log = logging.getLogger("airpost.sim")

LOOK_S = 1.0  # while the SIM starts
LATER_S = 15.0  # while it waits for a person

SENTENCES = {
    SimStatus.SIM_PUK: "the SIM is locked and wants its PUK; unlock it in a phone",
    SimStatus.NOT_INSERTED: "there is no SIM; put one in",
    SimStatus.NOT_READY: "waiting for the SIM",
}
EXCHANGED = "another SIM was put in"


class SimCard:
    """`check` raises ModemError for a SIM that is not to be here; None tells no number.

    `say` shows what it waits for; `pause` waits so long, or until something sets `look`.
    """

    def __init__(
        self,
        driver: Driver,
        pin: Pin,
        memory: Memory,
        look: asyncio.Event,
        *,
        check: Callable[[SimId | None], None],
        say: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._driver = driver
        self._pin = pin
        self._memory = memory
        self._look = look
        self._check = check
        self._say = say
        self._pause = pause
        self._known: SimIdentity | None = None
        self.doubted = False  # it may have been exchanged since it was asked who it is

    async def open(self) -> None:
        """Wait until it can be used, with the PIN where it wants one."""
        while True:
            self._look.clear()
            status = await self._driver.sim_status()
            if status.usable:
                await self._pin.right()
                return
            if status is SimStatus.SIM_PIN:
                iccid = await self._driver.iccid()
                self._check(None if iccid is None else SimId(iccid))
                tried, written = await self._pin.enter(
                    self._driver.enter_pin, self._driver.pin_tries, iccid
                )
                sentence, pause_s = tried.value, LOOK_S if written else LATER_S
            else:
                words = f"the SIM or the modem is locked: {status.value}"
                sentence = SENTENCES.get(status, words)
                pause_s = LOOK_S if status is SimStatus.NOT_READY else LATER_S
            self._say(sentence)
            await self._pause(pause_s)

    async def identify(self, imei: str) -> SimIdentity:
        """Who it is, once it is open; ModemError of `check`."""
        self._known = await self._named(await self._driver.sim_identity(imei))
        self._check(self._known.id)
        self.doubted = False
        return self._known

    async def _named(self, told: SimIdentity) -> SimIdentity:
        """With the ICCID it has told before, where it tells its IMSI alone."""
        if told.imsi is None:
            return told
        key = f"iccid of {told.imsi}"
        try:
            before = await self._memory.recall(key)
            if told.iccid is None and before:
                log.info("sim.iccid_not_told sim=%s: it is known by its IMSI", before)
                return SimIdentity(id=SimId(before), iccid=before, imsi=told.imsi)
            if told.iccid is not None and before != told.iccid:
                await self._memory.remember(key, told.iccid)
        except StoreUnavailable as error:
            log.info("sim.iccid_not_kept sim=%s %s", told.id, error.reason)
        return told

    async def is_same(self) -> bool:
        """False where it was `doubted` and is another one than `identify()` has told."""
        if not self.doubted or self._known is None:
            return True
        self.doubted = False
        return same_sim(self._known, await self._driver.sim_identity(""))
