"""All endpoints: made, changed, told.

May import L0 and the store's protocols. What changes an endpoint ends its pump, is written, and
begins another, which finds in the store what there is to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import StoreUnavailable
from airpost.model import Severity, uuid7
from airpost.services.eventlog import EventLog
from airpost.services.events import TEST
from airpost.services.webhooks.envelope import made, new_secret
from airpost.services.webhooks.pump import Pump
from airpost.services.webhooks.sender import Answer, ExecSender, HttpSender, Sender
from airpost.services.webhooks.settings import EventSettings
from airpost.services.webhooks.targets import Targets
from airpost.store.api import Page, Store
from airpost.store.publishing import (
    Delivery,
    Endpoint,
    EndpointKind,
    EndpointState,
)
from airpost.tasks import shielded, spawn, stop, supervise

log = logging.getLogger("airpost.webhooks")
OVERLAP_S = 86_400  # the secret before signs too for so long
UPKEEP_S = 3600.0
LOOK_S = 1.0
EXEC_OWNER = "local"


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint and how it is doing; no pump: the service has not begun."""

    endpoint: Endpoint
    pump: Pump | None

    @property
    def state(self) -> str:
        """As people see it: `down` while it is active and takes nothing."""
        active = self.endpoint.state is EndpointState.ACTIVE
        down = active and self.pump is not None and self.pump.health.down
        return "down" if down else self.endpoint.state.value


