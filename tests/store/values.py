"""Values to put into a store, a clock that stands still, and one outbound dialogue in few words."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.codec.times import TimeStamp
from airpost.model import (
    Claimed,
    Encoding,
    Lane,
    Message,
    MessageClass,
    MessageId,
    NewMessage,
    OnUncertain,
    SegmentBody,
    SimId,
)
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.received import RawPart, RawReport
from airpost.states import SegmentEvent
from airpost.store.api import AirResult, Binding, Intent, Prepared, Settlement, Store
from airpost.store.sqlite import SqliteStore

NOW = Instant(1_767_323_045_678_000)  # 2026-01-02T03:04:05.678Z
G1, G2 = Lane("gate-1"), Lane("gate-2")
SIM1, SIM2 = SimId("8949001"), SimId("8949002")
NUMBER = "+4915112345678"
MINUTE, HOUR, DAY = 60, 3600, 86_400

BUSY = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.SIM, code="CMS 42", text="congestion")
BARRED = Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="CMS 10", text="barred")
SILENT = Outcome(cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code="timeout", text="no answer")
ARRIVED = Outcome(cls=OutcomeClass.OK, scope=Scope.MESSAGE, code="TP-ST 0", text="received")
TRYING = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.DESTINATION, code="TP-ST 32", text="busy")
LOST = Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.DESTINATION, code="TP-ST 65", text="lost")
_OUTCOMES = {
    SegmentEvent.TAKEN: SENT,
    SegmentEvent.LATE: SENT,
    SegmentEvent.TRANSIENT: BUSY,
    SegmentEvent.PERMANENT: BARRED,
    SegmentEvent.UNKNOWN: SILENT,
    SegmentEvent.LATE_TRANSIENT: BUSY,
    SegmentEvent.LATE_PERMANENT: BARRED,
}


def after(seconds: float, base: int = NOW) -> Instant:
    return Instant(base + round(seconds * SECOND_US))


def stamp(s: float) -> bytes:
    """The service centre's time, so many seconds after the beginning."""
    return TimeStamp.from_instant(after(s), 4).octets


