"""What callers hand in and take back: accept and cancel.

May import L0. Run in the writer's thread.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from airpost.clock import SECOND_US, Instant
from airpost.errors import DuplicateRequest, InvalidRequest, QueueFull
from airpost.model import Idempotency, MessageId, NewMessage
from airpost.policy import QueuePolicy
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Accepted, CancelResult, Wake
from airpost.store.moves import add_body, add_event, current_rows, fold_message, move
from airpost.store.room import Room
from airpost.store.statements import load
from airpost.store.transmissions import add_transmission
from airpost.store.writer import Tx

_SQL = load("outbound")
DEFAULT_ROUTE = "default"


def outlet_of(lane: str | None, route: str | None) -> str:
    """What may carry a message: the lane asked for, else those that serve its route."""
    return f"lane {lane}" if lane is not None else f"route {route or DEFAULT_ROUTE}"


Row = Accepted | InvalidRequest | QueueFull
Done = Row | DuplicateRequest


def accept(tx: Tx, new: Sequence[NewMessage], policy: QueuePolicy | None = None) -> list[Row]:
    """Store a request, but what is to blocked numbers, or is more than may wait by `policy`.

    DuplicateRequest undoes all of it.
    """
    room = None if policy is None else Room(tx.db, policy)
    return [_accept_row(tx, each, room) for each in new]


def accept_each(tx: Tx, new: Sequence[NewMessage], policy: QueuePolicy | None = None) -> list[Done]:
    """Store what comes in several requests; for each what came of it."""
    room = None if policy is None else Room(tx.db, policy)
    done: list[Done] = []
    for each in new:
        try:
            done.append(_accept_row(tx, each, room))
        except DuplicateRequest as error:  # before anything of it was written
            done.append(error)
    return done


def _accept_row(tx: Tx, new: NewMessage, room: Room | None) -> Row:
    try:
        return _accept(tx, new, room)
    except (InvalidRequest, QueueFull) as error:  # before anything of it was written
        return error


def _accept(tx: Tx, new: NewMessage, room: Room | None) -> Accepted:
    if new.idempotency is not None:
        _refuse_repeated(tx, scope_of(new.owner, new.key_id), new.idempotency)
    _refuse_blocked(tx, new.to)
    if room is not None:
        room.check(new)
    seq = _add_message(tx, new)
    transmission = add_transmission(
        tx, seq, new.to, new.concat_bits, len(new.segments), "accepted", new.created_at
    )
    for n, body in enumerate(new.segments, 1):
        ud = add_body(tx, "ud", body.ud)
        tx.db.execute(
            _SQL["add_segment"],
            (seq, transmission, n, body.pid, body.dcs, body.udh, body.udl, ud, new.expires_at),
        )
    if new.idempotency is not None:
        _keep_answer(tx, new, new.idempotency)
    if room is not None:
        room.add(new)
    tx.wakes.add(Wake.QUEUE)
    if new.class_.urgent:
        tx.wakes.add(Wake.URGENT)
    return Accepted(id=new.id, seq=seq)


def scope_of(owner: str, key_id: str | None) -> str:
    """Within what an Idempotency-Key is one: the API key, for who has none their own name."""
    return owner if key_id is None else f"key {key_id}"


def _refuse_repeated(tx: Tx, owner: str, idem: Idempotency) -> None:
    found = tx.db.execute(_SQL["kept_answer"], (owner, idem.key)).fetchone()
    if found is not None:
        fingerprint, status, body = found
        raise DuplicateRequest(
            "result" if fingerprint == idem.fingerprint else "mismatch", status, body
        )


def _keep_answer(tx: Tx, new: NewMessage, idem: Idempotency) -> None:
    until = new.created_at + idem.kept_s * SECOND_US
    answer = add_body(tx, "answer", idem.body)
    tx.db.execute(
        _SQL["keep_answer"],
        (scope_of(new.owner, new.key_id), idem.key, idem.fingerprint, idem.status, answer, until),
    )


def _refuse_blocked(tx: Tx, number: str) -> None:
    if tx.db.execute(_SQL["blocked"], (number,)).fetchone() is not None:
        words = "is on the blocklist; `airpost blocklist remove` takes it off"
        raise InvalidRequest("to", words, "blocked")


def _add_message(tx: Tx, new: NewMessage) -> int:
    waits = new.not_before is not None and new.not_before > new.created_at
    state = MessageState.ACCEPTED if waits else MessageState.QUEUED
    text = None if new.text is None else add_body(tx, "text", new.text.encode())
    data = None if new.data is None else add_body(tx, "data", new.data)
    sent = None if new.sent_text is None else add_body(tx, "text", new.sent_text.encode())
    seq = tx.db.execute(
        _SQL["add_message"],
        (new.id, new.owner, new.key_id, new.to, new.class_.value, new.class_.rank, state.value,
         new.encoding.value, text, data, len(new.segments), new.want_report,
         new.on_uncertain.value, new.created_at, new.not_before, new.expires_at, new.lane,
         new.route, outlet_of(new.lane, new.route), new.sender_ref,
         json.dumps(new.tags, ensure_ascii=False) if new.tags else "[]", new.ordered,
         new.carrier, sent, *(new.batch or (None, None)),
         json.dumps(dict(new.asked)) if new.asked else None),
    ).lastrowid  # fmt: skip
    assert seq is not None
    for tag in new.tags:
        tx.db.execute(_SQL["add_tag"], (tag, seq))
    actor = scope_of(new.owner, new.key_id)
    add_event(
        tx, new.created_at, "message", None, state.value,
        reason="accepted", actor=actor, message_seq=seq,
    )  # fmt: skip
    return seq


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
