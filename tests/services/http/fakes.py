"""A store and a pool as far as the services look, and values to put into them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from airpost.apikey import ApiKey
from airpost.clock import SECOND_US, Instant
from airpost.errors import CommandFailed, DuplicateRequest, StoreUnavailable
from airpost.histogram import Histogram
from airpost.model import (
    Encoding,
    Event,
    InboundId,
    Lane,
    Message,
    MessageId,
    ModemView,
    NewMessage,
    SimId,
    UnitState,
    Waiting,
    Waits,
    Way,
    WireLine,
)
from airpost.pool.facade import Block, BudgetView, Outlook, Promise, Use
from airpost.pool.tally import Tally
from airpost.received import Inbound
from airpost.services.http.credentials import make_token, token_hash
from airpost.services.http.render import accepted
from airpost.states import MessageState
from airpost.store.api import (
    Accepted,
    CancelResult,
    MessageFilter,
    Page,
    QueueView,
    Verdict,
    Wake,
)
from airpost.store.keeping import (
    BackedUp,
    By,
    Checked,
    Forgotten,
    FunnelRow,
    Pruned,
    Refused,
    Retention,
    Standing,
)
from airpost.store.outbound import scope_of
from airpost.store.routing import Served
from airpost.tasks import spawn
from tests.services.fake_audit import FakeAuditLog
from tests.services.http.fake_outbox import FakeOutbox
from tests.services.http.listed import FakeBlocklist, FakeChoices, FakePeople

NOW = Instant(1_767_323_045_678_000)  # 2026-01-02T03:04:05.678Z


class FakeClock:
    def __init__(self, loop_time: Callable[[], float] | None = None) -> None:
        self.at = NOW
        self._loop_time = loop_time

    def now(self) -> Instant:
        return self.at

    def mono(self) -> float:
        return self._loop_time() if self._loop_time else asyncio.get_running_loop().time()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)

    def advance(self, by_s: float) -> None:
        self.at = Instant(self.at + int(by_s * SECOND_US))


class FakeStore:
    def __init__(self) -> None:
        self.kept: dict[str, Message] = {}
        self.blocklist = FakeBlocklist()
        self.choices = FakeChoices()
        self.people = FakePeople()
        self.news: list[NewMessage] = []
        self.answers: dict[tuple[str, str], tuple[str, int, bytes]] = {}
        self.history: list[Event] = []
        self.received: list[Inbound] = []
        self.by_hash: dict[bytes, ApiKey] = {}
        self.callbacks: list[Callable[[Wake], None]] = []
        self.unavailable: str | None = None
        self.gate: asyncio.Event | None = None  # accept() waits for it
        self.accepting = asyncio.Event()
        self.stored = asyncio.Event()
        self.looks = 0
        self.looked = asyncio.Event()
        self.raises: Exception | None = None
        self.asked: list[MessageFilter] = []
        self.actors: list[str] = []
        self.keeping = FakeKeeping()
        self.outbox = FakeOutbox()
        self.audit = FakeAuditLog()

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def wake(self, wake: Wake) -> None:
        for callback in list(self.callbacks):
            callback(wake)

    def _check(self) -> None:
        if self.raises is not None:
            raise self.raises
        if self.unavailable is not None:
            raise StoreUnavailable(self.unavailable)

    async def accept(self, new: Sequence[NewMessage]) -> list[Accepted]:
        self.accepting.set()
        if self.gate is not None:
            await self.gate.wait()
        self._check()
        done = []
        for each in new:
            if (idem := each.idempotency) is not None:
                scope = scope_of(each.owner, each.key_id)
                if (scope, idem.key) in self.answers:
                    mark, status, body = self.answers[scope, idem.key]
                    same = mark == idem.fingerprint
                    raise DuplicateRequest("result" if same else "mismatch", status, body)
                self.answers[scope, idem.key] = (idem.fingerprint, idem.status, idem.body)
            self.news.append(each)
            self.kept[each.id] = replace(accepted(each), seq=len(self.kept) + 1)
            done.append(Accepted(id=each.id, seq=len(self.kept)))
        self.stored.set()
        return done

    def hand_in(self, new: NewMessage) -> asyncio.Future[Accepted]:
        async def one() -> Accepted:
            return (await self.accept([new]))[0]

        return spawn(one(), name="hand in")

    async def idempotent(self, owner: str, key: str) -> tuple[str, int, bytes] | None:
        return self.answers.get((owner, key))

    async def cancel(self, message_id: MessageId, owner: str | None, actor: str) -> CancelResult:
        self._check()
        found = self._mine(message_id, owner)
        if found is None:
            raise KeyError(message_id)
        self.actors.append(actor)
        if found.state is not MessageState.QUEUED:
            return CancelResult(cancelled=False, state=found.state, reason="it is under way")
        state = MessageState.CANCELLED
        self.kept[message_id] = replace(found, state=state, final=True, reason="cancelled")
        return CancelResult(cancelled=True, state=state, reason="cancelled")

    def _mine(self, message_id: str, owner: str | None) -> Message | None:
        found = self.kept.get(message_id)
        return found if found is not None and owner in (None, found.owner) else None

    async def message(self, message_id: MessageId, owner: str | None) -> Message | None:
        return self._mine(message_id, owner)

    async def messages(self, where: MessageFilter, after: int, limit: int) -> Page[Message]:
        self.asked.append(where)
        found = [m for m in self.kept.values()
                 if (not after or (m.seq < after if where.newest else m.seq > after))
                 and where.owner in (None, m.owner)]  # fmt: skip
        found.sort(key=lambda each: each.seq, reverse=where.newest)
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    async def message_events(self, message_id: MessageId) -> list[Event]:
        return [event for event in self.history if event.message_id == message_id]

    async def inbound(self, owner: str | None, after: int, limit: int) -> Page[Inbound]:
        self.looks += 1
        self.looked.set()
        found = [i for i in self.received if i.seq > after and owner in (None, i.owner)]
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    @property
    def decisions(self) -> FakeStore:
        return self

    async def move(self, lane: Lane, to: Lane | None, actor: str) -> int:
        self.actors.append(actor)
        mine = [each for each in self.kept.values() if each.modem == lane]
        self.kept |= {each.id: replace(each, modem=to) for each in mine}
        return len(mine)

    async def settle(
        self, message_id: MessageId, owner: str | None, verdict: Verdict, actor: str
    ) -> bool:
        found = self._mine(message_id, owner)
        if found is None:
            raise KeyError(message_id)
        self.actors.append(actor)
        if found.state is not MessageState.UNCERTAIN:
            return False
        state = MessageState.QUEUED if verdict is Verdict.RESEND else MessageState(verdict.value)
        self.kept[message_id] = replace(found, state=state)
        return True

    async def queue(self, lane: Lane | None, limit: int, routes: Served = None) -> QueueView:
        every = tuple(self.kept.values())
        bound = tuple(m for m in every if m.modem == lane and lane is not None)
        rest = tuple(m for m in every if m.modem is None)
        rest = tuple(m for m in rest if not routes or (m.outlet or "route default")[6:] in routes)
        return QueueView(bound=bound, backlog=rest[:limit], backlog_total=len(rest))

    pending = 0

    async def counts(self) -> dict[str, int]:
        return {"queued": len(self.kept)}

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        self.by_hash[secret_hash] = key

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        return self.by_hash.get(secret_hash)

    async def keys(self) -> list[ApiKey]:
        return [key for key in self.by_hash.values() if not key.by_old]

    async def revoke_key(self, key_id: str, now: Instant) -> bool:
        mine = [mark for mark, key in self.by_hash.items()
                if key.id == key_id and key.revoked_at is None]  # fmt: skip
        for mark in mine:
            self.by_hash[mark] = replace(self.by_hash[mark], revoked_at=now)
        return bool(mine)

    async def rotate_key(self, key_id: str, secret_hash: bytes, until: Instant) -> ApiKey | None:
        for mark, key in list(self.by_hash.items()):
            if key.id == key_id and key.revoked_at is None and not key.by_old:
                self.by_hash[mark] = replace(key, old_until=until, by_old=True)
                self.by_hash[secret_hash] = replace(key, old_until=until)
                return self.by_hash[secret_hash]
        return None

    def new_key(
        self, owner: str, *scopes: str, key_id: str = "abcd1234", **rules: Any
    ) -> dict[str, str]:
        """Headers of a key that is in the store."""
        token = make_token(key_id, "s" * 24)
        self.by_hash[token_hash(token)] = ApiKey(
            id=key_id,
            name=owner,
            owner=owner,
            scopes=frozenset(scopes),
            created_at=NOW,
            revoked_at=None,
            **rules,
        )
        return {"Authorization": f"Bearer {token}"}


class FakeFigures:
    """What a monitor is told; `gate` holds it back."""

    def __init__(self) -> None:
        self.happened: Counter[tuple[str, str, str]] = Counter()
        self.reports: dict[str, Histogram] = {}
        self.commits = Histogram((0.01, 0.1))
        self.standing = Standing(
            waits=(), scheduled={}, doubtful={}, octets=4096, log_octets=512, free_octets=1 << 30
        )
        self.raises: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.looks = 0

    def queues(self) -> dict[str, int]:
        return {"air": 0, "intake": 3}

    async def look(self) -> Standing:
        self.looks += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.raises is not None:
            raise self.raises
        return self.standing


class FakeKeeping:
    """What was asked, by its name, and what is answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.rows: list[FunnelRow] = []
        self.refused: Counter[Refused] = Counter()
        self.raises: Exception | None = None
        self.frozen: set[str] = set()
        self.figures = FakeFigures()

    def _noted(self, *asked: Any) -> None:
        self.asked.append(asked)
        if self.raises is not None:
            raise self.raises

    async def funnel(self, by: By | None, since: Instant, until: Instant) -> list[FunnelRow]:
        self._noted("funnel", by, since, until)
        return self.rows

    async def count_refused(self, refused: Mapping[Refused, int], now: Instant) -> None:
        self._noted("refused", now)
        self.refused.update(refused)

    async def prune(self, retention: Retention, now: Instant) -> Pruned:
        self._noted("prune", retention, now)
        return Pruned(contents=2, messages=1)

    async def forget(self, number: str, actor: str) -> Forgotten:
        self._noted("forget", number, actor)
        return Forgotten(messages=2, inbound=1, under_way=1)

    async def check(self) -> Checked:
        self._noted("check")
        return Checked(faults=("odd",), octets=4096, messages=7)

    async def backup(self, to: Path) -> BackedUp:
        self._noted("backup", to)
        return BackedUp(path=to, octets=8192, took_s=0.5)

    async def release_restored(self, ids: Sequence[MessageId], actor: str) -> int:
        self._noted("release", tuple(ids), actor)
        released = self.frozen & set(ids) if ids else self.frozen
        self.frozen = self.frozen - released
        return len(released)


