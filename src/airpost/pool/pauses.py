"""Which modems take no messages though they could: a person's word, or a SIM in doubt.

May import store.api, L0. All of it is kept over restarts. A modem that is paused, or whose SIM is
in doubt, still carries its self-tests: they are how doubt ends.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView, SimId
from airpost.outage import Outage
from airpost.store.api import Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.pool")

PAUSED, DRAINING = "paused", "draining"
DOUBT = "three messages in a row had no answer: a self-test or `airpost modems resume` clears it"
UNKNOWN = "whether it is paused is being looked up"
STORE_WAIT_S = 1.0


class Pauses:
    """`changed` is called with every lane whose answer may be another now."""

    def __init__(self, store: Store, clock: Clock, changed: Callable[[Lane], None]) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed
        self._lanes: dict[Lane, tuple[str, str] | None] = {}  # PAUSED or DRAINING, by whom
        self._doubted: dict[SimId, bool] = {}
        self._asked: set[str] = set()

    # -- what is known ---------------------------------------------------------------------------
    def why(self, view: ModemView) -> str | None:
        """Why a modem takes no messages now, in words; None where it does."""
        if view.lane not in self._lanes:
            self._recall(view.lane, _lane_key(view.lane), lambda kept: self._read(view.lane, kept))
            return UNKNOWN
        if (told := self._lanes[view.lane]) is not None:
            return f"{told[0]}, by {told[1]}"
        sim_id = view.sim_id
        if sim_id is None:
            return None
        if sim_id not in self._doubted:
            self._recall(view.lane, _sim_key(sim_id), lambda kept: self._read_sim(sim_id, kept))
            return UNKNOWN
        return DOUBT if self._doubted[sim_id] else None

    def draining(self, lane: Lane) -> bool:
        """True while a modem sends what it has, and takes nothing more."""
        told = self._lanes.get(lane)
        return told is not None and told[0] == DRAINING

    def in_doubt(self, sim_id: SimId | None) -> bool:
        """True from the third message without an answer on."""
        return sim_id is not None and self._doubted.get(sim_id, False)

    def _read(self, lane: Lane, kept: str | None) -> None:
        if lane not in self._lanes:
            self._lanes[lane] = tuple(json.loads(kept)) if kept else None

    def _read_sim(self, sim_id: SimId, kept: str | None) -> None:
        self._doubted.setdefault(sim_id, bool(kept))

    def _recall(self, lane: Lane, key: str, read: Callable[[str | None], None]) -> None:
        if key in self._asked:
            return
        self._asked.add(key)

        async def recall() -> None:
            outage = Outage(log, "pool.no_recall", "pool.recalled", f"modem={lane}")
            while True:
                try:
                    read(await self._store.recall(key))
                except StoreUnavailable as error:
                    outage.failed(error.reason)
                    await self._clock.sleep(STORE_WAIT_S)
                else:
                    outage.over()
                    break
            self._changed(lane)

        spawn(recall(), name=f"recall {key}")

    # -- what is decided; StoreUnavailable changes nothing ---------------------------------------
    async def pause(self, lane: Lane, actor: str, *, drain: bool) -> None:
        """Take nothing more; with `drain` send first what is bound."""
        told = (DRAINING if drain else PAUSED, actor)
        await self._store.remember(_lane_key(lane), json.dumps(told))
        await self._note(lane, told[0], f"by {actor}")
        self._lanes[lane] = told
        self._changed(lane)

    async def resume(self, view: ModemView, actor: str) -> None:
        """Take messages again; the SIM in it is in doubt no more."""
        before = PAUSED if self._lanes.get(view.lane) is not None else None
        await self._store.remember(_lane_key(view.lane), "")
        self._lanes[view.lane] = None
        if self.in_doubt(view.sim_id) and view.sim_id is not None:
            await self.cleared(view.lane, view.sim_id, f"by {actor}")
        elif before is not None:
            await self._note(view.lane, "resumed", f"by {actor}")
        self._changed(view.lane)

    async def drained(self, lane: Lane) -> None:
        """What was bound is sent: from now on it is paused."""
        told = self._lanes.get(lane)
        if told is None or told[0] != DRAINING:
            return
        await self._store.remember(_lane_key(lane), json.dumps((PAUSED, told[1])))
        if self._lanes.get(lane) != told:
            return  # somebody has said otherwise, or this was said twice
        self._lanes[lane] = (PAUSED, told[1])
        self._changed(lane)
        await self._note(lane, PAUSED, "it is drained")

    async def doubt(self, lane: Lane, sim_id: SimId) -> None:
        """The SIM takes nothing until it is cleared; at once, and after the next start too."""
        if self._doubted.get(sim_id):
            return
        self._doubted[sim_id] = True
        self._changed(lane)
        log.warning("sim.in_doubt modem=%s sim=%s", lane, sim_id)
        await self._store.remember(_sim_key(sim_id), "in doubt")
        await self._note(lane, "in doubt", f"SIM {sim_id}: {DOUBT}")

    async def cleared(self, lane: Lane, sim_id: SimId, why: str) -> None:
        """The SIM is in doubt no more."""
        if not self._doubted.get(sim_id):
            return
        await self._store.remember(_sim_key(sim_id), "")
        self._doubted[sim_id] = False
        log.info("sim.cleared modem=%s sim=%s %s", lane, sim_id, why)
        self._changed(lane)
        await self._note(lane, "cleared", f"SIM {sim_id}: {why}")

    async def _note(self, lane: Lane, to: str, reason: str) -> None:
        await self._store.note(f"modem {lane}", None, to, reason, self._clock.now())


def _lane_key(lane: Lane) -> str:
    return f"pause {lane}"


def _sim_key(sim_id: SimId) -> str:
    return f"doubt {sim_id}"
