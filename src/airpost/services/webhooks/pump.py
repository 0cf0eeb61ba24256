"""One endpoint while it is told: what is next, what waits, how far it has got.

May import L0 and the store's protocols. The event log is the queue: what an endpoint does not take
stays there, and costs nothing. Only what has failed while others went on has a row, and what waits
behind it: events of one subject go in order, those of others overtake. A pump is used once; what
changes an endpoint ends its pump and makes another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from heapq import heappop, heappush
from itertools import islice
from random import Random

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import StoreUnavailable
from airpost.services.eventlog import ROWS, EventLog
from airpost.services.events import View, order_of, type_of
from airpost.services.webhooks.backoff import Health, Schedule
from airpost.services.webhooks.envelope import envelope
from airpost.services.webhooks.item import NOW, Item
from airpost.services.webhooks.sender import Answer, Sender
from airpost.services.webhooks.settings import WebhookSettings
from airpost.store.publishing import Endpoint, EndpointState, LogEvent, Outbox, Progress
from airpost.tasks import spawn

log = logging.getLogger("airpost.webhooks")
WINDOW = 256  # events in hand that have no row
MOST_ROWS = 1_000  # more that fail: nothing new is begun until some are done
FLUSH_S = 1.0  # how far it has got is written no more often
PASSED = 5_000  # rows of the log that are none of its events: then that is written too
LONGEST_WAIT_S = 15.0
AGED_EVERY_S = 3600.0
STOP_S = 2.0  # for requests under way
GONE = "it answered 410: it wants nothing more"


class Pump:
    """`run()` once; ends when it is cancelled. `disable` is told why nothing more may be sent."""

    def __init__(
        self,
        endpoint: Endpoint,
        events: EventLog,
        outbox: Outbox,
        sender: Sender,
        settings: WebhookSettings,
        clock: Clock,
        rng: Random,
        *,
        concurrency: int,
        counts: Counter[str],
        disable: Callable[[str], None],
        gave_up: Callable[[str], Awaitable[None]],
    ) -> None:
        self.endpoint = endpoint
        self.delivered = 0
        self.health = Health()
        self.last: Answer | None = None
        self._view = View(endpoint.sees, endpoint.inbound, endpoint.types)
        self._events = events
        self._outbox = outbox
        self._sender = sender
        self._keep_us = round(settings.keep_d * 86_400 * SECOND_US)
        self._clock = clock
        self._schedule = Schedule(settings.schedule_s, rng)
        self._most = concurrency
        self._counts = counts  # of all endpoints
        self._disable = disable
        self._gave_up = gave_up
        self._wake = asyncio.Event()
        self._read_to = endpoint.place  # of the log
        self._known: set[int] = set()  # have rows, and come once more as the log is read
        self._items: dict[int, Item] = {}
        self._lanes: dict[str, deque[Item]] = {}
        self._ready: list[tuple[int, int, Item]] = []
        self._later: list[tuple[Instant, int, Item]] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._written = endpoint.place
        self._done_rows: list[int] = []
        self._dead_rows: list[Item] = []
        self._new_delivered = 0
        self._new_missed = 0
        self._flush_at_s = 0.0
        self._aged_at_s: float | None = None
        self._n = 0

    @property
    def waiting(self) -> int:
        """Events in hand."""
        return len(self._items)

    @property
    def behind(self) -> int:
        """Rows of the log that it has not looked at."""
        return max(0, self._events.head - self._read_to)

    async def run(self) -> None:
        """For ever; what is under way at the end is waited for a moment."""
        if self.endpoint.state is not EndpointState.ACTIVE:
            await self._idle()
        with self._events.listening(self._wake.set):
            try:
                await self._load()
                while True:
                    self._wake.clear()
                    await self._turn()
                    await self._wait()
            finally:
                await self._end()

    async def _turn(self) -> None:
        try:
            await self._refill()
            self._begin()
            if self._clock.mono() >= self._flush_at_s:
                await self._flush()
        except StoreUnavailable as error:
            log.debug("webhook.store webhook=%s %s", self.endpoint.id, error.reason)

    async def _idle(self) -> None:
        """An endpoint that is not told: what gets too old for it is counted."""
        while True:
            try:
                await self._age()
                await self._flush()
            except StoreUnavailable as error:
                log.debug("webhook.store webhook=%s %s", self.endpoint.id, error.reason)
            await self._clock.sleep(AGED_EVERY_S)

    # -- from the log ----------------------------------------------------------------------------
    async def _load(self) -> None:
        """What has rows, from before."""
        after: int | None = 0
        while after is not None:
            page = await self._outbox.deliveries(self.endpoint.n, after, ROWS, dead=False)
            kept = {each.seq: each for each in page.items}
            found = await self._outbox.some(list(kept)) if kept else []
            for event in found:
                row = kept.pop(event.seq)
                item = self._item(event)
                if item is None:
                    self._done_rows.append(event.seq)
                    continue
                item.take(row)
                item.next_at = NOW  # whatever it waited for may be over: a start tries at once
                self._push(item)
            self._done_rows += kept  # what they were about has gone
            self._new_missed += len(kept)
            after = page.next
            self._known |= {each.seq for each in page.items}
        after = self.endpoint.place
        while after is not None:  # beyond that the log is read once more
            page = await self._outbox.deliveries(self.endpoint.n, after, ROWS, dead=True)
            self._known |= {each.seq for each in page.items}
            after = page.next

    def _item(self, event: LogEvent) -> Item | None:
        type_ = type_of(event)
        if type_ is None or not self._view.shows(event, type_):
            return None
        return Item(event, type_, order_of(event))

    async def _refill(self) -> None:
        if self.health.down:
            now_s = self._clock.mono()
            if self._aged_at_s is None or now_s - self._aged_at_s >= AGED_EVERY_S:
                self._aged_at_s = now_s
                await self._age()
            return
        while self._room():
            found = await self._events.after(self._read_to)
            if found.until == self._read_to:
                return
            oldest = self._clock.now() - self._keep_us
            for event in found.events:
                self._take(event, oldest)
            self._read_to = found.until

    def _room(self) -> bool:
        rows = sum(len(lane) for lane in self._lanes.values() if lane[0].tries)
        return rows < MOST_ROWS and len(self._items) - rows < WINDOW

    def _take(self, event: LogEvent, oldest: int) -> None:
        if event.seq in self._known:
            self._known.discard(event.seq)
            return
        item = self._item(event)
        if item is None:
            return
        if event.at < oldest:
            self._new_missed += 1
        else:
            self._push(item)

    async def _age(self) -> None:
        """Pass over what is too old to be kept for it, and count that."""
        oldest = self._clock.now() - self._keep_us
        passed = 0
        while True:
            found = await self._outbox.log(self._read_to, ROWS)
            if found.until == self._read_to:
                break
            old = [event for event in found.events if event.at < oldest]
            passed += sum(self._item(event) is not None for event in old)
            if len(old) < len(found.events):
                self._read_to = old[-1].seq if old else self._read_to
                break
            self._read_to = found.until
        if passed:
            self._new_missed += passed
            await self._gave_up(f"{passed} events are older than they are kept for it")

    # -- what is next ----------------------------------------------------------------------------
    def _push(self, item: Item) -> None:
        self._items[item.seq] = item
        lane = self._lanes.setdefault(item.order, deque())
        lane.append(item)
        if len(lane) == 1:
            self._due(item)

    def _due(self, item: Item) -> None:
        """It is the first of its subject: it goes now, or when its wait is over."""
        self._n += 1
        if item.next_at > self._clock.now():
            heappush(self._later, (item.next_at, self._n, item))
        else:
            heappush(self._ready, (item.seq, self._n, item))

    def _begin(self) -> None:
        now, now_s = self._clock.now(), self._clock.mono()
        while self._later and self._later[0][0] <= now:
            next_at, _, item = heappop(self._later)
            if self._still_first(item) and item.next_at == next_at:
                self._due(item)
        if now_s < self.health.until_s:
            return
        most = 1 if self.health.down else self._most
        if self.health.down and not self._flying:
            self._all_due()  # whichever is the oldest finds out
        while self._ready and len(self._flying) < most:
            item = heappop(self._ready)[2]
            if self._still_first(item):
                item.flying = True
                task = spawn(self._try(item), name=f"webhook {self.endpoint.id} {item.seq}")
                self._flying.add(task)
                task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        self._wake.set()

    def _still_first(self, item: Item) -> bool:
        lane = self._lanes.get(item.order)
        return bool(lane) and lane[0] is item and not item.flying  # type: ignore[index]

    def _all_due(self) -> None:
        later, self._later = self._later, []
        for next_at, _, item in later:
            if self._still_first(item) and item.next_at == next_at:
                item.next_at = NOW
                self._due(item)

    async def _try(self, item: Item) -> None:
        answer = await self._sender.send(self.endpoint, envelope(item.event, item.type))
        item.flying = False
        self.last = answer
        if answer.ok:
            self._succeeded(item)
        else:
            await self._failed(item, answer)

    def _succeeded(self, item: Item) -> None:
        self.delivered += 1
        self._new_delivered += 1
        self._counts["taken"] += 1
        self._over(item)
        if item.has_row:
            self._done_rows.append(item.seq)
        if self.health.succeeded():
            log.info("webhook.up webhook=%s", self.endpoint.id)
            self._all_due()

    def _over(self, item: Item) -> None:
        """Nothing more is done about it; the next of its subject goes."""
        del self._items[item.seq]
        lane = self._lanes[item.order]
        lane.popleft()
        if lane:
            self._due(lane[0])
        else:
            del self._lanes[item.order]

    async def _failed(self, item: Item, answer: Answer) -> None:
        now = self._clock.now()
        self._counts["failed"] += 1
        item.tries += 1
        item.first_at = item.first_at or now
        item.last_at, item.status, item.error = now, answer.status, answer.error
        item.stored = False
        if self.health.failed(item.order, answer.status, answer.retry_after_s, self._clock.mono()):
            log.warning("webhook.down webhook=%s %s", self.endpoint.id, answer.error)
        wait_s = max(self._schedule.wait_s(item.tries), answer.retry_after_s or 0.0)
        item.next_at = Instant(now + round(wait_s * SECOND_US))
        if answer.gone:
            self._due(item)
            self._disable(GONE)
        elif self._schedule.over(item.tries, (now - item.first_at) / SECOND_US):
            await self._give_up(item)
        else:
            self._due(item)

    async def _give_up(self, item: Item) -> None:
        item.dead = True
        self._counts["given_up"] += 1
        self._dead_rows.append(item)
        self._over(item)
        words = f"event {item.seq} was given up after {item.tries} tries: {item.error}"
        log.warning("webhook.given_up webhook=%s %s", self.endpoint.id, words)
        await self._gave_up(words)
        if self.health.down:
            self._disable(f"it has taken nothing for the whole of the schedule: {item.error}")

    # -- how far it has got ----------------------------------------------------------------------
    async def _flush(self) -> None:
        """Write it where it has changed."""
        self._flush_at_s = self._clock.mono() + FLUSH_S
        keeping = [
            item
            for lane in self._lanes.values()
            if lane[0].tries
            # While nothing goes on at all the log keeps what waits.
            for item in (islice(lane, 1) if self.health.down else lane)
            if not item.stored
        ]
        dead, self._dead_rows = self._dead_rows, []
        kept = {item.seq for item in keeping}
        loose = (seq for seq, item in self._items.items() if not item.has_row and seq not in kept)
        place = max(self.endpoint.place, min(loose, default=self._read_to + 1) - 1)
        done, self._done_rows = self._done_rows, []
        delivered, self._new_delivered = self._new_delivered, 0
        missed, self._new_missed = self._new_missed, 0
        if place == self._written and not (keeping or dead or done or delivered or missed):
            return
        progress = Progress(
            n=self.endpoint.n,
            place=place,
            delivered=delivered,
            missed=missed,
            keep=tuple(item.row() for item in (*keeping, *dead)),
            done=tuple(done),
        )
        for item in keeping:
            item.stored = item.has_row = True  # what fails meanwhile says that it is not
        try:
            await self._outbox.progress([progress])
        except BaseException:
            for item in keeping:
                item.stored = False
            self._dead_rows += dead
            self._done_rows += done
            self._new_delivered += delivered
            self._new_missed += missed
            raise
        self._written = place

    async def _wait(self) -> None:
        now, now_s = self._clock.now(), self._clock.mono()
        wait_s = LONGEST_WAIT_S
        if self._later:
            wait_s = min(wait_s, (self._later[0][0] - now) / SECOND_US)
        if now_s < self.health.until_s:
            wait_s = min(wait_s, self.health.until_s - now_s)
        if self._unwritten():
            wait_s = min(wait_s, self._flush_at_s - now_s)
        try:
            async with asyncio.timeout(max(0.001, wait_s)):
                await self._wake.wait()
        except TimeoutError:
            pass  # something is due

    def _unwritten(self) -> bool:
        return bool(
            self._new_delivered
            or self._new_missed
            or self._done_rows
            or self._dead_rows
            or (not self._items and self._read_to - self._written > PASSED)
            or any(
                lane[0].tries and not lane[0 if self.health.down else -1].stored
                for lane in self._lanes.values()
            )
        )

    async def _end(self) -> None:
        """A moment for what is under way, then what is known is written."""
        flying = list(self._flying)
        if flying:
            await asyncio.wait(flying, timeout=STOP_S)
            for task in flying:
                task.cancel()
            await asyncio.wait(flying)
        try:
            await self._flush()
        except StoreUnavailable as error:
            log.info("webhook.not_written webhook=%s %s", self.endpoint.id, error.reason)