USED = BudgetView(
    profile="cautious",
    uses=(Use(limit="minute", used=6, of=6, reserved=0, resets_at=None),
          Use(limit="day", used=200, of=200, reserved=20, resets_at=NOW)),
    blocked=Block(until=NOW, words="200 a day"),
)  # fmt: skip


class FakePool:
    def __init__(self) -> None:
        self.views = {Lane("gate-1"): modem_view()}
        self.answers: dict[str, tuple[str, ...] | Exception] = {}
        self.asked: list[tuple[Lane, str]] = []
        self.wires: dict[Lane, tuple[WireLine, ...]] = {}
        self.budgets: dict[Lane, BudgetView] = {}
        self.waiting: dict[MessageId, Waits] = {}
        self.outlooks: dict[MessageId, Outlook] = {}
        self.against: Waits | None = None  # the limit that refuses what comes in
        self.done: dict[Lane, Tally] = {Lane("gate-1"): Tally()}
        self.asked_limits: list[tuple[Waiting, Instant]] = []
        self.promised: tuple[Promise, ...] = (
            Promise(route="default", modems=4, reserved=1, service_s=3.0, urgent_per_minute=40.0,
                    under_bulk_per_minute=11.8, wait_s=2.0, share=0.987),
        )  # fmt: skip

    def modems(self) -> tuple[ModemView, ...]:
        return tuple(self.views.values())

    def modem(self, lane: Lane) -> ModemView | None:
        return self.views.get(lane)

    async def ask(self, lane: Lane, text: str) -> tuple[str, ...]:
        self.asked.append((lane, text))
        line = WireLine(at=NOW, way=Way.SENT, text=text)
        self.wires[lane] = (*self.wires.get(lane, ()), line)
        told = self.answers.get(text, CommandFailed("ERROR", None, "ERROR"))
        if isinstance(told, Exception):
            raise told
        return told

    async def ussd(self, lane: Lane, code: str) -> str:
        self.asked.append((lane, code))
        told = self.answers.get(code, ("Balance: 9 EUR\nthanks",))
        if isinstance(told, Exception):
            raise told
        return told[0]

    async def reset(self, lane: Lane, how: str) -> None:
        self.asked.append((lane, how))
        told = self.answers.get(how)
        if isinstance(told, Exception):
            raise told

    async def selftest(self, lane: Lane, to: str | None) -> MessageId:
        self.asked.append((lane, to or ""))
        told = self.answers.get("selftest")
        if isinstance(told, Exception):
            raise told
        return MessageId("test")

    async def pause(self, lane: Lane, actor: str, *, drain: bool = False) -> None:
        how = "draining" if drain else "paused"
        self.views[lane] = replace(self.views[lane], paused=f"{how}, by {actor}")

    async def resume(self, lane: Lane, actor: str) -> None:
        self.asked.append((lane, actor))
        self.views[lane] = replace(self.views[lane], paused=None)

    def tallies(self) -> dict[Lane, Tally]:
        return self.done

    def promises(self) -> tuple[Promise, ...]:
        return self.promised

    def wire(self, lane: Lane) -> tuple[WireLine, ...]:
        return self.wires.get(lane, ())

    def budget(self, lane: Lane) -> BudgetView | None:
        return self.budgets.get(lane)

    def outlook(self, message: Waiting) -> Outlook:
        return self.outlooks[message.id]

    async def refuses(self, message: Waiting, due: Instant) -> Waits | None:
        self.asked_limits.append((message, due))
        return self.against

    def waits(self, message: Message, *, listed: bool = False) -> Waits | None:
        return message.waits or self.waiting.get(message.id)

    def routes(self) -> frozenset[str]:
        return frozenset().union(*(view.routes for view in self.views.values()))

    def watch(self, callback: Callable[[ModemView], None]) -> Callable[[], None]:
        raise NotImplementedError

    last_progress_mono = 0.0


