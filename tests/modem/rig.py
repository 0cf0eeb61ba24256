"""Units on simulated modems in virtual time, with a pool of the test's own behind them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from asyncio import Future
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from airpost.clock import SECOND_US, Instant, LoopClock
from airpost.codec.split import split
from airpost.errors import StoreUnavailable
from airpost.model import (
    Claimed,
    Lane,
    MessageClass,
    MessageId,
    ModemView,
    SegmentBody,
    SimId,
    UnitState,
)
from airpost.modem.api import SendResult
from airpost.modem.healing import Place
from airpost.modem.profile import Profile, load_profile
from airpost.modem.unit import Unit
from airpost.modem.unitsettings import UnitSettings
from airpost.modem.usbpower import UsbPower
from airpost.outcome import Outcome
from airpost.received import RawPart, RawReport
from airpost.store.api import AirResult
from airpost.tasks import spawn
from hwsim.modem import SimModem
from hwsim.pool import START_US, SimPool
from tests.virtual import VirtualLoop, run_virtual
from tests.wires import watched

PHONE = "+491701234567"
GO = AirResult(attempt_id=1, state=None)
STAY = AirResult(attempt_id=None, state=None)
WAIT_S = 900.0


def virtually(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test written as a coroutine of the loop and its fixtures, run in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        run_virtual(lambda loop: test(loop, *args, **fixtures))

    del run.__wrapped__  # type: ignore[attr-defined]
    _, *asked_for = inspect.signature(test).parameters.values()
    run.__signature__ = inspect.Signature(asked_for)  # type: ignore[attr-defined]
    return run


class Behind:
    """Intake, Memory and UnitListener in one: keeps what it is told."""

    def __init__(self) -> None:
        self.parts: list[RawPart] = []
        self.reports: list[RawReport] = []
        self.unread: list[tuple[bytes, str, int, str]] = []
        self.memory: dict[str, str] = {}
        self.views: list[ModemView] = []
        self.ids: list[tuple[Lane, str, SimId]] = []
        self.lates: list[tuple[int, int | None, Outcome]] = []
        self.calls: list[str | None] = []
        self.closed = False  # the store cannot write

    def _check(self) -> None:
        if self.closed:
            raise StoreUnavailable("closed by the test")

    async def part(self, part: RawPart) -> None:
        self._check()
        self.parts.append(part)

    async def report(self, report: RawReport) -> None:
        self._check()
        self.reports.append(report)

    def report_later(self, report: RawReport) -> Future[None]:
        self._check()
        self.reports.append(report)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def unreadable(
        self, _sim_id: SimId, _lane: Lane, raw: bytes, field: str, offset: int, reason: str
    ) -> None:
        self._check()
        self.unread.append((raw, field, offset, reason))

    async def recall(self, key: str) -> str | None:
        self._check()
        return self.memory.get(key)

    async def remember(self, key: str, value: str) -> None:
        self._check()
        self.memory[key] = value

    def changed(self, view: ModemView) -> None:
        self.views.append(view)

    def identified(self, lane: Lane, imei: str, sim_id: SimId) -> None:
        self.ids.append((lane, imei, sim_id))

    def late(self, _lane: Lane, segment_id: int, mr: int | None, outcome: Outcome) -> None:
        self.lates.append((segment_id, mr, outcome))

    def called(self, _lane: Lane, number: str | None) -> None:
        self.calls.append(number)

    @property
    def states(self) -> list[UnitState]:
        """The states in order, each change once."""
        seen: list[UnitState] = []
        for view in self.views:
            if not seen or seen[-1] is not view.state:
                seen.append(view.state)
        return seen


class Rig:
    """One unit on one simulated modem. `prepared`: what is sent begins at its prompt."""

    prepared = False

    def __init__(self, pool: SimPool, clock: LoopClock, settings: UnitSettings,
                 profile: Profile, **hands: Any) -> None:  # fmt: skip
        self.pool = pool
        self.sim: SimModem = pool.modems[0]
        self.behind = Behind()
        self.clock = clock
        self.settings = settings
        self.profile = profile
        self.hands = hands  # what the unit may do to the modem's power
        self.committed: list[bytes] = []
        self._next_id = 0
        self.start()

    def start(self, **changes: Any) -> None:
        """A new unit, as after a restart of the daemon, with other settings where given."""
        self.settings = replace(self.settings, **changes)
        behind = self.behind
        self.unit = Unit(
            self.settings, lambda *_: self.profile, behind, behind, behind, self.clock, **self.hands
        )
        self.running = spawn(self.unit.run(), name="unit under test")

    async def stop(self) -> None:
        """Stop the unit; nothing of it may be left."""
        await self.unit.stop()
        await self.running
        assert open_descriptors(self.sim.pty.device) <= 1, "the port is still open"

    async def restart(self, **changes: Any) -> None:
        """Stop it and start a new one."""
        await self.stop()
        self.start(**changes)

    def heard(self, since_s: float = 0.0) -> list[str]:
        """Command lines the modem got from `since_s` on."""
        return [line for at_s, line in self.sim.heard if at_s >= since_s]

    def arrives(self, text: str, **how: Any) -> None:
        """Somebody writes to the modem."""
        self.pool.handset(PHONE).send(self.sim.number, text, **how)

    @property
    def view(self) -> ModemView:
        return self.unit.view

    async def until(self, true: Callable[[], object], wait_s: float = WAIT_S) -> None:
        """Wait in virtual time, exact to a hundredth of what has passed."""
        begun_s = self.clock.mono()
        async with asyncio.timeout(wait_s):
            while not true():  # noqa: ASYNC110 - a condition of the simulator tells nobody
                await asyncio.sleep(max(0.05, (self.clock.mono() - begun_s) / 100))

    async def ready(self) -> None:
        await self.until(lambda: self.view.ready)

    def commit(self, tpdu: bytes) -> asyncio.Future[AirResult] | Callable[[], AirResult]:
        self.committed.append(tpdu)
        if self.prepared:
            return lambda: GO
        done: asyncio.Future[AirResult] = asyncio.get_running_loop().create_future()
        done.set_result(GO)
        return done

    def segment(self, text: str = "hello", to: str = PHONE, **changes: Any) -> Claimed:
        """The only segment of a text."""
        (part,) = split(text).parts
        self._next_id += 1
        now = self.clock.now()
        made = Claimed(
            segment_id=self._next_id,
            message_seq=self._next_id,
            message_id=MessageId(str(self._next_id)),
            to=to,
            class_=MessageClass.NORMAL,
            seq=1,
            of=1,
            body=SegmentBody(pid=0, dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl),
            concat_ref=0,
            attempts=0,
            resends=0,
            want_report=True,
            waiting_since=now,
            expires_at=Instant(now + 3600 * SECOND_US),
        )
        return replace(made, **changes)

    async def send(self, text: str = "hello", **changes: Any) -> SendResult:
        return await self.unit.send(self.segment(text, **changes), self.commit)

    def texts(self, number: str = PHONE) -> list[str | None]:
        """What a handset got."""
        return [each.text for each in self.pool.handset(number).inbox]


def open_descriptors(device: str) -> int:
    """How often this process has `device` open; the simulated modem holds it once itself."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            found += bool(device) and str(each.readlink()) == device
        except OSError:
            pass  # the descriptor of this very listing
    return found


