"""What one lane owes to the store, and what it may begin without waiting for it.

May import store.api, L0. While a segment is on the air the next ones are prepared in the store.
Then a beginning and a success go into the air journal at once, and into the store in the
background, in order. Anything but a success, and whatever is not prepared, waits for a commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from airpost.clock import Instant
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, SimId
from airpost.states import SegmentEvent
from airpost.store.api import AirResult, Begun, Intent, Prepared, Settlement, Store

log = logging.getLogger("airpost.dispatch")

FOLLOW_S = 0.1  # from a result to its commit, where nothing begins before
PREPARE_AFTER_S = 0.001  # from an intent on disk to what comes next: the PDU goes first

Counts = Callable[[], None]
Fact = Settlement | Begun


def _is_plain(fact: Fact) -> bool:
    return isinstance(fact, Begun) or fact.event is SegmentEvent.TAKEN


class Beginning:
    """The intent of what is prepared: it begins when it is called, and nothing is waited for."""

    def __init__(self, begin: Callable[[], Begun | None]) -> None:
        self._begin = begin
        self.tried = False  # it has been called
        self.attempt_id: int | None = None

    def __call__(self) -> Beginning:
        """It begins now; itself, with the attempt it became."""
        self.tried = True
        begun = self._begin()
        self.attempt_id = None if begun is None else begun.attempt_id
        return self


class Ledger:
    """Of one lane. `next_intents` is asked for what to prepare, in the order it is to begin.

    `begins` is called when what is prepared has begun, and has `follow` called soon.
    `committed(begun, plain)` is called after each commit that changes what the lane may claim,
    with the segments that have begun; `plain`: nothing but beginnings and successes.
    """

    def __init__(
        self,
        lane: Lane,
        store: Store,
        *,
        next_intents: Callable[[], Sequence[Intent]],
        committed: Callable[[Sequence[int], bool], None],
        begins: Callable[[], None],
    ) -> None:
        self.ready: dict[int, Prepared] = {}  # by segment: what may begin without a commit
        self.unwritten: set[int] = set()  # segments that have begun and read as queued
        self._lane = lane
        self._store = store
        self._next_intents = next_intents
        self._committed = committed
        self._begins = begins
        self._owed: dict[int, Fact] = {}  # what happened and is not handed in, in order
        self._count = 0
        self._kept = True  # the newest result is in the journal, or on disk
        self._under_way: set[asyncio.Future[list[Prepared]]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.has_beat = False  # what is owed waits for an instant that lanes have in common
        self.lingers = False  # or for what is being bound, which goes along

    @property
    def settled(self) -> bool:
        """True when all that happened is in the store."""
        return not self._owed and not self._under_way

    def _owe(self, fact: Fact) -> None:
        self._owed[self._count] = fact
        self._count += 1

    def _owe_again(self, facts: Mapping[int, Fact]) -> None:
        self._owed = dict(sorted([*facts.items(), *self._owed.items()]))

    def is_ready(self, segment: Claimed) -> bool:
        """True when this may begin without a commit."""
        return segment.segment_id in self.ready

    def has_ready(self, ahead: Sequence[Claimed]) -> bool:
        """True when the first of what waits may."""
        return bool(ahead) and self.is_ready(ahead[0])

    # -- beginning -------------------------------------------------------------------------------
    async def prepared_for(self, segment: Claimed, sim_id: SimId, now: Instant) -> Prepared | None:
        """What the segment may begin with now; None where it must wait for a commit."""
        ready = self.ready.get(segment.segment_id)
        if self._under_way and (ready is None or not self._store.stands(ready)):
            await asyncio.wait(self._under_way)  # it may be among what that prepares
            ready = self.ready.get(segment.segment_id)
        if ready is None or not self._kept:
            return None
        if ready.sim_id != sim_id or segment.expires_at <= now or not self._store.stands(ready):
            return None
        return ready

    def beginning(self, ready: Prepared, counts: Counts | None = None) -> Beginning:
        """To be called right before the PDU is written; the store hears of it after that.

        `counts` is called where it has begun.
        """

        def begin() -> Begun | None:
            self._drop(ready.attempt_id)
            begun = self._store.begin(ready)
            if begun is not None:
                self._owe(begun)
                self.unwritten.add(begun.segment_id)
                self._begins()
                if counts is not None:
                    counts()
            return begun

        return Beginning(begin)

    def _drop(self, attempt_id: int) -> None:
        """This one begins: it may not once more, nor may what it has overtaken."""
        self.ready = {
            segment: each for segment, each in self.ready.items() if each.attempt_id > attempt_id
        }

    def commit(self, intent: Intent, counts: Counts | None = None) -> asyncio.Future[AirResult]:
        """Begin with a commit, which holds the result that is owed; StoreUnavailable.

        `counts` is called where it has begun.
        """
        owed: dict[int, Fact] = {}
        settle: Settlement | None = None
        newest = next(reversed(self._owed.values()), None)
        if len(self._owed) == 1 and isinstance(newest, Settlement):
            owed, settle, self._owed = self._owed, newest, {}
        elif self._owed:
            self._hand_in(())
        self.ready = {}
        try:
            asked = self._store.air(settle, intent)
        except StoreUnavailable:
            self._owe_again(owed)
            raise
        asked.add_done_callback(lambda done: self._air_done(owed, intent, counts, done))
        return asked

    def _air_done(
        self, owed: Mapping[int, Fact], intent: Intent, counts: Counts | None,
        done: asyncio.Future[AirResult],
    ) -> None:  # fmt: skip
        if done.cancelled() or done.exception() is not None:
            self._owe_again(owed)
            return
        if counts is not None and done.result().attempt_id is not None:
            counts()
        settle = next(iter(owed.values()), None)
        self._committed((intent.segment_id,), settle is None or _is_plain(settle))
        if not intent.shares:
            self.follow_soon(PREPARE_AFTER_S)

    # -- what happened ---------------------------------------------------------------------------
    def ended(self, settlement: Settlement) -> None:
        """The result of what is on the air."""
        self._owe(settlement)
        taken = settlement.event is SegmentEvent.TAKEN
        self._kept = taken and self._store.ended(settlement, self._lane)
        if not self.has_beat:
            self.follow_soon(FOLLOW_S)

    def follow_soon(self, after_s: float) -> None:
        """`follow` in a while, in place of what was asked for before."""
        self._after(after_s, self.follow)

    def at_beat(self, after_s: float, how: Callable[[], None]) -> None:
        """`how` in a while, in place of that; what happens until then waits for it too."""
        self._after(after_s, how)
        self.has_beat = True

    def linger(self, after_s: float) -> None:
        """`follow` in a while; at once when what is bound now has been claimed."""
        self.at_beat(after_s, self.follow)
        self.lingers = True

    def _after(self, after_s: float, how: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(after_s, how)

    def _stop_timer(self) -> None:
        self.has_beat = self.lingers = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def follow(self) -> None:
        """Hand in what is owed, and prepare what comes next; nothing while that is under way."""
        self._stop_timer()
        if self._under_way:
            return
        intents = self._next_intents()
        if self._owed or intents:
            try:
                self._hand_in(intents)
            except StoreUnavailable as error:
                log.info("dispatch.not_followed modem=%s %s", self._lane, error.reason)

    async def settle(self) -> None:
        """Return when all that happened is in the store; StoreUnavailable."""
        while not self.settled:
            if not self._under_way:
                self._hand_in(())
            first = next(iter(self._under_way))
            await asyncio.wait([first])  # what is done is not yet noted: to await it turns no loop
            first.result()

    def _hand_in(self, intents: Sequence[Intent]) -> None:
        facts = self._owed
        asked = self._store.follow(tuple(facts.values()), intents)
        self._owed = {}
        for intent in intents:
            self.ready.pop(intent.segment_id, None)
        self._under_way.add(asked)
        asked.add_done_callback(lambda done: self._followed(facts, done))

    def _followed(self, facts: Mapping[int, Fact], done: asyncio.Future[list[Prepared]]) -> None:
        self._under_way.discard(done)
        if done.cancelled() or done.exception() is not None:
            self._owe_again(facts)
            return
        self.ready |= {each.segment_id: each for each in done.result()}
        begun = [each.segment_id for each in facts.values() if isinstance(each, Begun)]
        if facts:
            self._committed(begun, all(map(_is_plain, facts.values())))
        self.unwritten.difference_update(begun)
        if self._timer is None and self._owed:
            self.follow()  # it was asked for while this commit was under way
