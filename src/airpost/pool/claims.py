"""What a lane has claimed ahead: the segments of its queue, as far as is worth knowing.

May import store.api, route, L0. Claims are numbered as they are asked for. One that was asked for
before something changed may still show what was before, so each change is noted with the claim that
will show it. What is being bound to a lane at rest needs none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass
from airpost.outage import Outage
from airpost.pool.beat import ahead_messages
from airpost.pool.route import UNMEASURED_SERVICE_S
from airpost.store.api import CLAIM_SEGMENTS, Store

log = logging.getLogger("airpost.dispatch")

URGENT_AHEAD = 100  # of otp and alarm: they overtake the rest of a lane's queue
OVERTAKEN = 0.01  # of a segment
LEAST_LEFT = 0.05  # of one that takes longer than others did
BINDING_S = 0.02  # until what is bound is known: what ends before goes on without it
STORE_WAIT_S = 1.0  # between tries while the store cannot be read


class Claims:
    """Of one lane. `hidden` are segments that read as queued and are not; `found` hears of each."""

    def __init__(
        self,
        lane: Lane,
        store: Store,
        clock: Clock,
        *,
        hidden: Callable[[], Collection[int]],
        found: Callable[[], None],
    ) -> None:
        self.ahead: list[Claimed] = []  # by class and age; whoever takes one removes it
        self.complete = False  # the lane's queue holds nothing else than what was claimed
        self._lane = lane
        self._store = store
        self._clock = clock
        self._hidden = hidden
        self._found = found
        self._wanted = 0  # claims asked for; `_have` is the newest one that is answered
        self._have = 0
        self._taken: dict[int, int] = {}  # segment begun → the claim that shows it as it is
        self._bound: dict[int, tuple[int, MessageClass]] = {}  # message → the claim that shows it
        self._expected: tuple[int, set[int]] | None = None  # the newest claim then, and messages
        self._asked = asyncio.Event()
        self._answered = asyncio.Event()

    # -- what changes ----------------------------------------------------------------------------
    def look_again(self, after_s: float = 0.0) -> None:
        """Claim once more."""
        self._wanted += 1
        if after_s:
            asyncio.get_running_loop().call_later(after_s, self._asked.set)
        else:
            self._asked.set()

    def expect(self, segments: Sequence[Claimed]) -> None:
        """All of messages that are being bound to an empty queue: they may go now.

        What is asked of the store for them comes behind the binding. Whoever cannot bind them after
        all has the lane look again.
        """
        self.ahead = list(segments)
        self.complete = len(segments) < CLAIM_SEGMENTS
        self._expected = (self._wanted, {each.message_seq for each in segments})

    def bound(self, messages: Mapping[int, MessageClass]) -> None:
        """These messages are in the lane's queue now."""
        expected, self._expected = self._expected, None
        if expected == (self._wanted, {*messages}):
            return  # and no claim was under way meanwhile, which may not show them
        self.look_again()
        self._bound |= {seq: (self._wanted, of) for seq, of in messages.items()}

    def begun(self, segments: Iterable[int]) -> None:
        """That these have begun is on disk now."""
        self._taken |= dict.fromkeys(segments, self._wanted + 1)

    # -- what is known ---------------------------------------------------------------------------
    @property
    def fresh(self) -> bool:
        """True while no claim is under way that may show something else."""
        return self._have >= self._wanted

    @property
    def urgent_due(self) -> bool:
        """True while something urgent is bound that no claim has shown yet."""
        return any(of.urgent for _, of in self._bound.values())

    def messages(self, class_: MessageClass) -> set[int]:
        """Messages, claimed or bound, that a message of a class waits for."""
        known = {each.message_seq for each in self.ahead if each.goes_as.rank <= class_.rank}
        return known | {seq for seq, (_, of) in self._bound.items() if of.rank <= class_.rank}

    def room(self, class_: MessageClass, current: Claimed | None, service_s: float | None) -> int:
        """Messages of a class that may still be bound: it overtakes what is of lower ones."""
        most = URGENT_AHEAD if class_.urgent else ahead_messages(service_s)
        before = self.messages(class_)
        if current is not None:
            before.add(current.message_seq)
        return max(0, most - len(before))

    def hungry(self, current: Claimed | None, service_s: float | None) -> bool:
        """True where half of what may be bound is gone: to bind one at a time costs much."""
        return 2 * self.room(MessageClass.NORMAL, current, service_s) >= ahead_messages(service_s)

    def segments(self, class_: MessageClass) -> tuple[int, int]:
        """How many segments a message of a class waits for, and how many wait for it."""
        before = sum(each.goes_as.rank <= class_.rank for each in self.ahead)
        return before, len(self.ahead) - before + len(self._bound)

    def segments_before(
        self, class_: MessageClass, on_air_s: float | None, service_s: float | None
    ) -> float:
        """As the first of `segments`, with what is left of one that has been on the air so long.

        What it overtakes counts a little: the first of it may begin in this moment.
        """
        ahead, behind = self.segments(class_)
        left = 0.0
        if on_air_s is not None:
            service_s = service_s or UNMEASURED_SERVICE_S
            left = max(LEAST_LEFT, 1 - on_air_s / service_s)
            if behind and left * service_s < BINDING_S:
                left += 1
        return ahead + left + OVERTAKEN * behind

    async def answer(self) -> None:
        """Return after the next claim, or `release()`."""
        self._answered.clear()
        await self._answered.wait()

    def release(self) -> None:
        """Let go who waits for an answer: none comes while nothing can be read."""
        self._answered.set()

    # -- life ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Keep `ahead` as the store has it, also while a segment is on the air; for ever."""
        where = f"modem={self._lane}"
        unread = Outage(log, "dispatch.no_claim", "dispatch.claims_again", where)
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self.fresh:  # a claim since has shown it: while this holds none is under way
                continue
            asked = self._wanted
            try:
                claimed = await self._store.claim(self._lane, self._clock.now(), CLAIM_SEGMENTS)
            except StoreUnavailable as error:
                unread.failed(error.reason)
                await self._clock.sleep(STORE_WAIT_S)
                self.look_again()
                continue
            unread.over()
            self._taken = {segment: at for segment, at in self._taken.items() if at > asked}
            self._bound = {seq: kept for seq, kept in self._bound.items() if kept[0] > asked}
            hidden = {*self._taken, *self._hidden()}
            self.ahead = [each for each in claimed if each.segment_id not in hidden]
            self.complete = len(claimed) < CLAIM_SEGMENTS
            self._have = asked
            self._answered.set()
            self._found()
