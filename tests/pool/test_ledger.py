"""What begins without a commit, and what waits for one."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass, SimId
from airpost.outcome import SENT, OutcomeClass, Scope
from airpost.pool.ledger import Beginning, Ledger
from airpost.states import SegmentEvent
from airpost.store.api import MOST_PREPARED, Begun, Settlement
from airpost.store.sqlite import SqliteStore
from tests.pool.rig import PHONE, Closed, Rig, failure, pooled
from tests.virtual import VirtualLoop, run_virtual

LONG = "a text of three parts " * 18


class Watched:
    """Counts what begins how; refuses everything while `shut`."""

    def __init__(self, store: SqliteStore) -> None:
        self.commits: list[bool] = []  # True: with the result of the one before
        self.journalled = 0
        self.prepared = 0
        self.left: list[int] = []  # so many were prepared when one of them began
        self.shut = False
        self._air, self._follow, self._begin = store.air, store.follow, store.begin
        store.air = self.air  # type: ignore[method-assign]
        store.follow = self.follow  # type: ignore[method-assign]
        store.begin = self.begin  # type: ignore[method-assign]

    def _check(self) -> None:
        if self.shut:
            raise StoreUnavailable("shut by the test")

    def air(self, settle: Any, intent: Any) -> Any:
        self._check()
        self.commits.append(settle is not None)
        return self._air(settle, intent)

    def follow(self, facts: Any, intents: Any) -> Any:
        self._check()
        asked = self._follow(facts, intents)
        asked.add_done_callback(self._followed)
        return asked

    def _followed(self, done: Any) -> None:
        self.prepared += len(done.result())

    def begin(self, prepared: Any) -> Begun | None:
        begun = self._begin(prepared)
        self.journalled += begun is not None
        self.left.append(self.prepared - self.journalled)
        return begun


async def test_it_begins_when_it_is_called() -> None:
    begun: list[int] = []

    def begin() -> Begun | None:
        begun.append(1)
        return None

    made = Beginning(begin)
    assert begun == []
    assert made().attempt_id is None
    assert begun == [1]


class Written:
    """A store whose commits are done before anybody looks."""

    def follow(self, _facts: Any, _intents: Any) -> asyncio.Future[list[Any]]:
        done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        done.set_result([])
        return done

    def ended(self, _settlement: Any, _lane: Any) -> bool:
        return True


async def test_what_is_done_and_not_yet_noted_is_waited_for() -> None:
    store: Any = Written()
    ledger = Ledger(
        Lane("gate-1"), store,
        next_intents=lambda: (), committed=lambda _: None, begins=lambda: None,
    )  # fmt: skip
    done = Settlement(
        segment_id=1, attempt_id=1, event=SegmentEvent.TAKEN, outcome=SENT, mr=1,
        ended_at=Instant(0),
    )  # fmt: skip
    ledger.ended(done)
    assert not ledger.settled
    async with asyncio.timeout(5):
        await ledger.settle()
    assert ledger.settled


def test_a_row_of_messages_waits_for_one_commit(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            watched = Watched(rig.store)
            ids = [await rig.accept(f"message {at}") for at in range(6)]
            for each in ids:
                await rig.state(each, "sent")
            assert (watched.commits, watched.journalled) == ([False], 5)

    run_virtual(main)


def test_a_disk_that_stands_still_for_half_a_second_holds_nobody_up(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            watched = Watched(rig.store)
            ids = [await rig.accept(f"message {at}") for at in range(60)]
            await rig.state(ids[-1], "sent")
            assert watched.journalled >= 55
            assert min(watched.left[10:-10]) * 0.2 >= 0.6
            assert max(watched.left) < MOST_PREPARED

    run_virtual(main)


@pytest.mark.parametrize("modems", [1, 2])
def test_without_time_on_the_air_everything_is_sent_once(tmp_path: Path, modems: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.0,) * modems) as rig:
            given_back = 0
            release = rig.store.release

            async def counted(*given: Any, **more: Any) -> int:
                nonlocal given_back
                count = await release(*given, **more)
                given_back += count
                return count

            with mock.patch.object(rig.store, "release", counted):
                ids = [await rig.accept(f"message {at}") for at in range(50)]
                for each in ids:
                    await rig.state(each, "sent")
            assert sum(len(unit.sent) for unit in rig.units) == 50
            # Refused is only what was given back for a modem that had nothing: with one, none.
            assert sum(unit.refused for unit in rig.units) <= given_back
            assert given_back == 0 or modems == 2

    run_virtual(main)


def test_an_urgent_message_overtakes_what_is_prepared(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            watched = Watched(rig.store)
            await rig.accept(LONG)
            await asyncio.sleep(0.5)
            urgent = await rig.accept("now", class_=MessageClass.OTP)
            await rig.state(urgent, "sent")
            first, second, *_ = rig.units[0].sent
            assert (first.class_, second.class_) == (MessageClass.NORMAL, MessageClass.OTP)
            assert watched.commits == [False]

    run_virtual(main)


def test_what_is_cancelled_while_it_is_prepared_is_never_sent(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            ids = [await rig.accept(text) for text in ("one", "two", "three")]
            await asyncio.sleep(0.5)
            assert (await rig.store.cancel(ids[1], None, "test")).cancelled
            await rig.state(ids[2], "sent")
            assert [each.message_id for each in rig.units[0].sent] == [ids[0], ids[2]]

    run_virtual(main)


def test_what_could_not_begin_is_not_overtaken_by_what_is_prepared_behind_it(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            journal, tries = rig.store._journal, 0
            keep = journal.begun

            def begun(lane: str, attempt_id: int, at: Instant) -> None:
                nonlocal tries
                tries += 1
                if tries == 2:
                    raise OSError(5, "Input/output error")
                keep(lane, attempt_id, at)

            with mock.patch.object(journal, "begun", begun):
                ids = [await rig.accept(f"message {at}") for at in range(6)]
                for each in ids:
                    await rig.state(each, "sent")
            assert [each.message_id for each in rig.units[0].sent] == ids
            assert rig.units[0].refused == 1

    run_virtual(main)


def sims(tmp_path: Path) -> list[str]:
    db = sqlite3.connect(tmp_path / "airpost.db")
    found = [row[0] for row in db.execute("SELECT sim_id FROM attempt ORDER BY id")]
    db.close()
    return found


def test_another_sim_begins_nothing_that_was_prepared_for_the_first(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            watched = Watched(rig.store)
            ids = [await rig.accept(text) for text in ("one", "two")]
            await asyncio.sleep(0.5)
            rig.units[0].show(sim_id=SimId("another"))
            await rig.state(ids[1], "sent")
            assert (watched.commits, watched.journalled) == ([False, True], 0)
            assert sims(tmp_path) == ["sim of gate-1", "another"]

    run_virtual(main)


def test_octets_that_have_changed_wait_for_their_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            watched = Watched(rig.store)

            def before(_segment: Claimed) -> bytes:
                return b"with a longer validity"

            monkeypatch.setattr(rig.units[0], "compose", before)
            for each in [await rig.accept(text) for text in ("one", "two")]:
                await rig.state(each, "sent")
            assert (watched.commits, watched.journalled) == ([False, True], 0)
            db = sqlite3.connect(tmp_path / "airpost.db")
            kept = db.execute("SELECT bytes FROM body WHERE kind = 'tpdu'").fetchall()
            db.close()
            assert kept == [(b"tpdu",), (b"tpdu",)]

    run_virtual(main)


def test_after_a_failure_its_result_goes_first(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            watched = Watched(rig.store)
            barred = failure(OutcomeClass.PERMANENT, Scope.MESSAGE)
            rig.units[0].outcomes = [barred]
            ids = [await rig.accept(text) for text in ("one", "two", "three")]
            await rig.state(ids[0], "failed")
            await rig.state(ids[2], "sent")
            assert (watched.commits, watched.journalled) == ([False, True], 1)

    run_virtual(main)


def test_the_rest_of_a_message_that_failed_is_not_sent(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].outcomes = [failure(OutcomeClass.PERMANENT, Scope.MESSAGE)]
            await rig.state(await rig.accept(LONG), "failed")
            await asyncio.sleep(5)
            assert len(rig.units[0].sent) == 1

    run_virtual(main)


def test_a_slow_prompt_keeps_what_is_prepared(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit, watched = rig.units[0], Watched(rig.store)
            at_once = unit.send

            async def send(segment: Claimed, commit: Any) -> Any:
                async def slow(tpdu: bytes) -> Any:
                    asked = commit(tpdu)
                    await asyncio.sleep(0.4)
                    return asked() if callable(asked) else await asked

                return await at_once(segment, slow)  # type: ignore[arg-type]

            unit.send = send  # type: ignore[method-assign]
            ids = [await rig.accept(LONG) for _ in range(4)]
            for each in ids:
                await rig.state(each, "sent")
            assert (len(unit.sent), unit.refused) == (12, 0)
            assert watched.journalled >= 8

    run_virtual(main)


def test_while_nothing_can_be_written_only_what_is_prepared_goes_out(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            watched = Watched(rig.store)
            ids = [await rig.accept(f"message {at}") for at in range(4)]
            await asyncio.sleep(0.5)  # the first is on the air, the second prepared
            watched.shut = True
            await asyncio.sleep(30)
            assert [each.message_id for each in rig.units[0].sent] == ids[:2]
            assert (await rig.message(ids[0])).state.value == "sending"
            watched.shut = False
            for each in ids:
                await rig.state(each, "sent")
            assert [each.message_id for each in rig.units[0].sent] == ids
            assert [(await attempts(rig, each)) for each in ids] == [1, 1, 1, 1]

    run_virtual(main)


@pytest.mark.parametrize(
    ("cls", "scope", "ends"),
    [
        (OutcomeClass.PERMANENT, Scope.DESTINATION, "failed"),
        (OutcomeClass.PERMANENT, Scope.MESSAGE, "failed"),
        (OutcomeClass.TRANSIENT, Scope.DESTINATION, "sent"),
        (OutcomeClass.TRANSIENT, Scope.MESSAGE, "sent"),
        (OutcomeClass.TRANSIENT, Scope.SIM, "sent"),
        (OutcomeClass.PERMANENT, Scope.SIM, "sent"),
        (OutcomeClass.TRANSIENT, Scope.MODEM, "sent"),
    ],
)
@pytest.mark.parametrize("at", [0, 1], ids=["with its commit", "prepared"])
def test_what_is_refused_instead_of_a_prompt_is_an_attempt(
    tmp_path: Path, at: int, cls: OutcomeClass, scope: Scope, ends: str
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            refused = 1 if ends == "failed" else 3
            unit.refusals = [None] * at + [failure(cls, scope)] * refused
            ids = [await rig.accept(text) for text in ("one", "two")[: at + 1]]
            found = await rig.state(ids[at], "failed", "sent", wait_s=600)
            sent = int(ends == "sent")
            assert (found.state.value, len(unit.sent)) == (ends, at + sent)
            assert (found.parts[0].attempts, found.possible_duplicates) == (refused + sent, 0)

    run_virtual(main)


async def attempts(rig: Rig, message_id: Any) -> int:
    return (await rig.message(message_id)).parts[0].attempts


@pytest.mark.parametrize("writes", [True, False])
def test_a_result_is_told_where_every_segment_waits_for_its_commit(
    tmp_path: Path, *, writes: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        air_s = 60.0 if writes else 0.02
        async with pooled(loop, tmp_path, (air_s,)) as rig:
            if writes:
                rig.store._journal.close()
            for at in range(3):
                await rig.accept(f"message {at}")
            await rig.until(lambda: rig.units[0].sent)
            if not writes:
                Closed(rig.store, 10**6)
            await asyncio.sleep(1.5 * air_s + 1)
            results = rig.pool._loops[rig.units[0].lane].tally.results
            assert sum(results.values()) == (1 if writes else len(rig.units[0].sent))

    run_virtual(main)


def test_what_several_results_were_is_told_together_each_with_its_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="airpost.dispatch")
    told_s: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        caplog.handler.addFilter(lambda _record: told_s.append(loop.time()) or True)
        async with pooled(loop, tmp_path, (0.1,)) as rig:
            for at in range(20):
                await rig.accept("hello", to=f"{PHONE}{at}")
            await rig.until(lambda: len(rig.units[0].sent) == 20)
            await asyncio.sleep(2.0)
            tally = rig.pool.tallies()[rig.units[0].lane]
            assert sum(tally.results.values()) == sum(tally.answer.counts) == 20

    run_virtual(main)
    told = [
        (at_s, each.happened_at)  # type: ignore[attr-defined]
        for at_s, each in zip(told_s, caplog.records, strict=True)
        if "segment.taken" in each.getMessage()
    ]
    assert len(told) == 20
    assert len({at_s for at_s, _ in told}) < 10
    gaps_s = [(b - a) / SECOND_US for (_, a), (_, b) in pairwise(told)]
    assert min(gaps_s) > 0.09
