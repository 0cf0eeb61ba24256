"""What comes in by hooks: kept as it came, in the commit of the messages it leads to.

May import L0 and its neighbours. Either both are on disk or neither: a crash leaves no event
without its messages, and whoever was not answered asks again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from airpost.errors import InvalidRequest, QueueFull
from airpost.model import MessageId, NewMessage
from airpost.policy import QueuePolicy
from airpost.store.api import Accepted
from airpost.store.moves import add_body, add_event
from airpost.store.outbound import accept
from airpost.store.publishing import HookDone, HookEvent
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("hooks")


class HookEvents:
    """The hooks of one store, for the loop. What writes raises StoreUnavailable."""

    def __init__(self, write: Callable[..., Awaitable[Any]], policy: QueuePolicy) -> None:
        self._write = write
        self._policy = policy

    async def take(self, event: HookEvent, new: Sequence[NewMessage]) -> HookDone:
        """Keep what came, and its messages."""
        done: HookDone = await self._write(take, event, new, self._policy, urgent=False)
        return done


def take(tx: Tx, event: HookEvent, new: Sequence[NewMessage], policy: QueuePolicy) -> HookDone:
    """See `publishing.HookEvents.take`; in the writer's thread."""
    repeats = _repeats(tx, event)
    rows = [] if repeats is not None else accept(tx, new, policy)
    full = next((row for row in rows if isinstance(row, QueueFull)), None)
    if full is not None:
        raise full  # nothing of it is stored: whoever asks again loses nothing
    messages = [row.id for row in rows if isinstance(row, Accepted)]
    refused = [row for row in rows if isinstance(row, InvalidRequest)]
    _add(tx, event, messages, repeats)
    return HookDone(messages=tuple(messages), refused=tuple(refused), repeats=repeats)


def _repeats(tx: Tx, event: HookEvent) -> str | None:
    if event.dedup is None or event.since is None:
        return None
    found = tx.db.execute(_SQL["repeats"], (event.hook, event.dedup, event.since)).fetchone()
    return None if found is None else str(found[0])


def _add(tx: Tx, event: HookEvent, messages: Sequence[MessageId], repeats: str | None) -> None:
    if repeats is not None:
        outcome = "repeated"
    elif not messages:
        outcome = "nothing"
    else:
        outcome = "raw" if event.raw_sent else "sent"
    body = add_body(tx, "hook", event.raw)
    tx.db.execute(
        _SQL["add"],
        (event.id, event.hook, event.source, body, event.dedup, outcome, event.problem,
         json.dumps(messages), event.received_at),
    )  # fmt: skip
    words = {
        "repeated": f"came again: as {repeats}",
        "nothing": "came to nothing: no recipient can be texted",
        "raw": f"sent as it came: {event.problem}",
        "sent": event.problem and f"sent all the same: {event.problem}",
    }[outcome]
    if words is not None:  # what went well stands in the history of its messages
        add_event(tx, event.received_at, f"hook {event.hook}", None, outcome, reason=words,
                  actor=f"hook {event.hook}")  # fmt: skip
