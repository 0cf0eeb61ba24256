"""A process that loads a store and says on its standard output what it is about to do and has done.

    python -m tests.store.kill_worker STORE RUN SEED

Each line is JSON: {"say": …, …}, written by one write(2) and so whole or not there. It runs until
it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

from airpost.clock import SystemClock
from airpost.model import Idempotency, Lane, MessageClass, MessageId, OnUncertain, SimId
from airpost.states import SegmentEvent
from airpost.store.api import Begun, Binding, Prepared, Settlement
from airpost.store.sqlite import SqliteStore
from tests.store.values import after, concat, intent_of, new, part, settlement

CLOCK = SystemClock()
EVENTS = [SegmentEvent.TAKEN] * 6 + [
    SegmentEvent.UNKNOWN, SegmentEvent.TRANSIENT, SegmentEvent.PERMANENT,
]  # fmt: skip
LANES = 4
ACCEPTORS = 8


def say(what: str, **fields: Any) -> None:
    os.write(1, json.dumps({"say": what, **fields}).encode() + b"\n")


class Load:
    """All that runs at once on one store."""

    def __init__(self, store: SqliteStore, run: int, rng: Random) -> None:
        self.store = store
        self.run = run
        self.rng = rng
        self.accepted: list[str] = []

    async def accept(self, who: int) -> None:
        n = 0
        while True:
            id_ = f"m-{self.run}-{who}-{n}"
            idem = Idempotency(key=id_, fingerprint=id_, status=202, body=id_.encode())
            made = new(
                id_, self.rng.choice((1, 1, 3)), at=CLOCK.now(), idempotency=idem,
                class_=self.rng.choice(tuple(MessageClass)), on_uncertain=OnUncertain.HOLD,
            )  # fmt: skip
            await self.store.accept([made])
            say("accepted", id=id_, parts=len(made.segments))
            self.accepted.append(id_)
            n += 1
            await asyncio.sleep(self.rng.random() * 0.004)

    async def bind(self) -> None:
        n = 0
        while True:
            lanes = [Lane(f"lane-{i}") for i in range(LANES)]
            bindings = []
            for each in await self.store.backlog(CLOCK.now(), 16, lanes, ["default"]):
                lane = lanes[n % LANES]
                n += 1
                bindings.append(
                    Binding(message_seq=each.seq, lane=lane, sim_id=SimId(lane), reason="load")
                )
            await self.store.bind(bindings)
            await asyncio.sleep(0.002)

    async def cancel(self) -> None:
        """Take back what was just accepted: it may be waiting, prepared, or on the air."""
        while True:
            await asyncio.sleep(self.rng.random() * 0.004)
            if not self.accepted:
                continue
            id_ = self.rng.choice(self.accepted[-40:])
            say("cancelling", id=id_)
            done = await self.store.cancel(MessageId(id_), None, "load")
            if done.cancelled:
                say("cancelled", id=id_)

    async def lane(self, name: str) -> None:
        """As a lane does: the next few are prepared while one is on the air, and begin at once."""
        store, rng, lane = self.store, self.rng, Lane(name)
        facts: list[Settlement | Begun] = []  # not handed in
        told: dict[str, Any] = {}  # a result nobody has confirmed
        kept = True
        ready: dict[int, Prepared] = {}
        unwritten: set[int] = set()  # begun, and queued as far as the store knows
        following: asyncio.Future[list[Prepared]] | None = None
        handed: set[int] = set()
        while True:
            if following is not None and (not kept or not ready or rng.random() < 0.5):
                ready |= {each.segment_id: each for each in await following}
                unwritten -= handed
                following = None
            claimed = {
                each.segment_id: each
                for each in await store.claim(lane, CLOCK.now(), 8)
                if each.segment_id not in unwritten
            }
            segment = next((claimed[each] for each in ready if each in claimed and kept), None)
            if segment is None and following is not None:
                continue
            if segment is None and (len(facts) > 1 or not claimed):
                await store.follow(facts, ())
                facts.clear()
                unwritten.clear()
                if told:
                    say("settled", **told)
                told, kept = {}, True
                await asyncio.sleep(0.002)
                continue
            segment = segment or next(iter(claimed.values()))
            at = {"id": segment.message_id, "seq": segment.seq}
            say("intending", **at)
            if (first := ready.get(segment.segment_id)) is not None and kept:
                ready = {key: p for key, p in ready.items() if p.attempt_id > first.attempt_id}
                begun = store.begin(first)
                attempt = None if begun is None else begun.attempt_id
                if begun is not None:
                    facts.append(begun)
                    unwritten.add(begun.segment_id)
            else:
                ready = {}
                settle = facts.pop() if facts else None
                assert not isinstance(settle, Begun)
                intent = intent_of(segment, CLOCK.now(), lane, SimId(name))
                attempt = (await store.air(settle, intent)).attempt_id
                if told:
                    say("settled", **told)
                told = {}
            if attempt is None:
                say("refused", **at)
                continue
            say("intended", **at)
            if following is None and (not ready or rng.random() < 0.3):
                others = [
                    each for each in claimed.values()
                    if each is not segment and each.segment_id not in unwritten
                ][:3]  # fmt: skip
                intents = [intent_of(each, CLOCK.now(), lane, SimId(name)) for each in others]
                following = store.follow(tuple(facts), intents)
                handed = {each.segment_id for each in facts if isinstance(each, Begun)}
                facts.clear()
                for each in others:
                    ready.pop(each.segment_id, None)
            await asyncio.sleep(rng.random() * 0.003)
            event = rng.choice(EVENTS)
            told = {**at, "event": event.value}
            now = CLOCK.now()
            last = settlement(
                segment, attempt, event, rng.randrange(256), now,
                retry_at=after(3600, now) if event is SegmentEvent.TRANSIENT else None,
                grace_until=now if event is SegmentEvent.UNKNOWN else None,
            )  # fmt: skip
            say("settling", **told)
            facts.append(last)
            kept = event is SegmentEvent.TAKEN and store.ended(last, lane)
            if kept:
                say("settled", **told)
                told = {}

    async def receive(self) -> None:
        ref = 0
        while True:
            ref += 1
            sender = f"+49{self.run:03d}{ref:06d}"
            for seq in self.rng.sample((1, 2, 3), 3):
                given = part(
                    f"{sender}.{seq} ".encode(), sender=sender, udh=concat(ref % 256, 3, seq),
                    received_at=CLOCK.now(),
                )  # fmt: skip
                done = await self.store.record_part(given)
                whole = None if done.inbound is None else done.inbound.text
                say("part", sender=sender, ref=ref, seq=seq, whole=whole)
            await asyncio.sleep(self.rng.random() * 0.004)


async def main() -> None:
    path, run, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = SqliteStore(path, CLOCK, Random(seed))
    found = await store.open(CLOCK.now())
    say("open", uncertain=found.uncertain)
    load = Load(store, run, Random(seed))
    async with asyncio.TaskGroup() as group:
        for who in range(ACCEPTORS):
            group.create_task(load.accept(who))
        group.create_task(load.bind())
        group.create_task(load.receive())
        group.create_task(load.cancel())
        for n in range(LANES):
            group.create_task(load.lane(f"lane-{n}"))


if __name__ == "__main__":
    asyncio.run(main())
