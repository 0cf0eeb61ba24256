"""The virtual SMSC: takes SUBMITs, delivers to modems and handsets, reports, keeps, lets expire.

May import airpost.codec. Time is the loop's; the calendar is `start_us` plus what the loop's time
has moved since.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from airpost.codec.address import Address
from airpost.codec.times import TimeStamp, ValidityFormat
from airpost.codec.tpdu import Deliver, StatusReport, Submit
from hwsim.handset import Handset
from hwsim.subscriber import Delivery, Subscriber
from hwsim.timers import Timer, Timers

DELIVERED = 0x00  # TP-ST, TS 23.040 9.2.3.15
TRYING = 0x30  # still trying, nothing more said
EXPIRED = 0x46
KEEP_S = 7 * 86_400.0  # without TP-VP
RETRY_S = 600.0

AIR_MEDIAN_S = 3.5
AIR_SIGMA = 0.35
AIR_SLOW, AIR_SLOW_S = 0.01, (20.0, 60.0)  # one in a hundred
AIR_NEVER = 0.001  # one in a thousand is never answered

Watcher = Callable[[str, str, dict[str, object]], None]
"""Called with source, kind and details of what happens."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Item:
    """Something on its way to one number."""

    to: str
    tpdu: bytes
    report: bool
    settled: Callable[[int], None] | None = None  # TP-ST
    tried: bool = False
    again: bool = False  # a further try has its timer
    expires_at_s: float = math.inf  # loop time
    expiry: Timer | None = None


@dataclass(slots=True)
class _Queue:
    """What waits for one number; one thing at a time is on the air."""

    items: deque[_Item] = field(default_factory=deque)
    on_air: _Item | None = None


