"""A lane of the model: what the loop does with a modem, and what the network makes of that.

The ledger is the real one; which of the lane's moves comes next is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from airpost.clock import Instant
from airpost.codec.times import TimeStamp
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, SimId
from airpost.pool.ledger import Beginning, Ledger
from airpost.received import RawReport
from airpost.states import SegmentEvent
from airpost.store.api import Intent, Settlement
from tests.store.byhand import Answer, ByHandStore, errand
from tests.store.values import FakeClock, after, intent_of, report, settlement

E = SegmentEvent
REFUSED = (E.TRANSIENT, E.PERMANENT)
AHEAD = 4  # claimed segments it looks at


class NoLoop:
    """In place of asyncio where the ledger runs: its timers go off when a test says so."""

    def get_running_loop(self) -> NoLoop:
        return self

    def call_later(self, *_: object) -> NoLoop:
        return self

    def cancel(self) -> None:
        pass

    async def wait(self, asked: Iterable[Any]) -> None:
        for each in list(asked):
            try:
                await each
            except StoreUnavailable:
                pass  # whoever asked has its own way to hear


@dataclass(frozen=True, slots=True)
class Temper:
    """Of a modem and its lane, as shares."""

    doubt: float  # of what it sends, of which nothing is heard
    eager: float  # of the moves, to tell the store what has begun
    haste: float = 0.1  # of the moves, to end


@dataclass(eq=False)
class Sending:
    """One attempt, as the modem and the network know it."""

    lane: Lane
    sim_id: SimId
    segment: Claimed
    begun_at: Instant
    attempt_id: int = 0
    mr: int | None = None  # the network's, once it has it
    taken_at: Instant | None = None
    event: SegmentEvent | None = None  # its result, once there is one
    told_mr: int | None = None  # with the result
    ended_at: Instant | None = None
    kept: bool = False  # the journal has its result, or the store
    cut: bool = False  # the process ended before it heard that its result is written

    def report(self, now: Instant, **changes: Any) -> RawReport:
        """What the network tells of it."""
        assert self.mr is not None
        assert self.taken_at is not None
        return report(
            self.mr, sim_id=self.sim_id, lane=self.lane, to=self.segment.to, received_at=now,
            scts=TimeStamp.from_instant(self.taken_at).octets, **changes,
        )  # fmt: skip


class ModelLane:
    """Of one run of the process; `began` is all that ever went out, in the order it did."""

    def __init__(
        self, name: Lane, sim_id: SimId, hand: ByHandStore, clock: FakeClock, rng: Random,
        references: dict[SimId, int], began: list[Sending], temper: Temper,
    ) -> None:  # fmt: skip
        self.name, self.sim_id = name, sim_id
        self.current: Sending | None = None
        self.doubtful: list[Sending] = []  # an answer may come late
        self._picked: Claimed | None = None
        self._prompt: Beginning | None = None  # it begins once that is read
        self._hand, self._store = hand, hand.store
        self._clock, self._rng = clock, rng
        self._references, self._began = references, began
        self._temper = temper
        self._of: dict[int, Sending] = {}  # by attempt
        self.ledger = Ledger(
            name, hand.store, next_intents=self._next_intents, committed=lambda *_: None,
            begins=self._begins,
        )  # fmt: skip

    @property
    def idle(self) -> bool:
        """Nothing is on the air, or about to be."""
        return self.current is None and self._picked is None

    def act(self) -> None:
        """The next move, by chance."""
        draw = self._rng.random()
        if self._prompt is not None and draw < 0.8:
            self._at_prompt()
        elif self.idle and draw < 0.9:
            self.begin_next()
        elif self.current is None or draw < (self._temper.eager if self._has_ready() else 0.8):
            self.ledger.follow()
        elif draw < 0.85 and self.current.taken_at is None:
            self._network_takes()
        elif draw < 0.85 + self._temper.haste:
            self.end()
        elif draw > 0.97:
            self.late()

    def _has_ready(self) -> bool:
        """Something may begin without a commit."""
        return any(map(self._store.stands, self.ledger.ready.values()))

    # -- beginning -------------------------------------------------------------------------------
    def claimed(self) -> list[Claimed]:
        """What it may take next."""
        hidden = set(self.ledger.unwritten)
        if self._picked is not None:
            hidden.add(self._picked.segment_id)
        if self.current is not None:
            hidden.add(self.current.segment.segment_id)
        return [each for each in self._hand.claim(self.name) if each.segment_id not in hidden]

    def begin_next(self) -> None:
        """Take the next segment; it begins once its prompt is read, or by a commit."""
        found = self.claimed()[:AHEAD]
        if not found:
            return
        ready = [each for each in found if self.ledger.is_ready(each)]
        self.begin(self._rng.choice((found[0], *ready, *ready[:1], *found[1:2])))

    def begin(self, segment: Claimed) -> None:
        """Take this one, which may be about to be bound."""
        self._picked = segment

        def looked(done: Answer) -> None:
            ready = done.result()
            if ready is None:
                self._commit(segment)
            else:
                self._prompt = self.ledger.beginning(ready)

        now = self._clock.now()
        errand(self.ledger.prepared_for(segment, self.sim_id, now)).add_done_callback(looked)

    def _begins(self) -> None:
        if not self.ledger.has_beat:
            self.ledger.at_beat(0, self.ledger.follow)  # whenever that is

    def _at_prompt(self) -> None:
        beginning, segment = self._prompt, self._picked
        assert beginning is not None
        assert segment is not None
        at = self._clock.now()
        beginning()
        self._prompt = self._picked = None
        if beginning.attempt_id is not None:
            self._on_air(segment, beginning.attempt_id, at)

    def _on_air(self, segment: Claimed, attempt_id: int, at: Instant) -> None:
        self.current = Sending(self.name, self.sim_id, segment, at, attempt_id)
        self._began.append(self.current)
        self._of[attempt_id] = self.current

    def _commit(self, segment: Claimed) -> None:
        intent = self._intent(segment)

        def committed(done: Answer) -> None:
            self._picked = None
            if done.exception() is None and (attempt_id := done.result().attempt_id) is not None:
                self._on_air(segment, attempt_id, intent.begun_at)

        asked: Any = self.ledger.commit(intent)
        asked.add_done_callback(committed)

    def _intent(self, segment: Claimed) -> Intent:
        return intent_of(
            segment, self._clock.now(), self.name, self.sim_id, b"%d" % segment.segment_id
        )

    def _next_intents(self) -> list[Intent]:
        intents: list[Intent] = []
        if self.current is None:
            return []
        for segment in self.claimed()[: self._rng.randrange(1, AHEAD)]:
            if intents or not self.ledger.is_ready(segment):
                intents.append(self._intent(segment))
        return intents

    # -- ending ----------------------------------------------------------------------------------
    def _network_takes(self) -> None:
        assert self.current is not None
        mr = self._references[self.sim_id] = (self._references[self.sim_id] + 1) % 256
        self.current.mr, self.current.taken_at = mr, self._clock.now()

    def end(self) -> None:
        """The result of what is on the air."""
        sending, now = self.current, self._clock.now()
        assert sending is not None
        event = E.TAKEN
        if self._rng.random() < self._temper.doubt:
            event = E.UNKNOWN
        elif sending.taken_at is None and self._rng.random() < 0.2:
            event = self._rng.choice(REFUSED)  # what the network has is not
        if event is E.TAKEN and sending.taken_at is None:
            self._network_takes()
        self.current = None
        if event is E.TAKEN and self._rng.random() < 0.95:
            sending.told_mr = sending.mr
        sending.event, sending.ended_at = event, now
        done = settlement(
            sending.segment, sending.attempt_id, event, sending.told_mr, now,
            retry_at=after(self._rng.choice((0, 3)), now) if event is E.TRANSIENT else None,
            grace_until=after(5, now) if event is E.UNKNOWN else None,
        )  # fmt: skip
        self.ledger.ended(done)
        sending.kept = event is E.TAKEN  # by the journal
        if event is E.UNKNOWN:
            self.doubtful.append(sending)

    def late(self) -> None:
        """An answer comes after all; only where all that was before it is written."""
        if not self.ledger.settled or not self.doubtful:
            return
        sending = self.doubtful.pop()
        if sending.mr is None:
            return
        done = settlement(
            sending.segment, sending.attempt_id, E.LATE, sending.mr, self._clock.now()
        )
        self._ask_late(sending, done)

    def _ask_late(self, sending: Sending, done: Settlement) -> None:
        sending.cut = True  # until it is heard of

        def landed(answer: Answer) -> None:
            if answer.exception() is not None:
                self._ask_late(sending, done)
            else:
                sending.event, sending.told_mr, sending.kept = E.LATE, done.mr, True
                sending.ended_at, sending.cut = done.ended_at, False

        asked: Any = self._store.air(done, None)
        asked.add_done_callback(landed)

    # -- the end ---------------------------------------------------------------------------------
    def rest(self) -> None:
        """What is on the air ends, and nothing more is begun."""
        if self._prompt is not None:
            self._at_prompt()
        if self.current is not None:
            self.end()
        if not self.ledger.settled:
            self.ledger.follow()

    def rested(self) -> None:
        """All that happened is in the store."""
        self._of.clear()

    def killed(self) -> None:
        """The process has ended: what neither the journal nor the store has is in doubt."""
        for sending in self._of.values():
            if sending.event is None:
                sending.event = E.UNKNOWN
            elif sending.event is not E.TAKEN:
                sending.cut = True
