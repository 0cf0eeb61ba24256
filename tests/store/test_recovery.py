"""What a start finds from the run before: for every store."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.model import MessageId, OnUncertain
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Binding, Store
from airpost.store.journal import AirJournal, new_nonce
from airpost.store.keeping import Keep, Retention
from airpost.store.recovery import INTERRUPTED, UNPROVED
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    DAY,
    G1,
    G2,
    HOUR,
    NOW,
    SIM1,
    SIM2,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    intent_of,
    killed,
    lost,
    moves,
    new,
    prepare,
    report,
    seen,
    sent,
    settlement,
    stamp,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_everything_is_there_after_a_restart(store: Store, make: Make) -> None:
    await bound(store, new("air", 2), new("bound"), new("half", 2))
    air, _, _, half, _ = await claim(store)
    await begin(store, air)
    await sent(store, half, 1)
    before = await store.events(0, 100)
    await store.close()
    again = make()
    found = await again.open(after(100))
    assert (found.uncertain, found.unbound) == (1, 1)
    assert [p.state for p in (await seen(again, "air")).parts] == [S.UNCERTAIN, S.QUEUED]
    assert (await seen(again, "air")).parts[0].outcome is not None
    assert (await seen(again, "bound")).modem is None
    assert (await seen(again, "half")).modem == G1
    assert (await again.events(0, 100)).items[: len(before.items)] == before.items
    assert await again.next_due(NOW) == after(160)  # grace begins with the start
    assert (await again.sweep(after(160))).resent == 1
    await again.close()


async def test_every_lane_leaves_at_most_its_one_segment(store: Store, make: Make) -> None:
    await bound(store, new("a", 3), new("b"))
    await bound(store, new("c", 2), lane=G2, sim=SIM2)
    one, *_ = await claim(store)
    other, _ = await claim(store, lane=G2)
    await begin(store, one)
    await begin(store, other, lane=G2, sim=SIM2)
    await store.close()
    again = make()
    assert (await again.open(after(9))).uncertain == 2
    # Half out: bound to its lane still; its waiting parts may follow there.
    assert [c.message_id for c in await claim(again, after(9))] == ["a", "a"]
    await again.close()


async def test_what_was_settled_is_left_alone(store: Store, make: Make) -> None:
    await bound(store, new("sent"), new("lost"), new("retry"), new("barred"))
    gone, silent, retry, barred = await claim(store)
    await sent(store, gone, 1)
    await lost(store, silent)
    await end(store, retry, await begin(store, retry), E.TRANSIENT, retry_at=after(5))
    await end(store, barred, await begin(store, barred), E.PERMANENT)
    before = [await seen(store, id_) for id_ in ("sent", "lost", "barred")]
    await store.close()
    again = make()
    found = await again.open(after(9))
    assert (found.uncertain, found.unbound) == (0, 1)
    assert [await seen(again, id_) for id_ in ("sent", "lost", "barred")] == before
    assert [w.id for w in await again.backlog(after(9), 9, [], ["default"])] == ["retry"]
    await again.close()


async def test_a_held_message_in_doubt_stays_in_doubt(store: Store, make: Make) -> None:
    await bound(store, new("m", on_uncertain=OnUncertain.HOLD))
    (segment,) = await claim(store)
    await begin(store, segment)
    await store.close()
    again = make()
    await again.open(after(9))
    assert (await again.sweep(after(HOUR))).resent == 0
    found = await seen(again, "m")
    assert (found.state, found.reason) == (M.UNCERTAIN, "airpost ended while this was on the air")
    await again.close()


# -- what the air journal tells --------------------------------------------------------------------
class Killed:
    """A store that was killed with one segment on the air and the next one prepared."""

    def __init__(self, place: Path, clock: FakeClock) -> None:
        self.path = place / "airpost.db"
        self.clock = clock
        self.journal = place / "airpost.db-air"

    def store(self, boot: bytes | None = None) -> SqliteStore:
        made = SqliteStore(self.path, self.clock, Random(1))
        made._journal = AirJournal(self.path, boot=boot or BOOT)
        return made

    async def run(self, *, ended: bool, begun: bool) -> None:
        store = self.store()
        await store.open(NOW)
        await bound(store, new("air"), new("next"), new("third"))
        air, following, _ = await claim(store)
        attempt = await begin(store, air)
        made = await prepare(store, following)
        if ended:
            assert store.ended(settlement(air, attempt, mr=7, at=after(1)), G1)
        if begun:
            assert store.begin(made) is not None
        await killed(store)

    async def again(self, boot: bytes | None = None) -> tuple[int, list[MessageState]]:
        """(uncertain, states) as the next start finds them."""
        store = self.store(boot)
        found = await store.open(after(9))
        states = [(await seen(store, id_)).state for id_ in ("air", "next", "third")]
        await store.close()
        return found.uncertain, states


BOOT, OTHER_BOOT = b"b" * 16, b"c" * 16
BINDING = Binding(message_seq=0, lane=G1, sim_id=SIM1, reason="test")


@pytest.fixture
def dead(place: Path, clock: FakeClock) -> Killed:
    return Killed(place, clock)


@pytest.mark.parametrize(
    ("ended", "begun", "uncertain", "states"),
    [
        (False, False, 1, [M.UNCERTAIN, M.QUEUED, M.QUEUED]),
        (True, False, 0, [M.SENT, M.QUEUED, M.QUEUED]),
        (True, True, 1, [M.SENT, M.UNCERTAIN, M.QUEUED]),
    ],
)
async def test_kill_9_leaves_one_in_doubt(
    dead: Killed, ended: bool, begun: bool, uncertain: int, states: list[MessageState]
) -> None:
    await dead.run(ended=ended, begun=begun)
    assert await dead.again() == (uncertain, states)
    assert await dead.again() == (0, states)


async def test_a_result_that_is_told_may_settle_what_else_was_on_the_air(dead: Killed) -> None:
    """By a report that had waited for it: what was prepared is taken for begun meanwhile."""
    store = dead.store()
    await store.open(NOW)
    await bound(store, new("before"), new("doubted"), new("air"))
    before, doubted, air = await claim(store)
    await sent(store, before, 6, after(-9))
    silent = await begin(store, doubted)
    await end(store, doubted, silent, E.UNKNOWN, at=after(38), grace_until=after(43))
    attempt = await begin(store, air, at=after(38))
    assert (await store.sweep(after(43))).resent == 1
    waits = report(7, scts=stamp(37), received_at=after(44))
    assert (await store.record_report(waits)).message_id is None  # it may be of either
    (again,) = [each for each in await claim(store, after(45)) if each.message_id == "doubted"]
    await prepare(store, again, after(51))
    assert store.ended(settlement(air, attempt, mr=8, at=after(71)), G1)
    await killed(store)
    store = dead.store(OTHER_BOOT)
    assert (await store.open(after(75))).uncertain == 0
    assert [(await seen(store, id_)).state for id_ in ("doubted", "air")] == [M.DELIVERED, M.SENT]
    await store.close()


async def test_what_is_told_keeps_its_reference_and_time(dead: Killed) -> None:
    await dead.run(ended=True, begun=True)
    store = dead.store()
    await store.open(after(9))
    found = await seen(store, "air")
    assert (found.parts[0].reference, found.sent_at) == (7, after(1))
    assert await moves(store, "next") == [
        (None, "queued"), ("queued", "sending"), ("sending", "uncertain"),
    ]  # fmt: skip
    await store.close()


@pytest.mark.parametrize("begun", [False, True])
async def test_after_a_power_loss_what_is_prepared_may_have_begun(
    dead: Killed, caplog: pytest.LogCaptureFixture, begun: bool
) -> None:
    await dead.run(ended=True, begun=begun)
    assert await dead.again(OTHER_BOOT) == (1, [M.SENT, M.UNCERTAIN, M.QUEUED])
    store = dead.store()
    await store.open(after(9))
    reason = (await seen(store, "next")).reason
    await store.close()
    told = [each.getMessage() for each in caplog.records if "unproved" in each.getMessage()]
    if begun:  # the journal tells that it has, whatever else it does not prove
        assert (reason, told) == (INTERRUPTED.text, [])
    else:  # people are told what to look at, and nothing that is not known
        assert reason == UNPROVED.text
        assert ["parts=1" in each and "messages --uncertain" in each for each in told] == [True]


async def test_after_a_power_loss_what_was_given_back_has_not_begun(dead: Killed) -> None:
    store = dead.store()
    await store.open(NOW)
    await bound(store, new("given back"))
    made = await prepare(store, (await claim(store))[0])
    store._ahead.take(made.segment_id)  # by a request that came to nothing: its row stays
    assert await store.release(G1, NOW, 300) == 1
    assert store.begin(made) is None
    await killed(store)
    again = dead.store(OTHER_BOOT)
    assert (await again.open(after(9))).uncertain == 0
    assert (await seen(again, "given back")).state is M.QUEUED
    await again.close()


async def test_a_bind_that_is_lost_with_the_power_leaves_its_message_waiting(dead: Killed) -> None:
    wal = dead.path.with_name("airpost.db-wal")
    store = dead.store()
    await store.open(NOW)
    await store.accept([new("m")])
    on_disk = dead.path.read_bytes(), wal.read_bytes()
    (waits,) = await store.backlog(NOW, 9, [], ["default"])
    assert await store.bind([replace(BINDING, message_seq=waits.seq)]) == 1
    told = [each.seq for each in (await store.events(0, 99)).items]
    await killed(store)
    dead.path.write_bytes(on_disk[0])
    wal.write_bytes(on_disk[1])
    dead.path.with_name("airpost.db-shm").unlink(missing_ok=True)
    again = dead.store(OTHER_BOOT)
    await again.open(after(9))
    (waits,) = await again.backlog(after(9), 9, [], ["default"])
    assert await again.bind([replace(BINDING, message_seq=waits.seq)]) == 1
    later = [each.seq for each in (await again.events(0, 99)).items]
    assert later[: len(told) - 1] == told[:-1]
    assert later[len(told) - 1] > told[-1]  # another event has another number
    assert [each.message_id for each in await claim(again, after(9))] == ["m"]
    await again.close()


@pytest.mark.parametrize("how", ["empty", "torn"])
async def test_a_journal_that_is_no_proof(dead: Killed, how: str) -> None:
    await dead.run(ended=False, begun=True)
    octets = dead.journal.read_bytes()
    torn = b"" if how == "empty" else octets[:4100] + b"\xff" + octets[4101:]
    dead.journal.write_bytes(torn)
    assert await dead.again() == (2, [M.UNCERTAIN, M.UNCERTAIN, M.QUEUED])


PUT_BACK = ["gone", "of another run", "of another time", "of another result"]


@pytest.mark.parametrize("how", PUT_BACK)
async def test_a_journal_of_a_later_time_tells_that_the_store_was_put_back(
    dead: Killed, how: str
) -> None:
    await dead.run(ended=False, begun=True)
    nonce = dead.journal.read_bytes()[8:24]
    if how == "gone":
        dead.journal.unlink()
    elif how == "of another run":
        AirJournal(dead.path, boot=BOOT).create(new_nonce())
    else:
        later = AirJournal(dead.path, boot=BOOT)
        later.create(nonce)
        if how == "of another time":
            later.begun("gate-1", 99, after(5))
        else:
            later.ended("gate-1", 99, 7, after(5))
    assert await dead.again() == (0, [M.UNCERTAIN] * 3)
    assert await dead.again() == (0, [M.UNCERTAIN] * 3)


# -- a copy put in place by hand -----------------------------------------------------------------
class Box:
    """A store with one message that waits, of which a copy is taken with cp(1)."""

    def __init__(self, place: Path, clock: FakeClock) -> None:
        self.place = place / "box"
        self.place.mkdir()
        self.clock = clock
        self.copy = place / "copy.db"

    def store(self, place: Path | None = None) -> SqliteStore:
        return SqliteStore((place or self.place) / "airpost.db", self.clock, Random(1))

    def take_copy(self) -> None:
        """The log is in the file: it was closed, or is emptied now."""
        path = self.place / "airpost.db"
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        shutil.copy(path, self.copy)

    async def run(self, *, copy: bool = False, send: bool = False) -> None:
        """One run: the copy is taken in it, then what waits goes out."""
        store = self.store()
        await store.open(self.clock.now())
        if copy:
            await store.accept([new("m", want_report=False)])
            self.take_copy()
        if send:
            await goes_out(store, "m")
        await store.close()

    async def state(self, place: Path | None = None) -> tuple[MessageState, str | None]:
        """Of the message, as the next start finds it, and the one after that."""
        for _ in range(2):
            store = self.store(place)
            await store.open(after(99))
            found = await seen(store, "m")
            await store.close()
        return found.state, found.reason


async def goes_out(store: SqliteStore, id_: str) -> None:
    seq = (await seen(store, id_)).seq
    await store.bind([Binding(message_seq=seq, lane=G1, sim_id=SIM1, reason="test")])
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    assert store.ended(settlement(segment, attempt, mr=1, at=after(1)), G1)
    await end(store, segment, attempt, E.TAKEN, mr=1)


@pytest.fixture
def box(place: Path, clock: FakeClock) -> Box:
    return Box(place, clock)


@pytest.mark.parametrize("runs", [0, 1, 2])
async def test_a_copy_put_back_is_held_after_however_many_runs(box: Box, runs: int) -> None:
    await box.run()
    await box.run(copy=True, send=True)
    for _ in range(runs):
        await box.run()
    shutil.copy(box.copy, box.place / "airpost.db")
    assert await box.state() == (M.UNCERTAIN, "restored")


@pytest.mark.parametrize("set_by_another", [True, False])
async def test_a_copy_put_back_while_nobody_has_set_the_clock_proves_nothing(
    box: Box, set_by_another: bool
) -> None:
    await box.run(copy=True, send=True)
    with closing(sqlite3.connect(box.copy)) as db:
        db.execute("UPDATE message SET not_before = ?", (after(500),))
        db.commit()
    shutil.copy(box.copy, box.place / "airpost.db")
    store = box.store()
    store.clock_trusted = set_by_another
    await store.open(after(99))
    assert await store.keeping.release_restored([], "anna") == 1
    assert (await seen(store, "m")).possible_duplicates == (not set_by_another)
    await store.close()


async def test_a_copy_on_another_box_is_held(box: Box, place: Path) -> None:
    await box.run(copy=True, send=True)
    other = place / "other"
    other.mkdir()
    shutil.copy(box.copy, other / "airpost.db")
    assert await box.state(other) == (M.UNCERTAIN, "restored")


async def test_what_is_new_goes_at_once_and_the_rest_when_it_is_released(box: Box) -> None:
    await box.run(copy=True, send=True)
    shutil.copy(box.copy, box.place / "airpost.db")
    store = box.store()
    await store.open(after(99))
    await store.accept([new("fresh", at=after(99))])
    assert [each.id for each in await store.backlog(after(99), 9, [], ["default"])] == ["fresh"]
    assert await store.keeping.release_restored([], "anna") == 1
    assert len(await store.backlog(after(99), 9, [], ["default"])) == 2
    await store.close()


QUEUED = (M.QUEUED, None)


def ends(_journal: AirJournal, _nonce: bytes) -> None:
    raise OSError(5, "as if the process had ended")


async def test_a_folder_that_was_moved_is_the_same_store(box: Box, place: Path) -> None:
    await box.run(copy=True)
    moved = place / "moved"
    box.place.rename(moved)
    assert await box.state(moved) == QUEUED
    elsewhere = place / "elsewhere"  # as mv(1) does it to another disk
    shutil.copytree(moved, elsewhere)
    shutil.rmtree(moved)
    assert await box.state(elsewhere) == QUEUED


@pytest.mark.parametrize("runs", [1, 3])
async def test_an_end_before_the_journal_is_made_is_no_restore(
    box: Box, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the machine: the new number is in the store, the old journal in the folder."""

    for first in (True, False):
        await box.run(copy=first)
        monkeypatch.setattr(AirJournal, "create", ends)
        for _ in range(runs):
            await box.run()
        monkeypatch.undo()
        assert await box.state() == QUEUED


