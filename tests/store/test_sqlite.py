"""The store when it cannot write, and in virtual time."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from airpost.clock import SECOND_US, LoopClock
from airpost.errors import ConfigError, StoreUnavailable
from airpost.model import MessageId, NewMessage
from airpost.states import MessageState
from airpost.store.api import MessageFilter, Wake
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from tests.store.files import (
    PROBE_S,
    checkpoint,
    counted,
    move,
    octets_of,
    overwrite,
    size_of,
    until,
)
from tests.store.values import (
    NOW,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    part,
    seen,
    sent,
)
from tests.virtual import VirtualLoop, run_virtual


def pragma(store: SqliteStore, text: str) -> None:
    """On the writer's own connection, while its thread has nothing to do."""
    assert store.pending == 0
    assert store._writer._db is not None
    store._writer._db.execute(f"PRAGMA {text}").fetchall()


def big(id_: str) -> NewMessage:
    return new(id_, text="x" * 200_000)


async def test_a_full_disk_is_said_and_got_over(plain: SqliteStore) -> None:
    heard: list[Wake] = []
    await bound(plain, new("m"))
    (segment,) = await claim(plain)
    pragma(plain, "max_page_count = 100")
    plain.subscribe(heard.append)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        await plain.accept([big("big")])
    assert "the disk is full" in (plain.unavailable or "")
    assert plain.pending == 0
    with pytest.raises(StoreUnavailable, match="full"):  # at once, without touching the disk
        await plain.record_part(part())
    assert (await seen(plain, "m")).state is MessageState.QUEUED  # reading goes on
    assert len(await claim(plain)) == 1
    heard.clear()
    await until(lambda: plain.unavailable is None)  # the probe is small enough
    assert set(heard) == set(Wake)
    await end(plain, segment, await begin(plain, segment), mr=1)
    with pytest.raises(StoreUnavailable):
        await plain.accept([big("big")])
    pragma(plain, "max_page_count = 1000000")
    await until(lambda: plain.unavailable is None)
    await plain.accept([big("big")])
    assert [m.id for m in (await plain.messages(MessageFilter(), 0, 9)).items] == ["m", "big"]


