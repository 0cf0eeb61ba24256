"""A batch on its way into the store: row by row, a few in a turn of the loop.

May import codec, L0 and the store's protocols. What is wrong with one row costs no other; a piece
of rows is on disk before the next but one is made.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airpost.clock import Instant
from airpost.errors import AirpostError, InvalidRequest
from airpost.model import NewMessage
from airpost.services.http.compose import check_limits, compose
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import HttpDeps
from airpost.services.http.longjson import LongJson
from airpost.services.http.nulls import without_nulls
from airpost.services.http.people import CONTACT, GROUP, Named, recipients
from airpost.services.http.problems import Refusal, problem_body, refusal, stopping
from airpost.services.http.render import dumps
from airpost.services.http.schemas import BatchHead, RowIn, SendIn, read_body
from airpost.services.templates import Template
from airpost.store.batching import Batch
from airpost.tasks import spawn

PIECE = 50  # rows of one request to the store
Faults = dict[int, InvalidRequest]
_NAMES = re.compile(rf'"\s*(?:{CONTACT}|{GROUP})|\\u')  # as JSON may write one
CONTENT = ("text", "data", "port", "source_port", "port_bits")
MAX_TOLD = 64  # characters of what was given as a number, where it is told back


@dataclass(slots=True)
class Row:
    """What a row says: `to` as it stands there, and what differs from the batch."""

    to: str
    given: Mapping[str, Any]
    values: Mapping[str, Any]


class Rows:
    """The rows of a request, each as the messages it asks for."""

    def __init__(self, long: LongJson, head: BatchHead) -> None:
        self.long = long
        self.head = head
        self._template = None if head.template is None else Template(head.template, "template")
        shared = {name: getattr(head, name) for name in head.given}
        self._plain = SendIn.model_construct(to="", **shared)

    def __len__(self) -> int:
        return len(self.long)

    def read(self, at: int) -> Row:
        """What a row says; InvalidRequest or Refusal where it says nothing that can be."""
        text = self.long.element(at)
        if self.long.name == "to":
            return Row(_number(text), {}, {})
        octets = text.encode(errors="surrogatepass")
        row = read_body(RowIn, without_nulls(RowIn, octets) or octets)
        given = {name: getattr(row, name) for name in row.given}
        own = "text" in given or "data" in given
        if own:  # instead of what the batch says for all
            given = dict.fromkeys(CONTENT) | given
        elif row.values is not None and self._template is None:
            raise InvalidRequest("values", "belong to a template")
        return Row(row.to, given, row.values or {})

    def message(self, row: Row, who: Named) -> SendIn:
        """What goes to one of those a row is for."""
        given = {**row.given, "to": who.to}
        if self._template is not None and "text" not in given:
            values = {**(self.head.values or {}), **who.values, **row.values}
            given["text"] = self._template.render(values)
        return self._plain.model_copy(update=given)

    def names(self) -> list[str] | None:
        """All of a list of numbers, where contacts or groups may be among them."""
        if self.long.name != "to" or not _NAMES.search(self.long.text):
            return None
        return [_text(json.loads(each)) for each in self.long.elements()]

    def told(self, at: int) -> str | None:
        """What stands there as a number, to tell it back."""
        given = json.loads(self.long.element(at))
        to = given.get("to") if isinstance(given, dict) else given
        return to[:MAX_TOLD] if isinstance(to, str) else None

    def fingerprint(self, call: str, digest: Digest) -> str:
        """SHA-256 of the call and the canonical JSON of all of it."""
        given = (call, self.head.canonical, self.long.name or "", digest.hexdigest())
        return hashlib.sha256("\n".join(given).encode()).hexdigest()


class Digest:
    """SHA-256 of the canonical JSON of the elements it is called with."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self._canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

    def __call__(self, value: Any) -> None:
        """Add an element."""
        self._sum.update(self._canonical(value).encode() + b"\n")

    def hexdigest(self) -> str:
        """The sum so far."""
        return self._sum.hexdigest()


def _text(given: Any) -> str:
    return given if isinstance(given, str) else ""


def _number(text: str) -> str:
    given = json.loads(text)
    if not isinstance(given, str):
        raise InvalidRequest("to", "must be text")
    return given


def _of_row(fault: InvalidRequest) -> InvalidRequest:
    """A fault of a list, told of the row it is in."""
    return InvalidRequest("to", fault.message, fault.code)


@dataclass(slots=True)
class Decided:
    """What became of the rows; `why` are those that were not taken, each with its JSON."""

    accepted: int = 0
    parts: int = 0
    why: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def rejected(self) -> bytes:
        """The JSON list of what was not taken, in the order of rows."""
        return b"[" + b",".join(told for _, told in sorted(self.why)) + b"]"


