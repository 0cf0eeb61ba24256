"""The names of modems that were found, and the IMEIs that several have: kept over restarts.

May import binding, model and modem.api. Read once. What is noted is in the store before it counts:
the order in which modems are plugged in must not decide after a restart which of two has a name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection

from airpost.model import Lane
from airpost.modem.api import Memory
from airpost.modem.binding import lane_of_imei

log = logging.getLogger("airpost.lanebook")

KEY = "lanes found"
NO_PLACE = ""


class LaneBook:
    """`reserved` are the lanes of the configuration: no modem that is found is given one.

    Every method raises StoreUnavailable, and has changed nothing then.
    """

    def __init__(self, memory: Memory, reserved: Collection[Lane] = ()) -> None:
        self._memory = memory
        self._reserved = frozenset(reserved)
        self._names: dict[Lane, str] = {}
        self._shared: dict[str, str] = {}  # IMEI → whose it stays, by place
        self._read = False

    async def name(self, imei: str) -> Lane:
        """The lane of a found modem; the same for ever, and no other modem's."""
        await self._recall()
        known = (lane for lane, held in self._names.items() if held == imei)
        lane = next((lane for lane in known if lane not in self._reserved), None)
        if lane is None:
            lane = lane_of_imei(imei, {**self._names, **dict.fromkeys(self._reserved, "")})
            await self._keep({**self._names, lane: imei}, self._shared)
        return lane

    async def place_of(self, imei: str) -> str | None:
        """None for an IMEI of one modem; else where the one is that is bound to it, or NO_PLACE."""
        await self._recall()
        return self._shared.get(imei)

    async def share(self, imei: str, place: str = NO_PLACE) -> None:
        """Several modems have it: it is the name of the one at `place`, or of none, from now on."""
        await self._recall()
        if imei not in self._shared:
            names = {lane: held for lane, held in self._names.items() if held != imei}
            await self._keep(names, {**self._shared, imei: place})

    async def _recall(self) -> None:
        if self._read:
            return
        text = await self._memory.recall(KEY)
        try:
            kept = json.loads(text or "{}")
            self._names = {Lane(lane): str(imei) for lane, imei in kept.get("names", {}).items()}
            self._shared = {str(imei): str(at) for imei, at in kept.get("shared", {}).items()}
        except (ValueError, AttributeError):
            log.warning("lanebook.unreadable %r", text)
        self._read = True

    async def _keep(self, names: dict[Lane, str], shared: dict[str, str]) -> None:
        await self._memory.remember(KEY, json.dumps({"names": names, "shared": shared}))
        self._names, self._shared = names, shared