@contextmanager
def no_file_larger_than(octets: int) -> Iterator[None]:
    """The kernel refuses to write behind that, as on a full quota: EFBIG, at the commit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_commit_that_fails_fails_everybody_in_it(
    plain: SqliteStore, path: Path, clock: FakeClock
) -> None:
    await bound(plain, new("m"))
    (segment,) = await claim(plain)
    size = size_of(f"{path}-wal")
    with no_file_larger_than(size + 4096):
        asked = [plain.accept([new(f"n{n}")]) for n in range(5)]
        done = await asyncio.gather(begin(plain, segment), *asked, return_exceptions=True)
        assert all(isinstance(each, StoreUnavailable) for each in done)
        assert "cannot be read or written" in (plain.unavailable or "")
        await asyncio.sleep(5 * PROBE_S)
        assert plain.unavailable is not None  # the probe fails as well
    await until(lambda: plain.unavailable is None)
    assert (await plain.counts())["queued"] == 1
    await begin(plain, segment)
    await plain.close()
    again = SqliteStore(path, clock, Random(1))
    assert (await again.open(NOW)).uncertain == 1
    await again.close()
    await plain.open(NOW)


async def test_a_read_only_database_is_said_and_got_over(plain: SqliteStore) -> None:
    pragma(plain, "query_only = 1")
    with pytest.raises(StoreUnavailable, match="read-only"):
        await plain.accept([new("m")])
    assert plain.unavailable is not None
    pragma(plain, "query_only = 0")
    await until(lambda: plain.unavailable is None)
    await plain.accept([new("m")])


async def test_another_program_that_holds_the_file_is_said_and_got_over(
    plain: SqliteStore, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another program"):
        await plain.accept([new("m")])
    other.close()
    await until(lambda: plain.unavailable is None)
    await plain.accept([new("m")])


@pytest.fixture
def tiny_disk(place: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a small tmpfs is mounted")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_disk_that_really_is_full(tiny_disk: Path, clock: FakeClock) -> None:
    store = SqliteStore(tiny_disk / "airpost.db", clock, Random(1))
    await store.open(NOW)
    kept = 0

    async def fill() -> None:
        nonlocal kept
        while True:
            await store.accept([new(f"m{kept}")])
            kept += 1

    with pytest.raises(StoreUnavailable, match="full"):
        await fill()
    await store.close()
    again = SqliteStore(tiny_disk / "airpost.db", clock, Random(1))
    await again.open(NOW)
    assert kept > 10
    assert (await again.counts())["queued"] == kept
    await again.close()


async def test_a_place_that_cannot_be_written_is_a_mistake_of_the_config(
    place: Path, clock: FakeClock
) -> None:
    store = SqliteStore(place / "none" / "airpost.db", clock, Random(1))
    with pytest.raises(ConfigError, match=r"store\.url: .*none"):
        await store.open(NOW)
    (place / "airpost.db").mkdir()
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        await store.open(NOW)
    (place / "airpost.db").rmdir()
    await store.open(NOW)  # the lock was given back
    await store.close()


def test_virtual_time_stands_while_the_store_works(place: Path) -> None:
    async def scenario(loop: VirtualLoop) -> list[float]:
        clock = LoopClock(loop.time, NOW)
        store = SqliteStore(place / "airpost.db", clock, Random(1))
        loop.busy["store"] = lambda: store.pending > 0
        await store.open(clock.now())
        times = []
        for n in range(20):
            await store.accept([new(f"m{n}", at=clock.now())])
            times.append(loop.time())
        await bound(store)
        await clock.sleep(3600)
        assert await store.message(MessageId("m3"), None) is not None
        times.append(loop.time())
        await store.close()
        times.append(loop.time())
        return times

    assert run_virtual(scenario) == [0.0] * 20 + [3600.0] * 2


def test_a_store_that_cannot_write_is_probed_in_virtual_time(place: Path) -> None:
    async def scenario(loop: VirtualLoop) -> float:
        clock = LoopClock(loop.time, NOW)
        store = SqliteStore(place / "airpost.db", clock, Random(1))
        loop.busy["store"] = lambda: store.pending > 0
        await store.open(clock.now())
        pragma(store, "query_only = 1")
        with pytest.raises(StoreUnavailable):
            await store.accept([new("m")])
        await clock.sleep(12)
        assert store.unavailable is not None
        pragma(store, "query_only = 0")
        while store.unavailable is not None:
            await clock.sleep(0.5)
        await store.close()
        return loop.time()

    assert 15.0 <= run_virtual(scenario) < 16.0


async def test_a_minute_of_grace_is_a_minute(plain: SqliteStore) -> None:
    await bound(plain, new("m"))
    (segment,) = await claim(plain)
    await lost(plain, segment, grace_s=60)
    due = await plain.next_due(NOW)
    assert due == after(60) == NOW + 60 * SECOND_US


async def test_a_turn_tells_how_many_messages_wait(plain: SqliteStore) -> None:
    await plain.accept([new("a"), new("b"), new("later", not_before=after(60))])
    assert await plain.turn() == 2
    await bound(plain, new("c"))
    assert await plain.turn() == 3
    (segment,) = await claim(plain)
    await sent(plain, segment, mr=1)
    assert await plain.turn() == 2


@pytest.mark.parametrize("which", ["_writer", "_reader"])
async def test_a_turn_waits_for_both_threads(plain: SqliteStore, which: str) -> None:
    gate = threading.Event()
    getattr(plain, which).ask(lambda _: gate.wait(60), urgent=True)
    turn = spawn(plain.turn(), name="turn")
    await asyncio.sleep(0.05)
    assert not turn.done()
    gate.set()
    assert await turn == 0


async def test_a_turn_is_answered_while_the_disk_is_full(
    plain: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_tx: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(plain._writer, "probe", full)
    with pytest.raises(StoreUnavailable):
        await plain._writer.ask(full, urgent=True)
    assert plain.unavailable is not None
    assert await plain.turn() == 0


async def test_what_several_modems_received_shares_a_commit(
    plain: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No modem stands still for it, and a commit each would hold up what is sent."""
    monkeypatch.setattr("airpost.store.writer.BATCH_S", 60.0)
    told: list[Wake] = []
    plain.subscribe(told.append)
    gate = threading.Event()
    blocker = plain._writer.ask(lambda _: gate.wait(60), urgent=True)
    taken = [
        spawn(plain.record_part(part(b"%d" % n, scts=b"\x62\x10\x20\x30\x40\x51" + bytes((n,)))),
              name="part")
        for n in range(8)
    ]  # fmt: skip
    await asyncio.sleep(0)  # each has asked
    gate.set()
    await blocker
    assert all(each.inbound for each in await asyncio.gather(*taken))
    assert told.count(Wake.INBOUND) == 1