class Taking:
    """One batch being taken in. `mine` returns in a turn of the loop that has room for a row.

    `charge` is told how many messages a row stands for beyond one, and refuses too many.
    """

    def __init__(
        self,
        rows: Rows,
        caller: Caller,
        deps: HttpDeps,
        mine: Callable[[], Awaitable[None]],
        refused: Callable[[str], None],
        charge: Callable[[int], None],
    ) -> None:
        self._rows = rows
        self._caller = caller
        self._deps = deps
        self._mine = mine
        self._refused = refused
        self.charge = charge
        self._storing: asyncio.Task[None] | None = None
        self._known: dict[int, list[Named]] | None = None  # by row, where there are names
        self._unknown: Faults = {}
        self.decided = Decided()
        self.cancelled = False
        self.over = asyncio.Event()

    async def take(self, batch: Batch, stored: Collection[tuple[int, str]]) -> None:
        """Store all but what is `stored`, by row and number; StoreUnavailable, Refusal: in part."""
        self.decided.accepted = len(stored)
        piece: list[NewMessage] = []
        try:
            async for at, new in self._messages(batch.created_at, batch.seq):
                if (at, new.to) in stored:
                    continue
                piece.append(new)
                if len(piece) == PIECE:
                    await self._store(piece)
                    piece = []
            await self._store(piece)
            await self._stored()
        finally:
            if self._storing is not None:
                await asyncio.wait([self._storing])
            self.over.set()

    async def count(self) -> int:
        """How many messages it may be; of rows of their own, without what a group has in it."""
        await self._look_up()
        if self._known is None:
            return len(self._rows)
        return len(self._unknown) + sum(map(len, self._known.values()))

    async def look(self, show: int) -> list[tuple[int, NewMessage]]:
        """Decide with nothing stored; the first `show` messages, each with its row."""
        shown: list[tuple[int, NewMessage]] = []
        async for at, new in self._messages(self._deps.clock.now(), 0):
            self.decided.accepted += 1
            self.decided.parts += len(new.segments)
            if len(shown) < show:
                shown.append((at, new))
        return shown

    async def _messages(self, now: Instant, batch: int) -> AsyncIterator[tuple[int, NewMessage]]:
        """The messages of all rows of a batch; what is refused is written down."""
        await self._look_up()
        for at in range(len(self._rows)):
            await self._mine()
            try:
                if self.cancelled:
                    raise Refusal("batch-cancelled", "the batch was cancelled before this row")
                row = self._rows.read(at)
                people = await self._people(at, row.to)
            except AirpostError as error:
                self._refuse(at, self._rows.told(at), error)
                continue
            for n, who in enumerate(people):
                if n:
                    await self._mine()
                try:
                    given = self._rows.message(row, who)
                    new = compose(given, self._caller, self._deps, now, (batch, at))
                    await check_limits(new, self._deps)
                except AirpostError as error:
                    self._refuse(at, who.to[:MAX_TOLD], error)
                    continue
                yield at, new

    async def _look_up(self) -> None:
        """Whom the contacts and groups of a list of numbers stand for."""
        names = None if self._known is not None else self._rows.names()
        if names is None:
            return
        found, self._unknown = await self._recipients(names)
        self._known = defaultdict(list)
        for each in found:
            self._known[each.at].append(each)

    async def _recipients(self, names: Sequence[str]) -> tuple[list[Named], Faults]:
        people = self._deps.store.people
        found, faults = await recipients(people, self._caller.owner, names)
        most = self._deps.settings.max_batch
        if len(found) > most:
            words = f"are {len(found)} numbers with those of groups; max_batch allows {most}"
            raise Refusal(
                "too-many-rows", words, errors=[(self._rows.long.name or "", words)],
                extra={"setting": "http.max_batch"},
            )  # fmt: skip
        return found, faults

    async def _people(self, at: int, to: str) -> Sequence[Named]:
        """Whom a row is for."""
        if self._known is not None:
            if at in self._unknown:
                raise _of_row(self._unknown[at])
            return self._known[at]
        if not to.startswith((CONTACT, GROUP)):
            return (Named(at=at, to=to),)
        found, faults = await self._recipients([to])
        for fault in faults.values():
            raise _of_row(fault)
        self.charge(len(found) - 1)
        return found

    def _refuse(self, at: int, to: str | None, error: AirpostError) -> None:
        given = refusal(error)
        self._refused(given.kind.name)
        told = {"index": at, "to": to, "problem": problem_body(given)}
        self.decided.why.append((at, dumps(told)))

    async def _store(self, piece: list[NewMessage]) -> None:
        """Ask for it once the piece before is on disk: one is stored while the next is made."""
        await self._stored()
        if self._deps.stopping():
            raise stopping()
        if piece:
            self._storing = spawn(self._accept(piece), name="batch")

    async def _stored(self) -> None:
        storing, self._storing = self._storing, None
        if storing is not None:
            await storing

    async def _accept(self, piece: list[NewMessage]) -> None:
        done = await self._deps.store.accept(piece)
        for new, each in zip(piece, done, strict=True):
            if isinstance(each, AirpostError):
                assert new.batch is not None
                self._refuse(new.batch[1], new.to, each)
            else:
                self.decided.accepted += 1
