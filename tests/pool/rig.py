"""The pool on a real store in virtual time, with units that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from airpost.clock import SECOND_US, Instant, LoopClock
from airpost.codec.split import split
from airpost.errors import ModemError, StoreUnavailable
from airpost.model import (
    Claimed,
    Encoding,
    Lane,
    Message,
    MessageClass,
    MessageId,
    ModemView,
    NewMessage,
    SegmentBody,
    SimId,
    UnitState,
    uuid7,
)
from airpost.modem.api import CommitIntent, SendResult
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.policy import CLASS_POLICY
from airpost.pool.limiter import Limits
from airpost.pool.limits import LimitSettings
from airpost.pool.pool import ModemPool
from airpost.pool.upkeep import UpkeepSettings
from airpost.received import RawReport
from airpost.routes import RouteTable
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from tests.virtual import VirtualLoop

PHONE = "+491701234567"
START = Instant(1_767_225_600_000_000)
NOT_BEGUN = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.MODEM, code="no prompt", text="test")
WITHDRAWN = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.MESSAGE, code="withdrawn", text="test")


def failure(cls: OutcomeClass, scope: Scope, code: str = "test") -> Outcome:
    return Outcome(cls=cls, scope=scope, code=code, text="as the test wants")


class ScriptedUnit:
    """A ModemUnit: each segment is on the air for `air_s`, then has the next outcome."""

    def __init__(self, name: str, pool: ModemPool, clock: LoopClock, air_s: float) -> None:
        self.air_s = air_s
        self.outcomes: list[Outcome | None] = []  # None: begun is False; used up: sent
        self.refusals: list[Outcome | None] = []  # in place of the prompt; None: it asks
        self.sent: list[Claimed] = []
        self.begun_at: list[float] = []
        self.mr = 0
        self.refused = 0
        self.said: dict[str, str] = {}  # what the network answers a USSD code
        self.codes: list[str] = []
        self.work: Callable[[ScriptedUnit], Awaitable[None]] | None = None
        self._pool = pool
        self._clock = clock
        self._stopped = asyncio.Event()
        self.view = ModemView(
            lane=Lane(name), port=f"/dev/{name}", state=UnitState.READY, since=clock.now(),
            detail="ready", imei=f"imei of {name}", sim_id=SimId(f"sim of {name}"),
            service_s=air_s,
        )  # fmt: skip

    @property
    def lane(self) -> Lane:
        return self.view.lane

    def show(self, **changes: Any) -> None:
        """Change the view and tell the pool."""
        self.view = replace(self.view, **changes)
        self._pool.changed(self.view)

    async def run(self) -> None:
        if self.work is not None:
            await self.work(self)
        await self._stopped.wait()

    async def send(self, segment: Claimed, commit: CommitIntent) -> SendResult:
        self.begun_at.append(self._clock.mono())
        intent = commit(b"tpdu")
        if self.refusals and (refusal := self.refusals.pop(0)) is not None:
            return SendResult(begun=False, outcome=refusal, mr=None, air_s=0.0, refused=True)
        committed = intent() if callable(intent) else await intent
        if committed.attempt_id is None:
            self.refused += 1
            return SendResult(begun=False, outcome=WITHDRAWN, mr=None, air_s=0.0)
        outcome = self.outcomes.pop(0) if self.outcomes else SENT
        if outcome is None:
            return SendResult(begun=False, outcome=NOT_BEGUN, mr=None, air_s=0.0)
        self.sent.append(segment)
        await asyncio.sleep(self.air_s)
        if not outcome.ok:
            return SendResult(begun=True, outcome=outcome, mr=None, air_s=self.air_s)
        self.mr += 1
        return SendResult(begun=True, outcome=outcome, mr=self.mr - 1, air_s=self.air_s)

    def compose(self, segment: Claimed) -> bytes | None:
        return b"tpdu"

    async def ussd(self, code: str) -> str:
        self.codes.append(code)
        if code not in self.said:
            raise ModemError(f"no answer to {code}")
        return self.said[code]

    def crashed(self, reason: str) -> None:
        self.show(state=UnitState.QUARANTINED, detail=reason)

    async def stop(self, on_air_s: float = 60.0) -> None:
        self._stopped.set()


class Rig:
    """Store, pool and units."""

    def __init__(self, store: SqliteStore, pool: ModemPool, clock: LoopClock) -> None:
        self.store = store
        self.pool = pool
        self.clock = clock
        self.units: list[ScriptedUnit] = []
        self.running: asyncio.Task[None]
        self._rng = Random(7)

    async def accept(self, text: str = "hello", **changes: Any) -> MessageId:
        """Store a message; its id."""
        now = self.clock.now()
        class_ = changes.get("class_", MessageClass.NORMAL)
        policy = CLASS_POLICY[class_]
        done = split(text)
        new = NewMessage(
            id=MessageId(uuid7(now, self._rng)),
            owner="test",
            key_id=None,
            to=PHONE,
            class_=class_,
            encoding=Encoding(done.alphabet.value),
            text=text,
            data=None,
            segments=tuple(
                SegmentBody(pid=0, dcs=each.dcs, udh=each.udh, ud=each.ud, udl=each.udl)
                for each in done.parts
            ),
            concat_bits=8,
            want_report=False,
            created_at=now,
            not_before=None,
            expires_at=Instant(now + policy.validity_s * SECOND_US),
            on_uncertain=policy.on_uncertain,
        )
        await self.store.accept([replace(new, **changes)])
        return new.id

    async def message(self, message_id: MessageId) -> Message:
        found = await self.store.message(message_id, None)
        assert found is not None
        return found

    async def until(self, true: Callable[[], object], wait_s: float = 3600) -> None:
        """Wait, exact to a hundredth of what has passed: each look costs real time."""
        begun_s = self.clock.mono()
        async with asyncio.timeout(wait_s):
            while not true():  # noqa: ASYNC110 - any condition, in virtual time
                await asyncio.sleep(max(0.01, (self.clock.mono() - begun_s) / 100))

    async def state(self, message_id: MessageId, *states: str, wait_s: float = 3600) -> Message:
        """The message once it is in one of `states`."""
        step_s = 0.01
        async with asyncio.timeout(wait_s):
            while True:
                found = await self.message(message_id)
                if found.state.value in states:
                    return found
                await asyncio.sleep(step_s)
                step_s = min(1.2 * step_s, 5.0)

    def report(self, unit: ScriptedUnit, mr: int, *, delivered: bool | None = True) -> RawReport:
        """A delivery report for a segment the unit has sent."""
        assert unit.view.sim_id is not None
        outcome = SENT if delivered else failure(OutcomeClass.PERMANENT, Scope.DESTINATION)
        return RawReport(
            sim_id=unit.view.sim_id, lane=unit.lane, raw=b"raw", mr=mr, to=PHONE, scts=bytes(7),
            status=0 if delivered else 0x41, delivered=delivered, expired=False, outcome=outcome,
            done_at=self.clock.now(), received_at=self.clock.now(),
        )  # fmt: skip


@asynccontextmanager
async def pooled(
    loop: VirtualLoop,
    folder: Path,
    air_s: Sequence[float] = (0.2,),
    run: Mapping[str, Callable[[ScriptedUnit], Awaitable[None]]] | None = None,
    upkeep: UpkeepSettings | None = None,
    limits: LimitSettings | None = None,
    routes: RouteTable | None = None,
) -> AsyncIterator[Rig]:
    """A running pool with a unit for each time on the air."""
    clock = LoopClock(loop.time, Instant(START + round(loop.time() * SECOND_US)))
    store = SqliteStore(folder / "airpost.db", clock, Random(1))
    loop.busy["store"] = lambda: store.pending > 0
    await store.open(clock.now())
    limited = None if limits is None else Limits(limits, store.holds)
    pool = ModemPool(store, clock, Random(2), upkeep, limited, routes=routes)
    rig = Rig(store, pool, clock)
    for at, each in enumerate(air_s, 1):
        unit = ScriptedUnit(f"gate-{at}", pool, clock, each)
        unit.work = (run or {}).get(unit.lane)
        rig.units.append(unit)
        pool.add(unit)
    rig.running = spawn(pool.run(), name="pool under test")
    try:
        yield rig
    finally:
        await pool.stop()
        await asyncio.wait([rig.running])
        await store.close()


class Closed:
    """Makes `air()` of a store fail so many times."""

    def __init__(self, store: SqliteStore, times: int) -> None:
        self._air = store.air
        self.left = times
        store.air = self  # type: ignore[assignment,method-assign]

    def __call__(self, settle: Any, intent: Any) -> Any:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("closed by the test")
        return self._air(settle, intent)