class Network:
    """One operator. All settings may be changed while it runs.

    `air_s` seconds a segment is on the air (None: log-normal around 3.5 s with rare long ones),
    `latency_s` from SMSC to receiver, `report_delay_s` from delivery to report, `loss` the share of
    messages that vanish after they were accepted, `report_loss` the same for reports,
    `retry_s` after which the SMSC tries again what a reachable receiver refused,
    `early_reports` sends reports before the modem says +CMGS, `interim_reports` tells that it still
    tries when a receiver is away.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        rng: Random,
        *,
        start_us: int,
        air_s: float | None = None,
        report_delay_s: float = 2.0,
        latency_s: float = 0.0,
        on_event: Watcher = lambda _source, _kind, _detail: None,
    ) -> None:
        self.air_s = air_s
        self.report_delay_s = report_delay_s
        self.latency_s = latency_s
        self.retry_s = RETRY_S
        self.loss = 0.0
        self.report_loss = 0.0
        self.early_reports = False
        self.interim_reports = False
        self.operator = "Airpost Test"
        self.plmn = "26299"
        self.zone_quarters = 0
        self.ussd: dict[str, str] = {"*100#": "Credit: 12.34 EUR"}
        self.accepted = 0
        self.lost = 0
        self._loop = loop
        self._timers = Timers(loop)
        self._seed = rng.getrandbits(64)  # of each number's own: who comes first must not matter
        self._luck: dict[str, Random] = {}
        self._origin_s = loop.time()
        self._start_us = start_us
        self._watcher = on_event
        self._subscribers: dict[str, Subscriber] = {}
        self._handsets: dict[str, Handset] = {}
        self._queues: dict[tuple[str, bool], _Queue] = {}

    def now_s(self) -> float:
        """Loop time."""
        return self._loop.time()

    def event(self, source: str, kind: str, detail: dict[str, object]) -> None:
        """Tell whoever watches."""
        self._watcher(source, kind, detail)

    def now_us(self) -> int:
        """The calendar, UTC microseconds."""
        return self._start_us + round((self._loop.time() - self._origin_s) * 1_000_000)

    def stamp(self) -> TimeStamp:
        """The calendar as TP-SCTS."""
        return TimeStamp.from_instant(self.now_us(), self.zone_quarters)

    def later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Run `call` after `delay_s`; what is due at the same time runs in the order set."""
        return self._timers.later(delay_s, call)

    def close(self) -> None:
        """Nothing moves any more."""
        self._timers.close()

    def attach(self, subscriber: Subscriber) -> None:
        """Make a number known; what waited for it is tried."""
        self._subscribers[subscriber.number] = subscriber
        self.available(subscriber.number)

    def handset(self, number: str) -> Handset:
        """The handset with this number; made at the first asking. ValueError for a modem's."""
        found = self._handsets.get(number)
        if found is None:
            if number in self._subscribers:
                raise ValueError(f"{number} is a modem")
            found = Handset(number, self._luck_of(number), self)
            self._handsets[number] = found
            self._subscribers[number] = found
        return found

    def handsets(self) -> list[Handset]:
        """All handsets there are, in the order of their making."""
        return list(self._handsets.values())

    def _luck_of(self, number: str) -> Random:
        found = self._luck.get(number)
        if found is None:
            found = self._luck[number] = Random(f"{self._seed}/{number}")
        return found

    def waiting(self, number: str) -> int:
        """Messages and reports the SMSC keeps for `number`."""
        queues = [self._queues.get((number, report)) for report in (False, True)]
        return sum(len(each.items) + (each.on_air is not None) for each in queues if each)

    def draw_air_s(self, rng: Random) -> float | None:
        """Seconds on the air for one segment; None for one that is never answered."""
        if self.air_s is not None:
            return self.air_s
        if rng.random() < AIR_NEVER:
            return None
        if rng.random() < AIR_SLOW:
            return rng.uniform(*AIR_SLOW_S)
        return AIR_MEDIAN_S * rng.lognormvariate(0.0, AIR_SIGMA)

    def submit(self, sender: str, submit: Submit, *, early: bool = False) -> None:
        """Take a message from `sender`. `early` reports are there when this returns."""
        self.accepted += 1
        to = submit.da.number
        scts = self.stamp()
        self.event("network", "accepted", {"from": sender, "to": to, "mr": submit.mr})
        luck = self._luck_of(sender)
        if luck.random() < self.loss:
            self.lost += 1
            return
        early = early or self.early_reports

        def settled(status: int) -> None:
            if not submit.srr or luck.random() < self.report_loss:
                return
            report = StatusReport(
                mr=submit.mr, ra=submit.da, scts=scts, dt=self.stamp(), status=status
            )
            if early:
                self._report(sender, report, now=True)
            else:
                self.later(self.report_delay_s, lambda: self._report(sender, report))

        deliver = Deliver(
            oa=Address.from_number(sender), pid=submit.pid, dcs=submit.dcs, scts=scts,
            udh=submit.udh, ud=submit.ud, udl=submit.udl, sri=submit.srr,
        )  # fmt: skip
        item = _Item(to=to, tpdu=deliver.build(), report=False, settled=settled)
        item.expires_at_s = self.now_s() + self._validity_s(submit)
        if to not in self._subscribers:
            self.handset(to)
        self._send(item, now=early)

    def _validity_s(self, submit: Submit) -> float:
        period = submit.vp
        if period is None:
            return KEEP_S
        if period.format is ValidityFormat.ABSOLUTE and period.stamp is not None:
            until = period.stamp.instant_us
            return KEEP_S if until is None else max(0.0, (until - self.now_us()) / 1e6)
        seconds = period.seconds
        return KEEP_S if seconds is None else float(seconds)

    def _report(self, to: str, report: StatusReport, *, now: bool = False) -> None:
        self.event("network", "report", {"to": to, "mr": report.mr, "status": report.status})
        self._send(_Item(to=to, tpdu=report.build(), report=True), now=now)

    def arranged(self, to: str, parts: int) -> Sequence[int]:
        """The order in which the parts of a message come to `to`."""
        subscriber = self._subscribers.get(to)
        return range(1, parts + 1) if subscriber is None else subscriber.arrange(parts)

    def transmit(self, to: str, tpdu: bytes) -> None:
        """Carry an SMS-DELIVER to `to`."""
        self._send(_Item(to=to, tpdu=tpdu, report=False))

    def _send(self, item: _Item, *, now: bool = False) -> None:
        if now:
            self._enqueue(item)
        else:
            self.later(self.latency_s, lambda: self._enqueue(item))

    def _enqueue(self, item: _Item) -> None:
        queue = self._queues.setdefault((item.to, item.report), _Queue())
        queue.items.append(item)
        self.available(item.to)
        if item is queue.on_air or item in queue.items:
            self._let_expire(item)

    def available(self, number: str) -> None:
        """Try what waits for `number`: it can be reached again, or has room again."""
        subscriber = self._subscribers.get(number)
        # Messages and reports apart: a full store holds up the former only.
        for report in (False, True):
            queue = self._queues.get((number, report))
            if subscriber and queue:
                self._drain(queue, subscriber)

    def _drain(self, queue: _Queue, subscriber: Subscriber) -> None:
        while queue.items and queue.on_air is None:
            item = queue.items[0]
            if subscriber.refusal is not None and not item.report:
                queue.items.popleft()
                self._settle(item, subscriber.refusal)
                continue
            if not subscriber.reachable:
                self._keep(item)
                return
            queue.items.popleft()
            queue.on_air = item
            if not self._hand_over(queue, item, subscriber):
                return

    def _hand_over(self, queue: _Queue, item: _Item, subscriber: Subscriber) -> bool:
        """False when the receiver has not taken it yet, or will not now."""
        ended: list[Delivery] = []
        inside = True

        def done(how: Delivery) -> None:
            if ended:
                return
            ended.append(how)
            queue.on_air = None
            if how is Delivery.TAKEN:
                self._settle(item, DELIVERED)
                if not inside:
                    self.available(item.to)
            else:
                queue.items.appendleft(item)
                self._keep(item)
                self._try_again_later(item)

        (subscriber.take_report if item.report else subscriber.take_message)(item.tpdu, done)
        inside = False
        return ended == [Delivery.TAKEN]

    def _keep(self, item: _Item) -> None:
        if self.interim_reports and not item.tried and item.settled:
            item.settled(TRYING)
        item.tried = True
        self._let_expire(item)

    def _try_again_later(self, item: _Item) -> None:
        if not item.again:
            item.again = True

            def again() -> None:
                item.again = False
                self.available(item.to)

            self.later(self.retry_s, again)

    def _let_expire(self, item: _Item) -> None:
        if item.expiry is None and item.expires_at_s < math.inf:
            left_s = item.expires_at_s - self.now_s()
            item.expiry = self.later(left_s, lambda: self._expire(item))

    def _settle(self, item: _Item, status: int) -> None:
        if item.expiry is not None:
            item.expiry.cancel()
        if item.settled is not None:
            item.settled(status)

    def _expire(self, item: _Item) -> None:
        queue = self._queues[(item.to, item.report)]
        if item is queue.on_air:  # the receiver has it in hand and decides
            item.expiry = None
        elif item in queue.items:
            queue.items.remove(item)
            self.event("network", "expired", {"to": item.to})
            self._settle(item, EXPIRED)