class Webhooks:
    """The service. `run()` once, beside everything else; it holds up nothing."""

    def __init__(
        self,
        store: Store,
        settings: EventSettings,
        events: EventLog,
        clock: Clock,
        rng: Random,
        *,
        http: Sender | None = None,
    ) -> None:
        self.targets = Targets(settings.webhooks.allow)
        self.settings = settings
        self._store = store
        self._outbox = store.outbox
        self._events = events
        self._clock = clock
        self._rng = rng
        self._http = http or HttpSender(settings.webhooks, clock)
        self._exec = ExecSender(settings.execs)
        self._commands = {each.name: each for each in settings.execs}
        self._endpoints: dict[str, Endpoint] = {}
        self._pumps: dict[str, Pump] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changing = asyncio.Lock()
        self._running = False
        self.counts: Counter[str] = Counter()  # tries of all, by what came of them

    async def run(self) -> None:
        """For ever."""
        try:
            while not self._running:
                try:
                    await self._load()
                except StoreUnavailable as error:
                    log.warning("webhooks.not_begun %s", error.reason)
                    await self._clock.sleep(LOOK_S)
            while True:
                await self._clock.sleep(UPKEEP_S)
                await self._forget()
        finally:
            self._running = False
            for id_ in list(self._tasks):
                await self._end(id_)
            if isinstance(self._http, HttpSender):
                await self._http.close()

    async def _load(self) -> None:
        async with self._changing:
            found = {each.id: each for each in await self._outbox.endpoints()}
            for each in list(found.values()):
                if each.kind is EndpointKind.EXEC and each.target not in self._commands:
                    await self._outbox.remove(each.n)  # the configuration names it no longer
                    del found[each.id]
            for name, command in self._commands.items():
                id_ = f"exec-{name}"
                known = found.get(id_)
                if known is None:
                    new = self._endpoint(id_, EndpointKind.EXEC, EXEC_OWNER, name, command.types)
                    known = await self._outbox.add(new, len(self._commands) + 1_000)
                found[id_] = replace(known, types=command.types)
            self._endpoints = found
            self._running = True
            for each in found.values():
                self._start(each)

    async def _forget(self) -> None:
        keep_us = round(self.settings.webhooks.keep_d * 86_400 * SECOND_US)
        try:
            await self._outbox.forget_dead(Instant(self._clock.now() - keep_us))
        except StoreUnavailable as error:
            log.debug("webhooks.upkeep %s", error.reason)

    # -- pumps -----------------------------------------------------------------------------------
    def _start(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.id] = endpoint
        if self._running:

            async def work() -> None:
                await self._pump(endpoint).run()  # another at each start

            async def gave_up(error: BaseException) -> None:
                self._disable(endpoint.id, f"airpost has failed at it: {type(error).__name__}")

            self._tasks[endpoint.id] = spawn(
                supervise(work, name=f"webhook {endpoint.id}", clock=self._clock, gave_up=gave_up),
                name=f"webhook {endpoint.id}",
            )

    def _pump(self, endpoint: Endpoint) -> Pump:
        async def gave_up(words: str) -> None:
            await self._note(endpoint.id, None, words, Severity.WARNING)

        is_http = endpoint.kind is EndpointKind.HTTP
        command = None if is_http else self._commands[endpoint.target]
        most = self.settings.webhooks.concurrency if command is None else command.concurrency
        self._pumps[endpoint.id] = Pump(
            endpoint, self._events, self._outbox, self._http if is_http else self._exec,
            self.settings.webhooks, self._clock, self._rng, concurrency=most,
            counts=self.counts,
            disable=lambda why: self._disable(endpoint.id, why), gave_up=gave_up,
        )  # fmt: skip
        return self._pumps[endpoint.id]

    async def _end(self, id_: str) -> None:
        task = self._tasks.pop(id_, None)
        if task is not None:
            await stop(task)

    def _disable(self, id_: str, why: str) -> None:
        """From a pump, which must not wait for its own end."""
        spawn(self._set(id_, EndpointState.DISABLED, why), name=f"disable webhook {id_}")

    async def _note(self, id_: str, to: str | None, words: str, severity: Severity) -> None:
        try:
            await self._store.note(f"webhook {id_}", None, to, words, self._clock.now(), severity)
        except StoreUnavailable as error:
            log.warning("webhook.event_not_stored webhook=%s %s", id_, error.reason)

    async def _set(self, id_: str, state: EndpointState, why: str | None) -> None:
        endpoint = self._endpoints.get(id_)
        if endpoint is None:
            return
        if state is EndpointState.DISABLED:
            log.warning("webhook.disabled webhook=%s %s", id_, why)
        try:
            await self._change(id_, lambda: self._outbox.set_state(endpoint.n, state, why))
        except StoreUnavailable as error:
            log.warning("webhook.not_changed webhook=%s %s", id_, error.reason)
        if state is EndpointState.DISABLED:
            await self._note(id_, state.value, why or "", Severity.HIGH)

    async def _change(self, id_: str, write: Callable[[], Awaitable[object]]) -> Endpoint:
        """End its pump, write, begin anew with what the store has; KeyError."""

        async def change() -> Endpoint:
            async with self._changing:
                known = self._endpoints[id_]
                await self._end(id_)
                try:
                    await write()
                    found = {each.id: each for each in await self._outbox.endpoints()}
                    known = replace(found[id_], types=known.types)
                finally:
                    self._start(known)
                return known

        return await shielded(change(), name=f"change webhook {id_}")

    # -- for callers -----------------------------------------------------------------------------
    def all(self, owner: str | None) -> list[Shown]:
        """Those of an owner (None: of everybody), oldest first."""
        found = sorted(self._endpoints.values(), key=lambda each: each.n)
        return [
            Shown(each, self._pumps.get(each.id))
            for each in found
            if owner is None or each.owner == owner
        ]

    def find(self, id_: str, owner: str | None) -> Shown:
        """One of an owner's; KeyError."""
        endpoint = self._endpoints[id_]
        if owner is not None and endpoint.owner != owner:
            raise KeyError(id_)
        return Shown(endpoint, self._pumps.get(id_))

    def _endpoint(
        self, id_: str, kind: EndpointKind, owner: str, target: str, types: Sequence[str]
    ) -> Endpoint:
        return Endpoint(
            n=0,
            id=id_,
            kind=kind,
            owner=owner,
            sees=None,
            inbound=True,
            target=target,
            types=tuple(types),
            note=None,
            state=EndpointState.ACTIVE,
            reason=None,
            place=0,
            delivered=0,
            missed=0,
            created_at=self._clock.now(),
        )

    def new_id(self) -> str:
        """The id of a webhook that is to be made."""
        return uuid7(self._clock.now(), self._rng)

    async def create(
        self,
        id_: str,
        url: str,
        types: Sequence[str],
        note: str | None,
        *,
        owner: str,
        sees: str | None,
        inbound: bool,
    ) -> Endpoint:
        """A new webhook with its secret; TargetRefused, ValueError where there are too many."""
        await self.targets.check(url)
        new = replace(
            self._endpoint(id_, EndpointKind.HTTP, owner, url, types),
            note=note, sees=sees, inbound=inbound, secret=new_secret(),
        )  # fmt: skip

        async def keep() -> Endpoint:
            made = await self._outbox.add(new, self.settings.webhooks.most)
            self._start(made)
            return made

        return await shielded(keep(), name=f"create webhook {id_}")

    async def remove(self, id_: str) -> None:
        """It and its deliveries; KeyError."""

        async def drop() -> None:
            async with self._changing:
                endpoint = self._endpoints[id_]
                await self._end(id_)
                try:
                    await self._outbox.remove(endpoint.n)
                except BaseException:
                    self._start(endpoint)
                    raise
                del self._endpoints[id_]
                self._pumps.pop(id_, None)

        await shielded(drop(), name=f"remove webhook {id_}")

    async def pause(self, id_: str) -> Endpoint:
        """Nothing more is sent; what happens is kept for it."""
        n = self._endpoints[id_].n
        paused = EndpointState.PAUSED
        return await self._change(id_, lambda: self._outbox.set_state(n, paused, None))

    async def resume(self, id_: str) -> Endpoint:
        """It is told again, at once."""
        n = self._endpoints[id_].n
        active = EndpointState.ACTIVE
        return await self._change(id_, lambda: self._outbox.set_state(n, active, None))

    async def rotate(self, id_: str, overlap_s: float = OVERLAP_S) -> Endpoint:
        """A new secret; that of now signs too for a while."""
        n = self._endpoints[id_].n
        until = Instant(self._clock.now() + round(overlap_s * SECOND_US))
        secret = new_secret()
        return await self._change(id_, lambda: self._outbox.set_secret(n, secret, until))

    async def replay(self, id_: str, seqs: Sequence[int] | None) -> None:
        """Deliver these events again; None: those that were given up."""
        n = self._endpoints[id_].n
        now = self._clock.now()
        await self._change(id_, lambda: self._outbox.revive(n, seqs, now))

    async def replay_since(self, id_: str, since: Instant) -> None:
        """Deliver again whatever has happened since then."""
        n = self._endpoints[id_].n
        place = await self._outbox.first_since(since)
        await self._change(id_, lambda: self._outbox.rewind(n, place))

    async def test(self, id_: str) -> tuple[Answer, int]:
        """One event of type `webhook.test`, at once and once; what came of it, and the ms."""
        endpoint = self._endpoints[id_]
        now = self._clock.now()
        sent = made(f"test_{uuid7(now, self._rng)}", TEST, now, {"webhook": id_})
        sender = self._http if endpoint.kind is EndpointKind.HTTP else self._exec
        began_s = self._clock.mono()
        answer = await sender.send(endpoint, sent)
        return answer, round((self._clock.mono() - began_s) * 1000)

    async def deliveries(
        self, id_: str, after: int, limit: int, *, dead: bool | None
    ) -> Page[Delivery]:
        """What has failed, by event."""
        return await self._outbox.deliveries(self._endpoints[id_].n, after, limit, dead=dead)
