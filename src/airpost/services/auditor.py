"""The audit log as the services see it: changes at once, refusals together, anchors elsewhere.

May import L0 and the store's protocols. The row of a change is in the commit of the change; what
cannot be in one commit, such as a command to a modem, has a row before it and one after. What is
told of the service itself waits in memory while the store cannot write, and so do refusals. They
cannot fill the disk: of
one kind the first is written within a second, repeats together after one minute, two, four, up to
an hour; and what goes beyond BURST rows, and one a minute after that, shares one row.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

from airpost.audit import BEGUN, DONE, Anchor, Entry, Value
from airpost.clock import Clock, Instant, rfc3339
from airpost.errors import AirpostError, StoreUnavailable
from airpost.store.auditing import AuditLog, Riding, riding
from airpost.tasks import shielded, spawn

log = logging.getLogger("airpost.audit")
TOGETHER_S = 1.0  # refusals within go into one commit
AGAIN_S = 5.0  # between tries while the store cannot write
FIRST_PAUSE_S = 60.0  # before a refusal of a kind that was just written is written again
LONGEST_PAUSE_S = 3600.0
BURST = 60.0  # rows of refusals at once
ROW_EVERY_S = 60.0  # one more each
MOST_KINDS = 256  # that are told apart
MOST_WAITING = 1000  # entries in memory; what is over is counted
SEVERAL = "several"
NOT_DONE = "not done"  # where nothing more is told
_NEVER = Instant(0)


@dataclass(frozen=True, slots=True)
class Refused:
    """A kind of refusal: who was refused what, from where, and why."""

    action: str
    actor: str
    origin: str
    result: str


@dataclass(slots=True)
class _Kind:
    """Refusals of one kind that are not written yet, and when the next ones may be."""

    count: int = 0
    first: Instant = _NEVER
    last: Instant = _NEVER
    subject: str = ""
    due_s: float = 0.0
    pause_s: float = 0.0


class Auditor:
    """`changed` is told the newest row after each commit."""

    def __init__(
        self, rows: AuditLog, clock: Clock, changed: Callable[[Anchor], None] = lambda _: None
    ) -> None:
        self._log = rows
        self._clock = clock
        self._changed = changed
        self._waiting: deque[Entry] = deque()
        self._lost = 0
        self._kinds: dict[Refused, _Kind] = {}
        self._others = _Kind()
        self._tokens = BURST
        self._filled_s = 0.0
        self._news = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    # -- changes ---------------------------------------------------------------------------------
    async def record(
        self,
        action: str,
        actor: str,
        *,
        origin: str = "",
        subject: str = "",
        result: str = DONE,
        detail: Mapping[str, Value] = MappingProxyType({}),
    ) -> None:
        """Record what was done; returns once it is on disk, or waits for a store that can write.

        No number in full, no content and no secret: rows stay for years.
        """
        await self._record(
            Entry(
                at=self._clock.now(), action=action, actor=actor, origin=origin, subject=subject,
                result=result, detail=detail,
            )
        )  # fmt: skip

    async def _record(self, entry: Entry) -> None:
        self._put(entry)
        if not await shielded(self._write_waiting(), name="audit"):
            self._write_later()

    @asynccontextmanager
    async def changing(
        self,
        action: str,
        actor: str,
        *,
        origin: str = "",
        subject: str = "",
        detail: Mapping[str, Value] = MappingProxyType({}),
    ) -> AsyncIterator[Riding]:
        """What is done inside has its row in the commit that changes the store.

        Where nothing is to be changed the row follows at the end, unless that is an error. See
        `begins` for what is not of the store, or of more than one commit.
        """
        entry = Entry(
            at=self._clock.now(), action=action, actor=actor, origin=origin, subject=subject,
            detail=detail,
        )  # fmt: skip
        with riding(entry) as ride:
            try:
                yield ride
            except (AirpostError, ValueError):
                if ride.begun:
                    await self._ended(ride, NOT_DONE)
                raise
            finally:
                if ride.anchor is not None:
                    self._changed(ride.anchor)
        if ride.begun:
            await self._ended(ride)
        elif ride.anchor is None:
            await self._record(ride.entry)

    async def begins(self, ride: Riding) -> None:
        """Write that it begins: its end is a row too, and a start finds what has none.

        StoreUnavailable: what nothing can tell of is not done.
        """
        ride.begun = 0
        entry = replace(ride.entry, at=self._clock.now(), result=BEGUN)
        head = await self._log.append((entry,))
        ride.begun = head.n
        self._changed(head)

    async def _ended(self, ride: Riding, result: str = DONE) -> None:
        told = ride.entry
        result = result if told.result == DONE else told.result
        await self._record(replace(told, at=self._clock.now(), result=result, ends=ride.begun))

    def _put(self, entry: Entry) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
        else:
            self._waiting.append(entry)

    async def _write_waiting(self) -> bool:
        """Write what waits; False when the store cannot."""
        entries, self._waiting = self._waiting, deque()
        lost, self._lost = self._lost, 0
        if lost:
            entries.append(
                Entry(at=self._clock.now(), action="audit.lost", actor="airpost", count=lost)
            )
        if not entries:
            return True
        try:
            head = await self._log.append(tuple(entries))
        except StoreUnavailable as error:
            log.warning("audit.not_written entries=%d %s", len(entries), error.reason)
            if lost:
                entries.pop()
            self._lost += lost
            self._waiting.extendleft(reversed(entries))
            return False
        for entry in entries:
            log.debug("audit.row action=%s actor=%s result=%s", entry.action, entry.actor,
                      entry.result)  # fmt: skip
        self._changed(head)
        return True

    # -- refusals --------------------------------------------------------------------------------
    def refused(
        self, action: str, actor: str, *, origin: str = "", subject: str = "", result: str
    ) -> None:
        """Count a refusal; costs next to nothing, and is in the log soon, perhaps with others."""
        key = Refused(action, actor, origin, result)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= MOST_KINDS and not self._make_room():
                kind = self._others
            else:
                kind = self._kinds[key] = _Kind(due_s=self._clock.mono() + TOGETHER_S)
        if kind.count == 0:
            kind.first = self._clock.now()
        kind.count += 1
        kind.last = self._clock.now()
        kind.subject = subject
        self._write_later()

    def _make_room(self) -> bool:
        """Forget kinds of which nothing waits and that were quiet for long enough."""
        now_s = self._clock.mono()
        idle = [key for key, kind in self._kinds.items() if not kind.count and kind.due_s < now_s]
        for key in idle:
            del self._kinds[key]
        return len(self._kinds) < MOST_KINDS

    def _write_later(self) -> None:
        self._news.set()
        if self._writing is None:
            self._writing = spawn(self._write_soon(), name="audit refusals")

    async def _write_soon(self) -> None:
        try:
            while (wait_s := self._wait_s()) is not None:
                self._news.clear()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
                except TimeoutError:
                    self._put_refusals(self._clock.mono())
                    await self._write_waiting()
        finally:
            self._writing = None

    def _wait_s(self) -> float | None:
        """How long until something is to be written; None: there is nothing."""
        if self._waiting or self._lost:
            return AGAIN_S
        due_s = self._next_due_s()
        return None if due_s is None else max(TOGETHER_S, due_s - self._clock.mono())

    def _next_due_s(self) -> float | None:
        """When something of what was refused is to be written; None: there is nothing."""
        due = [kind.due_s for kind in self._kinds.values() if kind.count]
        if self._others.count:
            due.append(self._clock.mono())
        if not due:
            return None
        return max(min(due), self._clock.mono() + self._wait_for_token_s())

    def _wait_for_token_s(self) -> float:
        self._fill()
        return max(0.0, (1.0 - self._tokens) * ROW_EVERY_S)

    def _fill(self) -> None:
        now_s = self._clock.mono()
        self._tokens = min(BURST, self._tokens + (now_s - self._filled_s) / ROW_EVERY_S)
        self._filled_s = now_s

    def _put_refusals(self, now_s: float, *, all_: bool = False) -> None:
        """Make entries of what is due, as many as there may be; the last one of all the rest."""
        self._fill()
        ready = [(key, kind) for key, kind in self._kinds.items()
                 if kind.count and (all_ or kind.due_s <= now_s)]  # fmt: skip
        if self._tokens < 1.0 and not all_:
            return
        room = max(1, int(self._tokens))
        apart = ready if len(ready) + bool(self._others.count) <= room else ready[: room - 1]
        rest = ready[len(apart) :]
        for key, kind in apart:
            self._put(_entry(key, kind))
        if rest or self._others.count:
            self._put(self._of_several([kind for _, kind in rest]))
            self._tokens -= 1
        self._tokens -= len(apart)
        for _, kind in ready:
            self._written(kind, now_s)
        self._others = _Kind()

    @staticmethod
    def _written(kind: _Kind, now_s: float) -> None:
        kind.count = 0
        kind.pause_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, kind.pause_s * 2))
        kind.due_s = now_s + kind.pause_s

    def _of_several(self, kinds: list[_Kind]) -> Entry:
        told = {"kinds": len(kinds)}
        if self._others.count:
            kinds = [*kinds, self._others]
        total = _Kind(
            count=sum(kind.count for kind in kinds),
            first=min(kind.first for kind in kinds),
            last=max(kind.last for kind in kinds),
        )
        made = _entry(Refused(SEVERAL, SEVERAL, SEVERAL, SEVERAL), total)
        return replace(made, detail={**made.detail, **told})

    async def close(self) -> None:
        """The end: write what is left."""
        if self._writing is not None:
            self._writing.cancel()
        self._put_refusals(self._clock.mono(), all_=True)
        await self._write_waiting()
        try:
            self._changed(await self._log.head())  # also of what was being written
        except StoreUnavailable as error:
            log.warning("audit.head_unknown %s", error.reason)


def _entry(key: Refused, kind: _Kind) -> Entry:
    detail: dict[str, Value] = {}
    if kind.count > 1:
        detail = {"since": rfc3339(kind.first)}
    return Entry(
        at=kind.last,
        action=key.action,
        actor=key.actor,
        origin=key.origin,
        subject=kind.subject,
        result=key.result,
        count=kind.count,
        detail=detail,
    )