def modem_view(**changes: Any) -> ModemView:
    return replace(
        ModemView(
            lane=Lane("gate-1"),
            port="/dev/ttyX",
            state=UnitState.READY,
            since=NOW,
            detail="ready",
        ),
        **changes,
    )


def inbound(seq: int, **changes: Any) -> Inbound:
    return replace(
        Inbound(
            id=InboundId(f"in-{seq}"),
            seq=seq,
            owner=None,
            in_reply_to=None,
            copies=1,
            from_="+4915112345678",
            to=None,
            modem=Lane("gate-1"),
            sim=SimId("8949"),
            text=f"text {seq}",
            data=None,
            encoding=Encoding.GSM7,
            parts=1,
            partial=False,
            sent_at=None,
            received_at=NOW,
            port=None,
            class_=None,
        ),
        **changes,
    )


def event(seq: int, message_id: str, **changes: Any) -> Event:
    return replace(
        Event(
            seq=seq,
            at=NOW,
            message_id=MessageId(message_id),
            subject="message",
            from_=None,
            to="queued",
            reason="accepted",
            actor="local",
        ),
        **changes,
    )


async def experience() -> dict[str, dict[str, str]]:
    """What recovery has brought, as the units tell it."""
    return {"E3372": {"reset": "healed 1 of 2, last in 21.5 s"}}