def busy_tasks() -> list[str]:
    """The tasks there are besides the caller's."""
    return [each.get_name() for each in asyncio.all_tasks() if each is not asyncio.current_task()]


@asynccontextmanager
async def rigged(
    loop: VirtualLoop,
    folder: Path,
    *,
    personality: str = "generic",
    profile: Profile | None = None,
    wait: bool = True,
    plugged: bool = True,
    before: Callable[[SimModem], None] = lambda _modem: None,
    pin: str | None = None,
    pin_mark: str = "mark 1",
    smsc: str | None = None,
    power: UsbPower | None = None,
    place: Mapping[str, str | None] | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """A unit that runs; `before` prepares the modem first."""
    settings.setdefault("air_s", 0.2)
    pool = SimPool(folder, 1, personalities=(personality,), **settings)
    await pool.start()
    before(pool.modems[0])
    if not plugged:
        pool.modems[0].unplug()
    unit = UnitSettings(lane=Lane("gate-1"), port=str(pool.ports[0]), pin=pin, pin_mark=pin_mark,
                        smsc=smsc)  # fmt: skip
    with watched(loop, pool.modems):
        clock = LoopClock(loop.time, Instant(START_US))
        where = Place(port=unit.port, **place) if place else None
        rig = Rig(pool, clock, unit, profile or load_profile(), power=power, place=where)
        try:
            if wait:
                await rig.ready()
            yield rig
        finally:
            await rig.stop()
            await pool.stop()
    assert busy_tasks() == []
