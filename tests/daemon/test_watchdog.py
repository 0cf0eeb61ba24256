"""What is fed to the service manager's watchdog: while all moves, and only then."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from airpost.daemon.sdnotify import Notifier
from airpost.daemon.watchdog import LANE_S, LOOK_S, STORE_S, Mark, Marks, Watchdog
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, MessageClass, UnitState
from airpost.modem.api import CommitIntent, SendResult
from airpost.store.thread import StoreThread
from airpost.store.writer import Writer
from airpost.tasks import spawn, stop
from tests.pool.rig import Rig, pooled
from tests.virtual import VirtualLoop, run_virtual

STRETCH_S = 1.5 * LOOK_S
SLACK_S = 3 * STRETCH_S  # from standing still to being seen to


def test_who_moves_or_has_no_work_is_not_stuck() -> None:
    marks = Marks()

    def stuck(at: int, now_s: float) -> dict[str, float]:
        return marks.stuck([Mark(name="it", at=at, limit_s=10)], now_s)

    assert [stuck(1, 0), stuck(1, 10), stuck(2, 10.5), stuck(2, 20.5)] == [{}, {}, {}, {}]
    assert stuck(2, 21) == {"it": 10.5}
    assert stuck(3, 22) == {}
    assert marks.stuck([], 40) == {}  # no work meanwhile: then its time begins anew
    assert [stuck(3, 41), stuck(3, 51)] == [{}, {}]
    assert stuck(3, 52) == {"it": 11}


class Manager:
    """systemd's end of the socket."""

    def __init__(self, path: Path) -> None:
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._unix.bind(str(path))
        self._unix.setblocking(False)
        self.notifier = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})

    def close(self) -> None:
        self._unix.close()

    def heard(self) -> list[str]:
        """What came since the last call."""
        told = []
        try:
            while True:
                told.append(self._unix.recv(4096).decode())
        except BlockingIOError:
            return told

    async def fed(self, for_s: float) -> list[bool]:
        """Whether it was, for each stretch of the next so many seconds that holds a look or two."""
        self.heard()
        found = []
        for _ in range(round(for_s / STRETCH_S)):
            await asyncio.sleep(STRETCH_S)
            told = self.heard()
            found.append("WATCHDOG=1" in told)
            self.status = [each for each in told if each.startswith("STATUS=")][-1]
        return found


@asynccontextmanager
async def watched(
    loop: VirtualLoop, folder: Path, air_s: float = 0.2
) -> AsyncIterator[tuple[Rig, Manager]]:
    """A pool with one modem and a watchdog over it."""
    manager = Manager(folder / "notify")
    async with pooled(loop, folder, air_s=(air_s,)) as rig:
        watching = spawn(
            Watchdog(rig.store, rig.pool, manager.notifier, rig.clock).run(), name="watchdog"
        )
        try:
            yield rig, manager
        finally:
            await stop(watching)
            manager.close()


@contextmanager
def hung(loop: VirtualLoop, thread: StoreThread) -> Iterator[None]:
    """The thread is in a call that does not come back."""
    gate, inside = threading.Event(), threading.Event()

    def hang(_connection: object) -> None:
        inside.set()
        gate.wait(60)

    thread.ask(hang, urgent=True)
    assert inside.wait(10)
    busy = loop.busy.pop("store")  # time goes on without it
    try:
        yield
    finally:
        gate.set()
        loop.busy["store"] = busy


def test_fed_while_all_moves(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with watched(loop, tmp_path, air_s=100.0) as (rig, manager):
            for _ in range(12):
                await rig.accept("a" * 300, class_=MessageClass.BULK)
            assert all(await manager.fed(2000))
            assert manager.status == "STATUS=1 of 1 modems ready, 3 queued"
            assert len(rig.units[0].sent) > 15

    run_virtual(main)


@pytest.mark.parametrize("which", ["_writer", "_reader"])
def test_not_fed_while_a_thread_of_the_store_hangs(tmp_path: Path, which: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with watched(loop, tmp_path) as (rig, manager):
            assert all(await manager.fed(60))
            with hung(loop, getattr(rig.store, which)):
                await manager.fed(STORE_S + SLACK_S)
                assert not any(await manager.fed(60))
                assert "the store has not moved for" in manager.status
            await manager.fed(STRETCH_S)
            assert all(await manager.fed(60))

    run_virtual(main)


def full(_tx: object) -> None:
    raise StoreUnavailable("the disk is full")


def test_fed_while_the_disk_is_full_and_work_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Writer, "probe", lambda _writer, tx: full(tx))

    async def main(loop: VirtualLoop) -> None:
        async with watched(loop, tmp_path) as (rig, manager):
            rig.units[0].show(state=UnitState.REGISTERING)
            await rig.accept()
            with pytest.raises(StoreUnavailable):
                await rig.store._writer.ask(full, urgent=True)
            rig.units[0].show(state=UnitState.READY)
            assert all(await manager.fed(LANE_S + SLACK_S + 60))
            assert manager.status.endswith("1 queued; the store: the disk is full")
            assert rig.units[0].sent == []
            with hung(loop, rig.store._writer):  # that is something else
                await manager.fed(STORE_S + SLACK_S)
                assert not any(await manager.fed(60))
            monkeypatch.undo()

    run_virtual(main)


def test_not_fed_while_a_lane_is_stuck(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with watched(loop, tmp_path) as (rig, manager):
            unit = rig.units[0]
            real_send, release = unit.send, asyncio.Event()

            async def never(segment: Claimed, commit: CommitIntent) -> SendResult:
                await release.wait()
                return await real_send(segment, commit)

            unit.send = never  # type: ignore[method-assign]
            assert all(await manager.fed(LANE_S + SLACK_S))  # no work
            await rig.accept()
            assert all(await manager.fed(LANE_S - SLACK_S))
            await manager.fed(2 * SLACK_S)
            assert not any(await manager.fed(60))
            assert "lane gate-1 has not moved for" in manager.status
            unit.show(state=UnitState.COOLDOWN)  # then it cannot be expected to
            await manager.fed(STRETCH_S)
            assert all(await manager.fed(60))
            unit.show(state=UnitState.READY)
            release.set()
            assert all(await manager.fed(LANE_S + SLACK_S))

    run_virtual(main)


def test_not_fed_while_the_binder_is_stuck(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with watched(loop, tmp_path) as (rig, manager):
            release = asyncio.Event()

            async def never(**_: object) -> None:
                await release.wait()

            rig.pool._bind_round = never  # type: ignore[method-assign]
            await manager.fed(60 + SLACK_S)
            assert not any(await manager.fed(60))
            assert "the binder has not moved for" in manager.status
            release.set()
            await manager.fed(STRETCH_S)
            assert all(await manager.fed(60))

    run_virtual(main)


def test_without_a_service_manager_nothing_is_asked(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            dog = Watchdog(rig.store, rig.pool, Notifier({}), rig.clock)
            running = spawn(dog.run(), name="watchdog")
            await asyncio.sleep(60)
            assert dog._asked is None
            await stop(running)

    run_virtual(main)
