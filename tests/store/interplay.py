"""The store between the loop and the writer's thread, by chance and the same each time.

`Interplay(path, seed).run(steps)` raises AssertionError with what is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageClass, MessageId, NewMessage, OnUncertain, SimId
from airpost.pool import ledger
from airpost.received import RawReport
from airpost.states import SegmentEvent
from airpost.store.api import Binding, ReportStored, Verdict
from airpost.store.queue import segments_of
from tests.store import accounts
from tests.store.byhand import Answer, ByHandStore, errand
from tests.store.model_lane import ModelLane, NoLoop, Sending, Temper
from tests.store.values import BARRED, LOST, TRYING, FakeClock, after, new

NUMBERS = ("+4915112345678", "+4915799999999")
MOST_WAITING = 12  # requests
MEANWHILE = 0.3  # of the looks inside a request at what is ahead, another move of the loop
ON_UNCERTAIN = (OnUncertain.RESEND, OnUncertain.RESEND, OnUncertain.HOLD)
NO_COMMIT = 1_000_000  # rows may be written, and then not committed
MOST_ROUNDS = 300  # until all that happened is written
WEIGHTS = (20, 20, 12, 2, 4, 2, 7, 1, 1, 1, 2, 1)  # of the moves that are none of a lane
Said = list[str]


class Heard(logging.Handler):
    """Lines of the log that must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: Said = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.ERROR or "settlement_refused" in line:
            self.wrong.append(line)


