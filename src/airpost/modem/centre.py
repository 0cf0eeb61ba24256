"""The service centre's number of one SIM, kept: some firmware loses it, and nothing goes out then.

May import L0, driver, identity and the Memory protocol. What the modem tells always goes before
what is remembered (`modems.md` fault 23).
"""

from __future__ import annotations

import logging

from airpost.errors import AtError, ModemError, PortError, StoreUnavailable
from airpost.model import Lane
from airpost.modem.api import Memory
from airpost.modem.driver import Driver
from airpost.modem.identity import SimIdentity
from airpost.tasks import spawn

log = logging.getLogger("airpost.centre")


def _key(sim: SimIdentity) -> str | None:
    """None for a SIM without a name of its own: another one may be there the next time."""
    return f"smsc {sim.id}" if sim.iccid or sim.imsi else None


class ServiceCentre:
    """The number of the SIMs of one lane."""

    def __init__(self, driver: Driver, memory: Memory, lane: Lane) -> None:
        self._driver = driver
        self._memory = memory
        self._lane = lane

    async def recall(self, sim: SimIdentity) -> str | None:
        """What this SIM told when it last told one."""
        key = _key(sim)
        try:
            return await self._memory.recall(key) or None if key else None
        except StoreUnavailable:
            return None

    async def keep(self, sim: SimIdentity, number: str | None) -> None:
        """Remember it; a store that cannot write only costs that."""
        key = _key(sim)
        try:
            if key and number and await self._memory.recall(key) != number:
                await self._memory.remember(key, number)
        except StoreUnavailable as error:
            log.info("modem.smsc_not_kept modem=%s %s", self._lane, error.reason)

    def restore(self, number: str) -> None:
        """Write it again, as soon as the wire is free."""
        spawn(self._write(number), name=f"smsc {self._lane}")

    async def _write(self, number: str) -> None:
        try:
            await self._driver.restore_smsc(number)
            log.warning("modem.smsc_restored modem=%s", self._lane)
        except (AtError, ModemError, PortError) as error:
            log.info("modem.smsc_not_restored modem=%s %s", self._lane, error)
