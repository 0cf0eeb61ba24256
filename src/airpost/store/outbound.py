"""What callers hand in and take back: accept and cancel.

May import L0. Run in the writer's thread.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.errors import DuplicateRequest, InvalidRequest, QueueFull
from airpost.model import Idempotency, MessageId, NewMessage
from airpost.policy import QueuePolicy
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Accepted, CancelResult, Wake
from airpost.store.many import insert, select
from airpost.store.moves import add_event, current_rows, fold_message, move
from airpost.store.room import Room
from airpost.store.statements import load
from airpost.store.transmissions import add_transmissions
from airpost.store.writer import Tx

_SQL = load("outbound")
DEFAULT_ROUTE = "default"


def outlet_of(lane: str | None, route: str | None) -> str:
    """What may carry a message: the lane asked for, else those that serve its route."""
    return f"lane {lane}" if lane is not None else f"route {route or DEFAULT_ROUTE}"


_Refused = InvalidRequest | QueueFull | DuplicateRequest
Row = Accepted | InvalidRequest | QueueFull
Done = Row | DuplicateRequest


def accept(tx: Tx, new: Sequence[NewMessage], policy: QueuePolicy | None = None) -> list[Row]:
    """Store a request, but what is to blocked numbers, or is more than may wait by `policy`.

    DuplicateRequest undoes all of it.
    """
    done: list[Row] = []
    for each in accept_each(tx, new, policy):
        if isinstance(each, DuplicateRequest):
            raise each
        done.append(each)
    return done


def accept_each(tx: Tx, new: Sequence[NewMessage], policy: QueuePolicy | None = None) -> list[Done]:
    """Store what comes in several requests; for each what came of it."""
    refused = _refused(tx, new, policy)
    seqs = iter(_add(tx, [each for each, why in zip(new, refused, strict=True) if why is None]))
    return [
        Accepted(id=each.id, seq=next(seqs)) if why is None else why
        for each, why in zip(new, refused, strict=True)
    ]


def scope_of(owner: str, key_id: str | None) -> str:
    """Within what an Idempotency-Key is one: the API key, for who has none their own name."""
    return owner if key_id is None else f"key {key_id}"


# -- whether it is taken --------------------------------------------------------------------------
def _refused(
    tx: Tx, new: Sequence[NewMessage], policy: QueuePolicy | None
) -> list[_Refused | None]:
    """Why each is not to be stored, None where it is; each counts for those behind it."""
    kept = _kept_answers(tx, new)
    blocked = _blocked(tx, new)
    room = None if policy is None else Room(tx.db, policy)
    done: list[_Refused | None] = []
    for each in new:
        try:
            _refuse_repeated(each, kept)
            _refuse_blocked(each, blocked)
            if room is not None:
                room.check(each)
        except (DuplicateRequest, InvalidRequest, QueueFull) as error:
            done.append(error)
            continue
        if each.idempotency is not None:
            kept[_scope(each), each.idempotency.key] = each.idempotency
        if room is not None:
            room.add(each)
        done.append(None)
    return done


def _kept_answers(tx: Tx, new: Sequence[NewMessage]) -> dict[tuple[str, str], Idempotency]:
    """The answers that their keys had before, by scope and key."""
    asked = [(_scope(each), each.idempotency.key) for each in new if each.idempotency is not None]
    return {
        (scope, key): Idempotency(key=key, fingerprint=fingerprint, status=status, body=body)
        for scope, key, fingerprint, status, body in select(tx.db, _SQL["kept_answers"], asked)
    }


def _refuse_repeated(new: NewMessage, kept: Mapping[tuple[str, str], Idempotency]) -> None:
    given = new.idempotency
    if given is None or (before := kept.get((_scope(new), given.key))) is None:
        return
    same = before.fingerprint == given.fingerprint
    raise DuplicateRequest("result" if same else "mismatch", before.status, before.body)


def _blocked(tx: Tx, new: Sequence[NewMessage]) -> set[str]:
    """Those of their numbers that are never to be texted."""
    numbers = [(each.to,) for each in new]
    return {number for (number,) in select(tx.db, _SQL["blocked"], numbers)}


def _refuse_blocked(new: NewMessage, blocked: Collection[str]) -> None:
    if new.to in blocked:
        words = "is on the blocklist; `airpost blocklist remove` takes it off"
        raise InvalidRequest("to", words, "blocked")


def _scope(new: NewMessage) -> str:
    return scope_of(new.owner, new.key_id)


# -- its rows -------------------------------------------------------------------------------------
def _add(tx: Tx, new: Sequence[NewMessage]) -> list[int]:
    """Write messages, table by table; their numbers."""
    if not new:
        return []
    db = tx.db
    bodies = iter(insert(db, _SQL["add_body"], [row for each in new for row in _bodies(each)]))
    messages: list[tuple[Any, ...]] = []
    uds: list[list[int]] = []  # of each, the bodies of its segments
    answers: list[tuple[Any, ...]] = []
    for each in new:  # in the order of `_bodies`
        contents = (each.text, each.data, each.sent_text)
        content = [None if part is None else next(bodies) for part in contents]
        messages.append(_message(each, *content))
        uds.append([next(bodies) for _ in each.segments])
        if (idem := each.idempotency) is not None:
            until = each.created_at + idem.kept_s * SECOND_US
            answers.append(
                (_scope(each), idem.key, idem.fingerprint, idem.status, next(bodies), until)
            )
    seqs = insert(db, _SQL["add_message"], messages)
    insert(db, _SQL["keep_answer"], answers)
    insert(db, _SQL["add_tag"], [(tag, seq) for seq, each in zip(seqs, new, strict=True)
                                 for tag in each.tags])  # fmt: skip
    transmissions = add_transmissions(tx, seqs, new)
    segments = []
    for each, seq, transmission, ud in zip(new, seqs, transmissions, uds, strict=True):
        for n, (body, ud_body) in enumerate(zip(each.segments, ud, strict=True), 1):
            segments.append(
                (seq, transmission, n, body.pid, body.dcs, body.udh, body.udl, ud_body,
                 each.expires_at)
            )  # fmt: skip
    insert(db, _SQL["add_segment"], segments)
    for each, seq in zip(new, seqs, strict=True):
        add_event(
            tx, each.created_at, "message", None, _state(each).value,
            reason="accepted", actor=_scope(each), message_seq=seq,
        )  # fmt: skip
        if each.class_.urgent:
            tx.wakes.add(Wake.URGENT)
    tx.wakes.add(Wake.QUEUE)
    return seqs


def _bodies(new: NewMessage) -> Iterator[tuple[str, bytes]]:
    if new.text is not None:
        yield "text", new.text.encode()
    if new.data is not None:
        yield "data", new.data
    if new.sent_text is not None:
        yield "text", new.sent_text.encode()
    for body in new.segments:
        yield "ud", body.ud
    if new.idempotency is not None:
        yield "answer", new.idempotency.body


def _state(new: NewMessage) -> MessageState:
    waits = new.not_before is not None and new.not_before > new.created_at
    return MessageState.ACCEPTED if waits else MessageState.QUEUED


def _message(
    new: NewMessage, text: int | None, data: int | None, sent: int | None
) -> tuple[Any, ...]:
    return (
        new.id, new.owner, new.key_id, new.to, new.class_.value, new.class_.rank,
        _state(new).value, new.encoding.value, text, data, len(new.segments), new.want_report,
        new.on_uncertain.value, new.created_at, new.not_before, new.expires_at, new.lane,
        new.route, outlet_of(new.lane, new.route), new.sender_ref,
        json.dumps(new.tags, ensure_ascii=False) if new.tags else "[]", new.ordered,
        new.carrier, sent, *(new.batch or (None, None)),
        json.dumps(dict(new.asked)) if new.asked else None,
    )  # fmt: skip


# -- taking it back -------------------------------------------------------------------------------
def cancel(
    tx: Tx, message_id: MessageId, owner: str | None, actor: str, now: Instant
) -> CancelResult:
    """Cancel a message of which nothing can have gone out; KeyError when there is none."""
    found = tx.db.execute(_SQL["find"], (message_id, owner)).fetchone()
    if found is None:
        raise KeyError(message_id)
    seq, state = found[0], MessageState(found[1])
    rows = current_rows(tx, seq)
    if not all(row.state is SegmentState.QUEUED for row in rows):
        return CancelResult(cancelled=False, state=state, reason=_why_not(state))
    if any(row.resends for row in rows):
        words = "it may have gone out already: its first sending had no answer"
        return CancelResult(cancelled=False, state=state, reason=words)
    if tx.db.execute(_SQL["begun_before"], (seq,)).fetchone():
        words = "it begins again: of its earlier sending something has gone out, or may have"
        return CancelResult(cancelled=False, state=state, reason=words)
    for row in rows:
        words = f"cancelled by {actor}"
        move(tx, row, SegmentEvent.CANCEL, now, words, actor, not_before=None)
    tx.wakes.add(Wake.QUEUE)
    state = fold_message(tx, seq, now, actor)
    return CancelResult(cancelled=True, state=state, reason="cancelled")


def _why_not(state: MessageState) -> str:
    if state is MessageState.SENDING:
        return "sending has begun"
    return f"it is {state.value} already"