class FakeClock:
    """Wall time stands until it is moved; sleeping is real."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Instant:
        return self.at

    def mono(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)

    def to(self, seconds: float) -> Instant:
        """Set the clock to so many seconds after NOW."""
        self.at = after(seconds)
        return self.at


@contextmanager
def folder() -> Iterator[Path]:
    """A folder in memory where there is such, else on disk."""
    shm = Path("/dev/shm")
    where = shm if shm.is_dir() and os.access(shm, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where, prefix="airpost-store-") as name:
        yield Path(name)


def body(n: int = 1) -> SegmentBody:
    return SegmentBody(pid=0, dcs=0, udh=b"\x05\x00\x03\x00\x03\x01", ud=b"part %d" % n, udl=13)


def new(id_: str, parts: int = 1, **changes: Any) -> NewMessage:
    """A message; `at` is when it was made."""
    at = changes.pop("at", NOW)
    made = NewMessage(
        id=MessageId(id_),
        owner="shop",
        key_id=None,
        to=NUMBER,
        class_=MessageClass.NORMAL,
        encoding=Encoding.GSM7,
        text=f"text of {id_}",
        data=None,
        segments=tuple(body(n) for n in range(1, parts + 1)),
        concat_bits=8,
        want_report=True,
        created_at=at,
        not_before=None,
        expires_at=after(DAY, at),
        on_uncertain=OnUncertain.RESEND,
    )
    return replace(made, **changes)


def report(mr: int, **changes: Any) -> RawReport:
    made = RawReport(
        sim_id=SIM1,
        lane=G1,
        raw=b"\x00\x06" + bytes((mr,)),
        mr=mr,
        to="015112345678",
        scts=b"\x62\x10\x20\x30\x40\x50\x40",
        status=0,
        delivered=True,
        expired=False,
        outcome=ARRIVED,
        done_at=None,
        received_at=after(60),
    )
    return replace(made, **changes)


def part(text: bytes = b"hello", **changes: Any) -> RawPart:
    """A received part of 8-bit ... GSM 7-bit text is packed elsewhere: these carry UCS-2."""
    ud = changes.pop("ud", text.decode().encode("utf-16-be"))
    udh = changes.get("udh", b"")
    made = RawPart(
        sim_id=SIM1,
        lane=G1,
        number=None,
        raw=b"raw " + ud,
        smsc="+49171",
        sender=NUMBER,
        pid=0,
        dcs=8,
        udh=udh,
        ud=ud,
        udl=len(udh) + len(ud),
        scts=b"\x62\x10\x20\x30\x40\x50\x40",
        sent_at=NOW,
        received_at=NOW,
    )
    return replace(made, **changes)


def concat(ref: int, total: int, seq: int) -> bytes:
    """A header of an 8 bit concatenation, its length octet included."""
    return bytes((5, 0, 3, ref, total, seq))


# -- a dialogue ----------------------------------------------------------------------------------
async def bound(store: Store, *messages: NewMessage, lane: Lane = G1, sim: SimId = SIM1) -> None:
    """Accept and bind."""
    done = await store.accept(messages)
    await store.bind(
        [Binding(message_seq=each.seq, lane=lane, sim_id=sim, reason="test") for each in done]
    )


async def claim(store: Store, at: Instant = NOW, lane: Lane = G1, n: int = 16) -> list[Claimed]:
    return await store.claim(lane, at, n)


async def begin(
    store: Store, segment: Claimed, at: Instant = NOW, lane: Lane = G1, sim: SimId = SIM1
) -> int:
    """Put a segment on the air; its attempt."""
    intent = Intent(segment_id=segment.segment_id, lane=lane, sim_id=sim, tpdu=b"tpdu", begun_at=at)
    done = await store.air(None, intent)
    assert done.attempt_id is not None
    return done.attempt_id


async def end(
    store: Store,
    segment: Claimed,
    attempt: int,
    event: SegmentEvent = SegmentEvent.TAKEN,
    mr: int | None = None,
    at: Instant = NOW,
    **changes: Any,
) -> AirResult:
    """Settle an attempt."""
    return await store.air(settlement(segment, attempt, event, mr, at, **changes), None)


def settlement(
    segment: Claimed,
    attempt: int,
    event: SegmentEvent = SegmentEvent.TAKEN,
    mr: int | None = None,
    at: Instant = NOW,
    **changes: Any,
) -> Settlement:
    made = Settlement(
        segment_id=segment.segment_id,
        attempt_id=attempt,
        event=event,
        outcome=_OUTCOMES[event],
        mr=mr,
        ended_at=at,
    )
    return replace(made, **changes)


def intent_of(
    segment: Claimed, at: Instant = NOW, lane: Lane = G1, sim: SimId = SIM1, tpdu: bytes = b"tpdu"
) -> Intent:
    return Intent(segment_id=segment.segment_id, lane=lane, sim_id=sim, tpdu=tpdu, begun_at=at)


async def prepare(store: Store, segment: Claimed, at: Instant = NOW) -> Prepared:
    """Prepare a segment to begin."""
    (made,) = await store.follow((), [intent_of(segment, at)])
    return made


async def killed(store: SqliteStore) -> None:
    """As kill -9 leaves it: nothing is withdrawn, and the lock is free."""
    await store._reader.stop()
    await store._writer.stop()
    store._journal.close()
    store._lock.release()


async def sent(store: Store, segment: Claimed, mr: int | None, at: Instant = NOW) -> int:
    """Put a segment on the air and have the network take it; its attempt."""
    attempt = await begin(store, segment, at)
    await end(store, segment, attempt, mr=mr, at=at)
    return attempt


async def lost(store: Store, segment: Claimed, at: Instant = NOW, grace_s: float = 60) -> int:
    """Put a segment on the air and hear nothing; its attempt."""
    attempt = await begin(store, segment, at)
    await end(store, segment, attempt, SegmentEvent.UNKNOWN, at=at, grace_until=after(grace_s, at))
    return attempt


async def seen(store: Store, id_: str) -> Message:
    """The message as readers see it."""
    found = await store.message(MessageId(id_), None)
    assert found is not None
    return found


async def moves(
    store: Store, id_: str, subject: str = "message"
) -> list[tuple[str | None, str | None]]:
    """(from, to) of the events of a message or one of its parts that changed something."""
    history = await store.message_events(MessageId(id_))
    return [(e.from_, e.to) for e in history if e.subject == subject and e.from_ != e.to]


async def unmatched(store: Store) -> int:
    """Delivery reports that are nobody's."""
    return (await store.counts())["report.unmatched"]
