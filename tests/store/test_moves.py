"""Whatever happens in whatever order: the states stay what the table and the fold say."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpost.clock import Instant
from airpost.errors import StaleTransition
from airpost.model import Claimed, Lane, Message, MessageClass, MessageId, OnUncertain, SimId
from airpost.states import (
    FINAL_STATES,
    GIVEN_UP,
    SEGMENT,
    MessageState,
    SegmentEvent,
    SegmentState,
    fold,
    sources,
)
from airpost.store import moves
from airpost.store.api import Binding, Intent, MessageFilter, Settlement
from airpost.store.migrations import connect, migrate
from airpost.store.moves import SegmentRow
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Tx
from tests.store.values import (
    ARRIVED,
    LOST,
    NOW,
    TRYING,
    FakeClock,
    after,
    folder,
    new,
    report,
    settlement,
)

S, E = SegmentState, SegmentEvent
LANES = (Lane("g1"), Lane("g2"))
WAITS_S = (1, 20, 90, 400, 4000, 90_000, 300_000)
REPORTS = (
    {"status": 0, "delivered": True, "outcome": ARRIVED},
    {"status": 65, "delivered": False, "outcome": LOST},
    {"status": 70, "delivered": False, "expired": True, "outcome": LOST},
    {"status": 32, "delivered": None, "outcome": TRYING},
)
LEGAL = {(a.value, b.value) for a, row in SEGMENT.items() for b in row.values()}


@dataclass(slots=True)
class World:
    """A store and what the lanes know."""

    store: SqliteStore
    clock: FakeClock
    made: int = 0
    reports: int = 0
    on_air: dict[Lane, tuple[Claimed, int]] = field(default_factory=dict)
    silent: list[tuple[Claimed, int]] = field(default_factory=list)
    mrs: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    sims: dict[Lane, SimId] = field(default_factory=lambda: {x: SimId(f"sim {x}") for x in LANES})

    @property
    def now(self) -> Instant:
        return self.clock.now()

    async def accept(self, n: int) -> None:
        self.made += 1
        await self.store.accept([new(
            f"m{self.made}", 1 + n % 3, at=self.now, class_=tuple(MessageClass)[n % 4],
            want_report=n % 5 > 0,
            on_uncertain=OnUncertain.HOLD if n % 7 == 0 else OnUncertain.RESEND,
            not_before=after(60, self.now) if n % 6 == 0 else None,
            expires_at=after(3600 if n % 2 else 86_400, self.now),
        )])  # fmt: skip

    async def bind(self, n: int) -> None:
        lane = LANES[n % 2]
        found = await self.store.backlog(self.now, 2, LANES, ["default"])
        sim = self.sims[lane]
        await self.store.bind(
            [Binding(message_seq=w.seq, lane=lane, sim_id=sim, reason="r") for w in found]
        )

    async def turn(self, n: int) -> None:
        """What the lane has on the air ends, and the next begins."""
        lane = LANES[n % 2]
        done: Settlement | None = None
        if lane in self.on_air:
            segment, attempt = self.on_air.pop(lane)
            event = (E.TAKEN, E.TAKEN, E.UNKNOWN, E.TRANSIENT, E.PERMANENT)[n % 5]
            self.mrs[lane] = (self.mrs[lane] + 1) % 256
            done = settlement(
                segment, attempt, event, self.mrs[lane] if event is E.TAKEN else None, self.now,
                retry_at=after(30, self.now), grace_until=after(60, self.now),
            )  # fmt: skip
            if event is E.UNKNOWN:
                self.silent.append((segment, attempt))
        claimed = await self.store.claim(lane, self.now, 4)
        if not claimed:
            await self.store.air(done, None)
            return
        intent = Intent(
            segment_id=claimed[0].segment_id, lane=lane, sim_id=self.sims[lane], tpdu=b"x",
            begun_at=self.now,
        )  # fmt: skip
        result = await self.store.air(done, intent)
        if result.attempt_id is not None:
            self.on_air[lane] = (claimed[0], result.attempt_id)

    async def late(self, n: int) -> None:
        if self.silent:
            segment, attempt = self.silent[n % len(self.silent)]
            event = (E.LATE, E.LATE_TRANSIENT, E.LATE_PERMANENT)[n % 3]
            done = settlement(
                segment, attempt, event, n % 256 if event is E.LATE else None, self.now,
                retry_at=after(30, self.now),
            )  # fmt: skip
            await self.store.air(done, None)

    async def report(self, n: int) -> None:
        self.reports += 1
        lane = LANES[n % 2]
        mr = (self.mrs[lane] - n % 4 + 1) % 256
        await self.store.record_report(report(
            mr, lane=lane, sim_id=self.sims[lane], received_at=self.now,
            done_at=Instant(self.now - self.reports), **REPORTS[n % 11 % 4],
        ))  # fmt: skip

    async def cancel(self, n: int) -> None:
        if self.made:
            await self.store.cancel(MessageId(f"m{1 + n % self.made}"), None, "test")

    async def release(self, n: int) -> None:
        await self.store.release(LANES[n % 2], self.now, 300)

    async def swap(self, n: int) -> None:
        self.sims[LANES[n % 2]] = SimId(f"sim {n}")

    async def wait(self, n: int) -> None:
        self.clock.at = after(WAITS_S[n % len(WAITS_S)], self.now)
        await self.store.sweep(self.now)
        due = await self.store.next_due(self.now)
        assert due is None or due > self.now

    async def restart(self, _: int) -> None:
        await self.store.close()
        found = await self.store.open(self.now)
        assert found.uncertain == len(self.on_air)
        self.silent += self.on_air.values()
        self.on_air.clear()


OPS = ("accept", "bind", "turn", "turn", "turn", "late", "report", "report", "cancel", "release",
       "swap", "wait", "wait", "restart")  # fmt: skip
FLAWS = {
    "queued, though an attempt is known to have been taken": """
        SELECT s.id FROM segment s JOIN attempt a ON a.segment_id = s.id
        WHERE s.current = 1 AND s.state = 'queued' AND a.outcome_class = 'ok'""",
    "queued in an older transmission": "SELECT id FROM segment WHERE current = 0 AND "
    "state IN ('queued', 'sending')",
    "more than one resend": "SELECT id FROM segment WHERE resends > 1",
    "on the air without an open attempt, or the other way round": """
        SELECT s.id FROM segment s WHERE (s.state = 'sending') > EXISTS
        (SELECT 1 FROM attempt a WHERE a.segment_id = s.id AND a.ended_at IS NULL)""",
    "open, yet nothing to do": """
        SELECT m.seq FROM message m WHERE m.open <> EXISTS (SELECT 1 FROM segment s WHERE
        s.message_seq = m.seq AND s.current = 1 AND s.state IN ('queued', 'sending'))""",
    "waiting for something, though final": "SELECT id FROM segment WHERE final = 1 AND "
    "(grace_until IS NOT NULL OR deadline_at IS NOT NULL)",
    "for ever unsettled": "SELECT id FROM segment WHERE final = 0 AND deadline_at IS NULL AND "
    "state IN ('sent', 'uncertain')",
    "a body that is missing": "SELECT id FROM segment WHERE ud_body NOT IN (SELECT id FROM body)",
}


async def check(world: World, db: sqlite3.Connection) -> None:
    for flaw, query in FLAWS.items():
        assert db.execute(query).fetchall() == [], flaw
    for message in (await world.store.messages(MessageFilter(), 0, 100)).items:
        states = [each.state for each in message.parts]
        waiting = message.state is MessageState.ACCEPTED
        made = fold(states, waiting=waiting)
        if made is not MessageState.CANCELLED or message.state not in GIVEN_UP:
            assert message.state is made
        else:  # what had failed came after all: the rest was given up, and nobody cancelled it
            assert {*states} != {S.CANCELLED}
        last: defaultdict[str, str | None] = defaultdict(lambda: None)
        for event in await world.store.message_events(message.id):
            if event.from_ is None and event.to is None:  # begins again: the parts are new ones
                last = defaultdict(lambda: None, {"message": last["message"]})
                continue
            before = last[event.subject]
            if event.subject == "message":
                assert event.from_ == before
            else:
                assert event.from_ == event.to or (event.from_, event.to) in LEGAL
                if event.from_ != (before or "queued"):
                    assert message.possible_duplicates  # of an older transmission: it takes reports
                    continue
            last[event.subject] = event.to
        assert last["message"] == message.state.value
        if {*states} <= {S.SENT, S.DELIVERED}:
            assert one_sim_sent_all(db, message), "the handset cannot join parts of two senders"


def one_sim_sent_all(db: sqlite3.Connection, message: Message) -> bool:
    """True when there is a SIM by which every part went out, or may have."""
    sims: list[set[str]] = [set() for _ in message.parts]
    for seq, sim in db.execute(
        "SELECT s.seq, a.sim_id FROM segment s JOIN attempt a ON a.segment_id = s.id "
        "WHERE s.message_seq = ? AND s.current = 1 AND a.outcome_class IN ('ok', 'unknown')",
        (message.seq,),
    ):
        sims[seq - 1].add(sim)
    return bool(set.intersection(*sims))


async def play(path: Path, ops: list[tuple[str, int]]) -> None:
    clock = FakeClock()
    store = SqliteStore(path / "airpost.db", clock, Random(1))
    await store.open(NOW)
    world = World(store, clock)
    db = sqlite3.connect(f"file:{path}/airpost.db?mode=ro", uri=True)
    try:
        for name, n in ops:
            await getattr(world, name)(n)
            await check(world, db)
        assert store.pending == 0
    finally:
        db.close()
        await store.close()


@pytest.mark.slow
@settings(max_examples=60)
@given(ops=st.lists(st.tuples(st.sampled_from(OPS), st.integers(0, 1000)), min_size=5, max_size=60))
def test_the_states_hold_whatever_happens(ops: list[tuple[str, int]]) -> None:
    with folder() as path:
        asyncio.run(play(path, [("accept", 1), ("bind", 0), ("turn", 0), *ops]))


# -- one move ------------------------------------------------------------------------------------
@pytest.fixture
def tx(place: Path) -> Any:
    migrate(place / "a.db")
    db = connect(place / "a.db")
    db.execute(
        "INSERT INTO message (seq, id, owner, number, class, rank, state, open, final, encoding, "
        "parts, want_report, on_uncertain, created_at, expires_at, outlet) VALUES (1, 'm', 'o', "
        "'1', 'normal', 2, 'queued', 1, 0, 'gsm7', 1, 1, 'hold', 0, 0, 'route default')"
    )
    db.execute(
        "INSERT INTO segment (id, message_seq, transmission_id, current, seq, state, pid, dcs, "
        "udh, udl, ud_body, expires_at) VALUES (1, 1, 1, 1, 1, 'queued', 0, 0, x'', 0, 1, 0)"
    )
    yield Tx(db, Random(1))
    db.close()


def row_of(tx: Tx) -> SegmentRow:
    found = moves.segment_row(tx, 1)
    assert found is not None
    return found


@pytest.mark.parametrize("state", SegmentState)
@pytest.mark.parametrize("event", SegmentEvent)
def test_a_move_is_as_the_table_says_or_refused(
    tx: Tx, state: SegmentState, event: SegmentEvent
) -> None:
    tx.db.execute("UPDATE segment SET state = ?", (state.value,))
    row = row_of(tx)
    if state not in sources(event):
        with pytest.raises(StaleTransition):
            moves.move(tx, row, event, NOW, "why", "me")
        assert tx.db.execute("SELECT count(*) FROM event").fetchone() == (0,)
        return
    moved = moves.move(tx, row, event, NOW, "why", "me").state
    tx.write_history()
    assert moved is SEGMENT[state][event]
    after_ = row_of(tx)
    assert after_.state is moved
    assert after_.final == (moved in FINAL_STATES or event is E.DEADLINE)
    told = tx.db.execute("SELECT subject, from_state, to_state, reason, actor FROM event")
    assert told.fetchall() == [("part 1", state.value, moved.value, "why", "me")]


def test_the_guard_holds_against_what_was_read_before(tx: Tx) -> None:
    row = row_of(tx)
    tx.db.execute("UPDATE segment SET state = 'cancelled'")
    with pytest.raises(StaleTransition, match="no longer"):
        moves.move(tx, row, E.INTENT, NOW, "why", "me")
    assert tx.db.execute("SELECT state FROM segment").fetchone() == ("cancelled",)
