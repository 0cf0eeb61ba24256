"""What a start finds from the run before: for every store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from airpost.model import MessageId, OnUncertain
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Store
from airpost.store.journal import AirJournal, new_nonce
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    G1,
    G2,
    HOUR,
    NOW,
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
    seen,
    sent,
    settlement,
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
    dead: Killed, begun: bool
) -> None:
    await dead.run(ended=True, begun=begun)
    assert await dead.again(OTHER_BOOT) == (1, [M.SENT, M.UNCERTAIN, M.QUEUED])


NO_PROOF = ["gone", "empty", "torn", "of another run", "of another time", "of another result"]


@pytest.mark.parametrize("how", NO_PROOF)
async def test_a_journal_that_is_no_proof(dead: Killed, place: Path, how: str) -> None:
    await dead.run(ended=False, begun=True)
    octets = dead.journal.read_bytes()
    if how == "gone":
        dead.journal.unlink()
    elif how == "empty":
        dead.journal.write_bytes(b"")
    elif how == "torn":
        dead.journal.write_bytes(octets[:4100] + b"\xff" + octets[4101:])
    elif how == "of another run":
        AirJournal(dead.path, boot=BOOT).create(new_nonce())
    else:  # the file of the store was put back to what it was; the journal tells of later attempts
        nonce = octets[8:24]
        later = AirJournal(dead.path, boot=BOOT)
        later.create(nonce)
        if how == "of another time":
            later.begun("gate-1", 99, after(5))
        else:
            later.ended("gate-1", 99, 7, after(5))
    assert await dead.again() == (2, [M.UNCERTAIN, M.UNCERTAIN, M.QUEUED])


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
    assert await store.follow((), intent_of(segment)) is None
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
