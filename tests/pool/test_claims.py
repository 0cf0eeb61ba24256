"""What a lane knows of its queue while claims and commits cross."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, cast

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass
from airpost.pool.claims import CLAIM_SEGMENTS, URGENT_AHEAD, Claims
from airpost.store.api import Store
from airpost.tasks import spawn, stop
from tests.pool.test_order import segment
from tests.virtual import VirtualLoop, run_virtual

NORMAL, OTP = MessageClass.NORMAL, MessageClass.OTP


class Queue:
    """A store of which each claim is answered when the test says so."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[list[Claimed]]] = []

    async def claim(self, lane: Lane, now: Instant, n: int) -> list[Claimed]:
        assert (lane, n) == ("gate-1", CLAIM_SEGMENTS)
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


class Stand:
    def __init__(self, loop: VirtualLoop) -> None:
        self.queue = Queue()
        self.on_air: set[int] = set()
        self.found = 0
        self.claims = Claims(
            Lane("gate-1"), cast("Store", self.queue), LoopClock(loop.time, Instant(0)),
            hidden=self._hidden, found=self._found,
        )  # fmt: skip
        self.task = spawn(self.claims.run(), name="claims")

    def _hidden(self) -> Collection[int]:
        return self.on_air

    def _found(self) -> None:
        self.found += 1

    async def asks(self, count: int) -> None:
        while len(self.queue.asked) < count:  # noqa: ASYNC110 - it is polled in virtual time
            await asyncio.sleep(0)

    async def answers(self, *segments: Claimed) -> list[int]:
        """The newest claim shows these; the messages that are ahead then."""
        before = self.found
        self.queue.asked[-1].set_result(list(segments))
        while self.found == before:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        return [each.message_seq for each in self.claims.ahead]


def test_a_claim_asked_before_a_commit_does_not_show_what_it_took() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        first, second = segment(1, NORMAL), segment(2, NORMAL)
        stand.claims.look_again()
        await stand.asks(1)
        stand.claims.begun([first.segment_id])
        assert await stand.answers(first, second) == [2]
        stand.claims.look_again()
        await stand.asks(2)
        assert await stand.answers(first, second) == [1, 2]  # it has come back since
        await stop(stand.task)

    run_virtual(main)


def test_what_is_on_the_air_is_not_ahead() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        stand.on_air = {segment(1, NORMAL).segment_id}
        stand.claims.look_again()
        await stand.asks(1)
        assert await stand.answers(segment(1, NORMAL), segment(2, NORMAL)) == [2]
        await stop(stand.task)

    run_virtual(main)


def test_what_was_bound_counts_until_a_claim_shows_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        stand.claims.look_again()
        await stand.asks(1)
        stand.claims.bound({7: OTP, 8: NORMAL})
        await stand.answers()  # asked for before they were bound
        assert stand.claims.messages(NORMAL) == {7, 8}
        assert stand.claims.messages(OTP) == {7}
        assert (stand.claims.fresh, stand.claims.urgent_due) == (False, True)
        await stand.asks(2)
        await stand.answers(segment(7, OTP))  # the other was given back
        assert (stand.claims.fresh, stand.claims.urgent_due) == (True, False)
        assert stand.claims.messages(NORMAL) == {7}
        assert stand.claims.segments(OTP) == (1, 0)
        await stop(stand.task)

    run_virtual(main)


@pytest.mark.parametrize(
    ("count", "complete"), [(CLAIM_SEGMENTS - 1, True), (CLAIM_SEGMENTS, False)]
)
def test_a_full_claim_may_not_be_all(count: int, complete: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        stand.claims.look_again()
        await stand.asks(1)
        await stand.answers(*(segment(1, NORMAL, seq, count) for seq in range(1, count + 1)))
        assert stand.claims.complete is complete
        await stop(stand.task)

    run_virtual(main)


def test_where_the_store_cannot_be_read_it_is_asked_again() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        stand.claims.look_again()
        await stand.asks(1)
        waiting: asyncio.Task[Any] = spawn(stand.claims.answer(), name="waiting")
        stand.queue.asked[-1].set_exception(StoreUnavailable("the disk is gone"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        stand.claims.release()
        await waiting
        await asyncio.sleep(1)
        assert await stand.answers(segment(1, NORMAL)) == [1]
        assert len(stand.queue.asked) == 2
        await stop(stand.task)

    run_virtual(main)


@pytest.mark.parametrize(("service_s", "most"), [(None, 2), (3.0, 2), (0.01, 12)])
def test_more_is_wanted_where_half_is_gone(service_s: float | None, most: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = Stand(loop)
        for held in range(most + 1):
            stand.claims._bound = dict.fromkeys(range(held), (9, NORMAL))
            assert stand.claims.room(NORMAL, None, service_s) == most - held
            assert stand.claims.room(OTP, None, service_s) == URGENT_AHEAD
            assert stand.claims.hungry(None, service_s) is (2 * held <= most)
            on_air = segment(held, NORMAL)
            assert stand.claims.room(NORMAL, on_air, service_s) == max(0, most - held - 1)
            assert stand.claims.hungry(on_air, service_s) is (2 * (held + 1) <= most)
        await stop(stand.task)

    run_virtual(main)


async def empty(loop: VirtualLoop) -> Stand:
    stand = Stand(loop)
    stand.claims.look_again()
    await stand.asks(1)
    await stand.answers()
    return stand


def test_what_is_being_bound_to_an_empty_queue_is_known_without_a_claim() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = await empty(loop)
        stand.claims.expect([segment(7, NORMAL), segment(8, NORMAL)])
        assert stand.claims.messages(NORMAL) == {7, 8}
        stand.claims.bound({7: NORMAL, 8: NORMAL})
        assert (stand.claims.fresh, stand.claims.complete) == (True, True)
        assert [each.message_seq for each in stand.claims.ahead] == [7, 8]
        stand.claims.bound({9: NORMAL})  # of later
        await stand.asks(2)
        assert await stand.answers(segment(8, NORMAL), segment(9, NORMAL)) == [8, 9]
        await stop(stand.task)

    run_virtual(main)


@pytest.mark.parametrize("also", [{}, {9: NORMAL}])
def test_what_a_claim_may_have_missed_is_claimed_once_more(also: dict[int, MessageClass]) -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = await empty(loop)
        stand.claims.expect([segment(7, NORMAL)])
        if not also:
            stand.claims.look_again()  # it may be answered before the binding is there
            await stand.asks(2)
            await stand.answers()
        stand.claims.bound({7: NORMAL, **also})
        await stand.asks(2 if also else 3)
        assert await stand.answers(segment(7, NORMAL)) == [7]
        await stop(stand.task)

    run_virtual(main)


def test_of_a_message_of_many_parts_the_rest_is_claimed() -> None:
    async def main(loop: VirtualLoop) -> None:
        stand = await empty(loop)
        parts = [segment(7, NORMAL, seq, 20) for seq in range(1, CLAIM_SEGMENTS + 1)]
        stand.claims.expect(parts)
        assert not stand.claims.complete
        await stop(stand.task)

    run_virtual(main)


def test_what_was_shown_meanwhile_is_not_claimed_once_more() -> None:
    """Its answer would come while nothing is known to be under way, and may be an old one."""

    async def main(loop: VirtualLoop) -> None:
        stand = await empty(loop)
        stand.claims.look_again(0.02)
        stand.claims.look_again()
        await stand.asks(2)
        await stand.answers()
        assert stand.claims.fresh
        await asyncio.sleep(0.5)
        assert len(stand.queue.asked) == 2
        await stop(stand.task)

    run_virtual(main)