async def test_a_run_that_has_lost_its_lock_writes_nothing_more(
    plain: SqliteStore, path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody removed the file of the lock, and another run has the store since."""
    await bound(plain, new("m"))
    (segment,) = await claim(plain)
    await begin(plain, segment)
    path.with_name("airpost.db.lock").unlink()
    other = SqliteStore(path, clock, Random(2))
    try:
        assert (await other.open(NOW)).uncertain == 1
        with pytest.raises(StoreUnavailable, match="another airpost has taken the store"):
            await plain.accept([new("late")])
        assert plain.died is not None
        assert "store.lost" in caplog.text
        await other.accept([new("here")])
        found = await seen(other, "m")
        assert found.state is MessageState.UNCERTAIN
        assert await other.message(MessageId("late"), None) is None
    finally:
        await other.close()


async def test_after_damage_an_older_copy_is_not_gone_on_with(
    plain: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it holds may have gone out since: a start finds that, and asks a person."""
    await plain._writer.ask(checkpoint, urgent=True)
    older = octets_of(path)
    await plain.accept([new("m")])
    await plain._writer.ask(checkpoint, urgent=True)
    newer = octets_of(path)
    for octets in (newer, older):
        overwrite(path, b"damaged")
        with pytest.raises(StoreUnavailable, match=r"damaged|not a database"):
            await plain._writer.ask(counted, urgent=True)
        overwrite(path, octets)
        if octets is newer:
            await plain._probe()
            assert await plain._writer.ask(counted, urgent=True) == 1
            await plain._writer.ask(checkpoint, urgent=True)
    with pytest.raises(StoreUnavailable, match="an older copy"):
        await plain._probe()
    assert plain.died is not None
    assert "store.lost" in caplog.text


@pytest.mark.parametrize("away", [False, True])
async def test_the_start_after_an_older_copy_holds_what_waits_in_it(
    plain: SqliteStore, path: Path, clock: FakeClock, *, away: bool
) -> None:
    """Begun with a commit of its own, what went out stands in no journal."""
    await bound(plain, new("m"), new("waits"))
    segment, _ = await claim(plain)
    await plain._writer.ask(checkpoint, urgent=True)
    older = octets_of(path)
    await sent(plain, segment, 1)
    await plain._writer.ask(checkpoint, urgent=True)
    elsewhere = path.with_name("away.db")
    if away:
        move(path, elsewhere)
    else:
        overwrite(path, b"damaged")
    with pytest.raises(StoreUnavailable, match=r"damaged|not a database|put that file back"):
        await plain._writer.ask(counted, urgent=True)
    overwrite(elsewhere if away else path, older)
    if away:
        move(elsewhere, path)
    await until(lambda: plain.died is not None)
    assert "an older copy" in str(plain.died)
    await plain.close()
    store = SqliteStore(path, clock, Random(2))
    await store.open(after(100))
    assert [(await seen(store, each)).reason for each in ("m", "waits")] == ["restored"] * 2
    assert await claim(store, after(200)) == []
    await store.close()


async def test_what_else_fails_after_damage_does_not_spare_the_file_the_look(
    plain: SqliteStore, path: Path
) -> None:
    """A disk that wears out damages a file, and cannot be read at the next try."""

    def worn(_tx: object) -> None:
        raise StoreUnavailable("the disk cannot be read or written")

    await plain._writer.ask(checkpoint, urgent=True)
    older = octets_of(path)
    await plain.accept([new("m")])
    await plain._writer.ask(checkpoint, urgent=True)
    overwrite(path, b"damaged")
    with pytest.raises(StoreUnavailable, match=r"damaged|not a database"):
        await plain._writer.ask(counted, urgent=True)
    overwrite(path, older)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await plain._writer.ask(worn, urgent=True)
    await until(lambda: plain.unavailable is None or plain.died is not None)
    assert "an older copy" in str(plain.died)


async def test_a_database_of_somebody_elses_is_waited_out_as_damage_is(
    plain: SqliteStore, path: Path
) -> None:
    """It is sound, and has none of our tables."""
    await plain.accept([new("m")])
    await plain._writer.ask(checkpoint, urgent=True)
    sound = octets_of(path)
    other = path.with_name("other.db")
    _empty_database(other)
    overwrite(path, b"damaged")
    with pytest.raises(StoreUnavailable, match=r"damaged|not a database"):
        await plain._writer.ask(counted, urgent=True)
    overwrite(path, octets_of(other))
    await until(lambda: "no such table" in str(plain.unavailable))
    await asyncio.sleep(2 * PROBE_S)
    overwrite(path, sound)
    await until(lambda: plain.unavailable is None)
    assert await plain._writer.ask(counted, urgent=True) == 1


def _empty_database(path: Path) -> None:
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = wal; CREATE TABLE other (a)")
    db.close()


async def test_after_damage_what_does_not_fit_together_is_not_gone_on_with(
    plain: SqliteStore, path: Path
) -> None:
    """Pages of one age and of another may be sound, each for itself."""
    await plain.accept([new("message one", text="hello")])
    await plain._writer.ask(checkpoint, urgent=True)
    sound = octets_of(path)
    overwrite(path, b"damaged")
    with pytest.raises(StoreUnavailable, match=r"damaged|not a database"):
        await plain._writer.ask(counted, urgent=True)
    overwrite(path, sound.replace(b"message one", b"message two", 1))
    with pytest.raises(StoreUnavailable, match="missing from index"):
        await plain._probe()
    assert "missing from index" in str(plain.unavailable)
    overwrite(path, sound)
    await plain._probe()
    assert await plain._writer.ask(counted, urgent=True) == 1


async def test_a_store_by_a_link_is_the_file_it_leads_to(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its number changes while it is open, as on some file systems."""
    link = path.with_name("link.db")
    link.symlink_to(path.with_name("real.db"))
    store = SqliteStore(link, clock, Random(2))
    await store.open(NOW)
    await store.accept([new("m")])
    monkeypatch.setattr(store._writer._place, "_identity", (0, 0))
    await store.accept([new("further")])
    assert store.died is None
    await store.close()
