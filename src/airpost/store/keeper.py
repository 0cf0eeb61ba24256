"""Keeping on SQLite: a reader of its own, so that no long question stands before a modem's.

May import L0 and its neighbours. What it writes goes in short pieces behind what is on the air,
with a pause after each.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from airpost.clock import Clock, Instant
from airpost.model import MessageId, SimId
from airpost.store import audit, backup, erasure, examine, frozen, funnel, rates, retention
from airpost.store.figures import Figures
from airpost.store.keeping import (
    BackedUp,
    By,
    Checked,
    Forgotten,
    FunnelRow,
    Pruned,
    Rate,
    Refused,
    Retention,
)
from airpost.store.reader import Reader
from airpost.store.writer import Writer

log = logging.getLogger("airpost.store")

T = TypeVar("T")
LOG_TRIES = 100
PAUSE_S = 0.02  # between two pieces of work of retention.BUDGET_S


class Keeper:
    """Beside the store at `path`, with the store's way to write something that is not urgent."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        write: Callable[..., Awaitable[Any]],
        writer: Writer,
        reader: Reader,
    ) -> None:
        self._path = path
        self._clock = clock
        self._write = partial(write, urgent=False)
        self._reader = Reader(path, "store statistics")
        self.figures = Figures(path, clock, self._read, writer.commits, self._queues)
        self._waited_for = writer, reader
        self._copying: asyncio.Future[BackedUp] | None = None

    async def start(self) -> None:
        """Open; the file is there already."""
        await self._reader.start()

    def closed(self, reason: str) -> None:
        """The store could not be opened: why nothing can be asked."""
        self._reader.closed = reason

    async def stop(self) -> None:
        """Close; a backup under way is finished first."""
        if self._copying is not None:
            await asyncio.wait([self._copying])
        await self._reader.stop()

    @property
    def pending(self) -> int:
        """Requests taken and not yet answered."""
        return self._reader.pending

    def _queues(self) -> Mapping[str, int]:
        (air, intake), (modems, lists) = (each.mail.waiting for each in self._waited_for)
        statistics = sum(self._reader.mail.waiting)
        return {"air": air, "intake": intake, "modems": modems, "lists": lists,
                "statistics": statistics}  # fmt: skip

    async def _read(self, function: Callable[..., T], *given: Any) -> T:
        done: T = await self._reader.ask(lambda db: function(db, *given), urgent=False)
        return done

    # -- statistics ------------------------------------------------------------------------------
    async def funnel(self, by: By | None, since: Instant, until: Instant) -> list[FunnelRow]:
        """The funnel."""
        return await self._read(funnel.funnel, by, since, until)

    async def count_refused(self, refused: Mapping[Refused, int], now: Instant) -> None:
        """Add refused requests to the counts."""
        await self._write(funnel.count_refused, refused, now)

    async def note_operator(self, sim_id: SimId, operator: str, now: Instant) -> None:
        """Remember the network of a SIM."""
        await self._write(funnel.note_operator, sim_id, operator, now)

    async def collect_rates(self, now: Instant) -> None:
        """Count the hours that are ripe."""
        found, until = await self._read(rates.uncounted, now)
        await self._write(rates.add, found, until)

    async def rates(self, since_hour: int) -> Sequence[Rate]:
        """What was counted."""
        return await self._read(rates.rates, since_hour)

    async def told_filters(self) -> str:
        """The filters that last."""
        return await self._read(rates.told_filters)

    async def keep_filters(self, told: str) -> None:
        """These last."""
        await self._write(rates.keep_filters, told)

    # -- retention -------------------------------------------------------------------------------
    async def prune(self, kept: Retention, now: Instant) -> Pruned:
        """Remove what is past its time, stretch by stretch."""
        done = Pruned()
        end = await self._read(retention.ends)
        for after in range(0, end, retention.STRETCH):
            due = await self._read(retention.due, kept, now, after)
            done += Pruned(
                contents=await self._bit_by_bit(retention.erase_messages, due.message_bodies)
                + await self._bit_by_bit(retention.erase_inbound, due.inbound_bodies),
                messages=await self._bit_by_bit(retention.drop_messages, due.message_records),
                inbound=await self._bit_by_bit(retention.drop_inbound, due.inbound_records),
            )
        while count := await self._write(retention.drop_small, kept, now):
            done += Pruned(events=count)
            await self._clock.sleep(PAUSE_S)
        while count := await self._write(audit.prune, kept.audit_d, now):
            done += Pruned(audit=count)
            await self._clock.sleep(PAUSE_S)
        while octets := await self._write(retention.give_back):
            done += Pruned(freed_octets=octets)
            await self._clock.sleep(PAUSE_S)
        return done

    async def _bit_by_bit(self, work: Callable[..., int], seqs: Sequence[int]) -> int:
        at = 0
        while at < len(seqs):
            at += await self._write(work, seqs[at : at + retention.ROWS])
            await self._clock.sleep(PAUSE_S)
        return len(seqs)

    async def forget(self, number: str, actor: str) -> Forgotten:
        """Erase a number."""
        found = await self._read(erasure.traces, number)
        await self._bit_by_bit(erasure.forget_messages, found.messages)
        await self._bit_by_bit(erasure.forget_inbound, found.inbound)
        await self._write(erasure.forget_rest, number, found, actor, self._clock.now())
        await self._empty_log()
        return Forgotten(
            messages=len(found.messages),
            inbound=len(found.inbound),
            under_way=found.under_way,
        )

    async def _empty_log(self) -> None:
        """What was erased stands in SQLite's log until that is written over: it begins anew."""
        with ThreadPoolExecutor(1, thread_name_prefix="store log") as thread:
            for _ in range(LOG_TRIES):
                call = asyncio.get_running_loop().run_in_executor
                if await call(thread, erasure.empty_log, self._path):
                    return
                await self._clock.sleep(PAUSE_S)  # somebody reads what stands in it
        log.warning("store.log_not_emptied what was erased may stand in %s-wal for a while",
                    self._path)  # fmt: skip

    # -- the file --------------------------------------------------------------------------------
    async def check(self) -> Checked:
        """Look through all of the store."""
        return await self._read(examine.check)

    async def damage(self) -> str | None:
        """What is wrong with the file as it lies on the disk; it takes as long as `check`."""
        found: str | None = await self._read(examine.damage)
        return found

    async def backup(self, to: Path) -> BackedUp:
        """A copy of this moment."""
        if self._copying is not None:
            raise ValueError("a backup is being made already")
        thread = ThreadPoolExecutor(1, thread_name_prefix="store backup")
        loop = asyncio.get_running_loop()
        self._copying = loop.run_in_executor(thread, backup.copy, self._path, to)
        try:
            return await asyncio.shield(self._copying)
        finally:
            thread.shutdown(wait=False)
            self._copying = None

    async def release_restored(self, ids: Sequence[MessageId], actor: str) -> int:
        """Let them go on, some at a time."""
        count: int = await self._write(frozen.release, ids, actor, self._clock.now())
        while not ids and (more := await self._release_more(actor)):
            count += more
        return count

    async def _release_more(self, actor: str) -> int:
        await self._clock.sleep(PAUSE_S)
        done: int = await self._write(frozen.release, (), actor, self._clock.now())
        return done