class Interplay:
    """One history. `seed` decides everything."""

    def __init__(self, path: Path, seed: int) -> None:
        self.rng = Random(seed)
        self.clock = FakeClock()
        self.wrong: Said = []
        self.began: list[Sending] = []
        self.most_tries = 0
        self._path = path
        self._boot = self.rng.randbytes(16)
        self._now_s = 0.0
        self._reported: list[Sending] = []
        self._reports: list[RawReport] = []  # handed in, to come once more
        self._cancelled: list[int] = []
        self._unheard = 0
        self._count = 0
        self._still = False
        count = self.rng.randrange(1, 4)
        self._sims = [SimId(f"894900{n}") for n in range(count)]
        self._references = dict.fromkeys(self._sims, self.rng.randrange(256))
        self._places = {Lane(f"gate-{n}"): sim for n, sim in enumerate(self._sims)}
        self._numbers = NUMBERS[: self.rng.randrange(1, 3)]
        self._weights = [self.rng.choice((1, 1, 1, 4)) * weight for weight in WEIGHTS]
        self._most_open = self.rng.choice((3, 6, 20))  # messages
        self._trouble = self.rng.choice((0.0, 0.2, 1.0))
        self._temper = Temper(
            doubt=self.rng.choice((0.1, 0.3, 0.5)), eager=self.rng.choice((0.05, 0.2, 0.5)),
            haste=self.rng.choice((0.03, 0.1)),
        )  # fmt: skip
        if self.rng.random() < 0.4:
            self._in_doubt()
        self._open()

    def _in_doubt(self) -> None:
        """One modem that is often silent, few messages to one number, and many reports."""
        del self._sims[1:]
        self._places = dict(zip(self._places, self._sims, strict=False))
        self._numbers = NUMBERS[:1]
        self._most_open = 3
        self._weights = [20, 30, 20, 0, 6, 0, 14, 0, 0, 0, 0, 0]
        self._temper = Temper(doubt=0.4, eager=0.05, haste=0.03)
        self._trouble = 0.0

    # -- life ------------------------------------------------------------------------------------
    def _open(self) -> None:
        self.hand = ByHandStore(self._path, self.clock, self.rng, self._meanwhile, self._boot)
        self.store = self.hand.store
        self.hand.open(self.clock.now())
        self.lanes = [
            ModelLane(
                name, sim, self.hand, self.clock, self.rng, self._references, self.began,
                self._temper,
            )
            for name, sim in self._places.items()
        ]  # fmt: skip

    def run(self, steps: int) -> None:
        """So many moves; AssertionError where something is wrong."""
        heard, log = Heard(), logging.getLogger("airpost.store")
        log.addHandler(heard)
        try:
            with patch.object(ledger, "asyncio", NoLoop()):
                for _ in range(steps):
                    self._step()
                    self._stop(heard.wrong)
                self._rest()
                self._stop(heard.wrong)
        finally:
            log.removeHandler(heard)
            self.hand.kill()

    def _stop(self, heard: Said) -> None:
        self.most_tries = max(self.most_tries, self.hand.writer.most_tries)
        wrong = [*self.wrong, *heard]
        assert not wrong, "\n".join(wrong)

    def _step(self) -> None:
        draw = self.rng.random()
        if draw < 0.55 and self.hand.waiting < MOST_WAITING:
            self._move()
        elif draw < 0.76:
            self._serve()
        elif draw < 0.93:
            self.hand.answer()
        elif draw < 0.935:
            self._rest()
        elif draw < 0.938:
            self._kill()
        elif self.rng.random() < self._trouble:
            self._fail_soon()

    def _serve(self) -> None:
        if self.hand.serve():
            self._note(accounts.lanes(self.hand.look))
            self._note(accounts.folds(self.hand.look))

    def _note(self, found: Iterable[str]) -> None:
        self.wrong += found

    def _meanwhile(self) -> None:
        if self._still:
            return
        if self.rng.random() < MEANWHILE:
            self._move()
        elif self.rng.random() < MEANWHILE:
            self.hand.answer()

    def _fail_soon(self) -> None:
        self.hand.writer.disk.fails_after = self.rng.choice((0, 1, 5, 20, NO_COMMIT))
        self.hand.writer.disk.ends_all = self.rng.random() < 0.5

    def _rest(self) -> None:
        """All that is on the air ends, and all that happened is written."""
        self.hand.writer.disk.fails_after = None
        rounds = 0
        while self.hand.waiting or self.hand.answers or not all(
            lane.idle and lane.ledger.settled for lane in self.lanes
        ):  # fmt: skip
            for lane in self.lanes:
                lane.rest()
            self._serve()
            self.hand.answer()
            rounds += 1
            if self.wrong or rounds > MOST_ROUNDS:
                self.wrong.append(f"no rest: {self.hand.waiting} wait")
                return
        for lane in self.lanes:
            lane.rested()
        self._still = True  # nothing begins any more before it is looked at
        self.hand.writer.ask(lambda tx: tx.catch_up(lambda _: False), urgent=True)
        self.hand.serve()
        self.hand.answer()
        self._still = False
        db = self.hand.look
        for found in (
            accounts.attempts(db, self.began, self._unheard), accounts.numbers(db),
            accounts.folds(db), accounts.lanes(db), accounts.duplicates(db),
            accounts.cancelled(db, self._cancelled), accounts.credits(db, self._reported),
            accounts.prepared(self.hand, quiet=True),
        ):  # fmt: skip
            self._note(found)

    def _kill(self) -> None:
        self.hand.kill()
        for lane in self.lanes:
            lane.killed()
        power = self.rng.random() < 0.3
        if power:
            self._boot = self.rng.randbytes(16)
        self._open()
        self._unheard = self.hand.look.execute("SELECT max(id) FROM attempt").fetchone()[0] or 0
        self._rest()

    # -- moves of the loop -----------------------------------------------------------------------
    def _move(self) -> None:
        self._now_s += 1
        self.clock.to(self._now_s)
        if self.rng.random() < 0.75:
            self._lane().act()
            return
        moves: list[Callable[[], None]] = [
            self._accept, self._bind, self._report, self._repeat, self._cancel, self._release,
            self._sweep, self._refuse, self._queue_moved, self._settle, self._elsewhere, self._swap,
        ]  # fmt: skip
        (move,) = self.rng.choices(moves, self._weights)
        move()

    def _ask(self, work: Any, then: Callable[[Any], None] = lambda _: None) -> None:
        def landed(done: Answer) -> None:
            error = done.exception()
            if error is None:
                then(done.result())
            elif not isinstance(error, StoreUnavailable):
                self.wrong.append(repr(error))

        asked = work if isinstance(work, Answer) else errand(work)
        asked.add_done_callback(landed)

    def _lane(self) -> ModelLane:
        return self.rng.choice(self.lanes)

    def _drawn(self, where: str) -> tuple[int, str] | None:
        sql = f"SELECT seq, id FROM message WHERE {where} ORDER BY seq"
        found = self.hand.look.execute(sql).fetchall()
        return self.rng.choice(found) if found else None

    def _accept(self) -> None:
        sql = "SELECT count(*) FROM message WHERE open = 1"
        if self.hand.look.execute(sql).fetchone()[0] >= self._most_open:
            return
        self._ask(self.store.accept([self._new() for _ in range(self.rng.randrange(1, 5))]))

    def _new(self) -> NewMessage:
        self._count += 1
        now = self.clock.now()
        return new(
            f"m{self._count}", self.rng.choice((1, 1, 1, 2, 3)), at=now,
            to=self.rng.choice(self._numbers), class_=self.rng.choice(tuple(MessageClass)),
            expires_at=after(self.rng.choice((100, 1000, 10_000)), now),
            want_report=self.rng.random() < 0.8,
            on_uncertain=self.rng.choice(ON_UNCERTAIN),
        )  # fmt: skip

    def _bind(self) -> None:
        rows = self.hand.look.execute("SELECT seq FROM message WHERE lane IS NULL AND open = 1")
        some = [seq for (seq,) in rows if self.rng.random() < 0.6]
        bindings = []
        for seq in some:
            lane = self._lane()
            bindings.append(
                Binding(message_seq=seq, lane=lane.name, sim_id=lane.sim_id, reason="drawn")
            )
        if not bindings:
            return
        begins = self.rng.random() < 0.5
        segments = {
            each.lane: segments_of(self.hand.look, each.message_seq, self.clock.now())
            for each in reversed(bindings)
        }
        self._ask(self.store.bind(bindings, begins=begins))
        for lane in self.lanes if begins else ():
            if lane.idle and segments.get(lane.name):
                lane.begin(segments[lane.name][0])  # behind the binding

    def _report(self) -> None:
        out = [each for each in self.began[-30:] if each.mr is not None]
        doubtful = [each for each in out[-4:] if each.event is SegmentEvent.UNKNOWN]
        out = doubtful if doubtful and self.rng.random() < 0.6 else out
        if not out:
            return
        each = self.rng.choice(out)
        now = self.clock.now()
        kind = self.rng.random()
        if kind < 0.2:
            told = each.report(now, delivered=None, status=32, outcome=TRYING)
        elif kind < 0.3:
            told = each.report(now, delivered=False, status=65, outcome=LOST)
        else:
            told = each.report(now)
        self._reports.append(told)
        self._hand_in(told, each)

    def _hand_in(self, told: RawReport, each: Sending) -> None:
        known = each.kept and each.event is SegmentEvent.TAKEN and each.told_mr is not None

        def stored(done: Any) -> None:
            self._reported.append(each)
            if known and done.message_id != each.segment.message_id:
                self.wrong.append(f"a report of attempt {each.attempt_id}: {done.message_id}")

        self._ask_again(lambda: self._record(told), stored)

    async def _record(self, told: RawReport) -> ReportStored:
        return await self.store.record_report(told)

    def _ask_again(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        hand = self.hand

        def landed(done: Answer) -> None:
            error = done.exception()
            if error is None:
                then(done.result())
            elif isinstance(error, StoreUnavailable) and hand is self.hand:
                self._ask_again(work, then)  # the modem has not heard that it may forget it
            else:
                self.wrong.append(repr(error))

        errand(work()).add_done_callback(landed)

    def _repeat(self) -> None:
        if self._reports:
            self._ask(self._record(self.rng.choice(self._reports[-20:])))

    def _cancel(self) -> None:
        where = "open = 1"
        if (current := self._lane().current) is not None and self.rng.random() < 0.6:
            where = f"seq = {current.segment.message_seq}"
        if (found := self._drawn(where)) is not None:
            seq, id_ = found

            def heard(done: Any) -> None:
                if done.cancelled:
                    self._cancelled.append(seq)

            self._ask(self.store.cancel(MessageId(id_), None, "drawn"), heard)

    def _release(self) -> None:
        resume_s = self.rng.choice((0, 300))
        lane, now = self._lane().name, self.clock.now()
        if self.rng.random() < self._trouble:
            self.hand.writer.disk.fails_after = NO_COMMIT
        self._ask_again(lambda: self.store.release(lane, now, resume_s), lambda _: None)

    def _sweep(self) -> None:
        if self.rng.random() < 0.2:
            self._now_s += self.rng.choice((10, 400))
            self.clock.to(self._now_s)
        self._ask(self.store.sweep(self.clock.now()))

    def _refuse(self) -> None:
        if found := self._lane().claimed():
            self._ask(self.store.refuse(found[0].segment_id, BARRED, self.clock.now()))

    def _queue_moved(self) -> None:
        to = self.rng.choice((None, self._lane().name))
        self._ask(self.store.decisions.move(self._lane().name, to, "drawn"))

    def _settle(self) -> None:
        if (found := self._drawn("state = 'uncertain'")) is not None:
            verdict = self.rng.choice(tuple(Verdict))
            self._ask(self.store.decisions.settle(MessageId(found[1]), None, verdict, "drawn"))

    def _elsewhere(self) -> None:
        lane = self._lane()
        ended = [each for each in self.began if each.lane == lane.name]
        refused = ended and ended[-1].event is SegmentEvent.TRANSIENT
        if refused and lane.ledger.settled:
            segment_id = ended[-1].segment.segment_id
            self._ask(self.store.decisions.elsewhere(segment_id, ended[-1].sim_id))

    def _swap(self) -> None:
        one, other = self._lane(), self._lane()
        if one.idle and other.idle:
            one.sim_id, other.sim_id = other.sim_id, one.sim_id
            self._places = {lane.name: lane.sim_id for lane in self.lanes}