async def test_an_end_before_the_store_knows_of_the_journal_is_no_restore(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.run(copy=True)
    monkeypatch.setattr("airpost.store.recovery.keep_journal", lambda *_: None)
    await box.run()
    await box.run()
    monkeypatch.setattr(AirJournal, "create", ends)
    await box.run()
    monkeypatch.undo()
    assert await box.state() == QUEUED


async def test_what_was_pruned_is_no_restore(box: Box) -> None:
    """The journal of a run tells of attempts whose messages have gone since."""
    await box.run(copy=True)
    store = box.store()
    await store.open(NOW)
    await goes_out(store, "m")
    gone = await store.keeping.prune(Retention(messages=Keep(records_d=1)), after(99 * DAY))
    assert gone.messages == 1
    await store.accept([new("m2")])
    await store.close()
    store = box.store()
    await store.open(after(99))
    assert (await seen(store, "m2")).state is M.QUEUED
    await store.close()


async def test_a_cancelled_one_is_no_more_in_doubt_than_any(dead: Killed) -> None:
    store = dead.store()
    await store.open(NOW)
    await bound(store, new("air"), new("next"), new("third"))
    await prepare(store, (await claim(store))[0])
    await store.cancel(MessageId("air"), None, "test")
    await killed(store)
    assert await dead.again(OTHER_BOOT) == (0, [M.CANCELLED, M.QUEUED, M.QUEUED])


async def test_without_a_journal_nothing_is_prepared(
    dead: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_journal: AirJournal, _nonce: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AirJournal, "create", full)
    store = dead.store()
    await store.open(NOW)
    await bound(store, new("m"))
    (segment,) = await claim(store)
    assert await store.follow((), [intent_of(segment)]) == []
    assert not store.ended(settlement(segment, 1, mr=1), G1)
    await sent(store, segment, 1)
    await store.close()


async def test_a_record_that_is_refused_begins_nothing(
    dead: Killed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int, _octets: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    store = dead.store()
    await store.open(NOW)
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    monkeypatch.setattr("airpost.store.journal.os.pwrite", full)
    assert store.begin(made) is None
    assert await begin(store, segment) > made.attempt_id
    monkeypatch.undo()
    await store.close()
