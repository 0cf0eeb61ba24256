"""What modems receive: parts, the messages they make, and what could not be read.

May import L0 and codec.join. Run in the writer's thread.

A part is the same as one before when SIM, sender, SCTS, PID, DCS, UDH and UD are: a network that
delivers again may change the rest. A set is the parts of one sender on one SIM with the same
reference, its width and the total; of several that lack a part, the one sent nearest to it in time
takes it. While it waits, a part of it under a new time stamp but with the
same content is the sender's own repeat; one with other content begins a new set, since references
come again. A set that stays incomplete for PARTIAL_S after its newest part is handed over as it
is, marked partial. A part that comes after that joins the others: the whole is handed over as a
further message, complete now, or partial again after another PARTIAL_S.

A part joins a set when it comes within LATEST_PART_S and was sent together with some of it, or came
together with some of it; without times of sending, within LATE_PART_S. One that was sent hours
later is of another message: its reference has come again, and both lack a part. Two sets that share
no part, each sent together with the part that comes between them, are one, unless a later part was
sent long before an earlier one. What is sent together: within SENT_TOGETHER_S, or PART_S for each
part of a message of many, which its sender may be at for hours.

TS 23.040 9.2.3.9: a message of type 0 is acknowledged and kept as a part, but handed over to
nobody. One that replaces an earlier one (types 1 to 7) is handed over like any other: readers have
seen the earlier one, and a list by cursor does not change behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.codec.join import Joined, JoinPart, concat_of, join
from airpost.model import Encoding, InboundId, Lane, SimId, uuid7
from airpost.received import Inbound, RawPart
from airpost.store.api import PartStored, Wake
from airpost.store.moves import add_body, add_event
from airpost.store.numbers import tail_of
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("inbound")
PARTIAL_S = 3600  # parts follow each other by seconds; an alarm without its last part is still one
LATE_PART_S = 24 * 3600
LATEST_PART_S = 7 * 24 * 3600
SENT_TOGETHER_S = 3600
PART_S = 120
RETRIED_S = 600  # by which a part that was tried again may come after later ones
CAME_TOGETHER_S = 60  # where the service centre's clocks do not agree
SETS_LOOKED_AT = 8  # of one sender, reference and number of parts
REPLY_S = 7 * 24 * 3600  # how long a message can be answered
TYPE_0 = 0x40
_ENCODINGS = {"gsm7": Encoding.GSM7, "ucs2": Encoding.UCS2, "8bit": Encoding.DATA}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A part of a set."""

    id: int
    body: JoinPart
    seq: int
    sent_at: Instant | None
    received_at: Instant
    copies: int


def record(tx: Tx, part: RawPart) -> PartStored:
    """Keep a part; a message it completes is handed over in the same transaction."""
    mark = _fingerprint(
        part.sim_id.encode(), part.sender.encode(), part.scts, bytes((part.pid, part.dcs)),
        part.udh, part.ud,
    )  # fmt: skip
    known = tx.db.execute(_SQL["repeat"], (mark,)).fetchone()
    if known is not None:
        _count_copy(tx, *known)
        return PartStored(inbound=None, repeat=True)
    concat = concat_of(part.udh)
    if concat is None or concat.total == 1 or part.pid == TYPE_0:
        return PartStored(inbound=_single(tx, part, mark), repeat=False)
    key = (part.sim_id, part.sender, concat.bits, concat.ref, concat.total)
    lacking: list[tuple[int, int]] = []  # (how far away in time, set) of those without this part
    beside: list[int] = []  # those of them that were sent together with it
    for (set_id,) in tx.db.execute(_SQL["newest_sets"], (*key, SETS_LOOKED_AT)).fetchall():
        twin = tx.db.execute(_SQL["twin"], (set_id, concat.seq)).fetchone()
        waits, is_open, away, sent_together = _state_of(tx, set_id, part, concat.total)
        if twin is not None and waits and twin[2] == part.ud:
            _count_copy(tx, twin[0], twin[1])
            return PartStored(inbound=None, repeat=True)
        if twin is None and is_open:
            lacking.append((away, set_id))
            beside += [set_id] if sent_together else []
    made = _add_part(tx, part, mark, (concat.bits, concat.ref, concat.total, concat.seq))
    set_id = min(lacking, key=lambda each: each[0])[1] if lacking else made
    tx.db.execute(_SQL["join_set"], (set_id, made))
    for other in beside:
        if other != set_id and set_id in beside:
            _unite(tx, set_id, other)
    return PartStored(inbound=_complete(tx, set_id, concat.total, part.received_at), repeat=False)


def _fingerprint(*fields: bytes) -> bytes:
    """A digest of fields of which each says where it ends."""
    whole = sha256()
    for field in fields:
        whole.update(len(field).to_bytes(4, "big") + field)
    return whole.digest()[:16]


def _count_copy(tx: Tx, part_id: int, inbound_seq: int | None) -> None:
    tx.db.execute(_SQL["count_copy"], (part_id,))
    if inbound_seq is not None:
        tx.db.execute(_SQL["raise_copies"], (inbound_seq,))


def _add_part(tx: Tx, part: RawPart, mark: bytes, concat: tuple[int, int, int, int] | None) -> int:
    made = tx.db.execute(
        _SQL["add_part"],
        (part.sim_id, part.lane, part.number, part.smsc, part.sender, part.pid, part.dcs, part.udh,
         part.udl, part.scts, *(concat or (None,) * 4), mark, part.sent_at, part.received_at,
         add_body(tx, "ud", part.ud), add_body(tx, "pdu", part.raw)),
    ).lastrowid  # fmt: skip
    assert made is not None
    return made


def _single(tx: Tx, part: RawPart, mark: bytes) -> Inbound | None:
    made = _add_part(tx, part, mark, None)
    if part.pid == TYPE_0:
        add_event(
            tx, part.received_at, "inbound", None, None,
            reason="a message of type 0, which is kept but shown to nobody",
            actor=f"modem {part.lane}",
        )  # fmt: skip
        return None
    body = JoinPart(dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl)
    held = _Held(
        id=made,
        body=body,
        seq=1,
        sent_at=part.sent_at,
        received_at=part.received_at,
        copies=1,
    )
    inbound = _hand_over(tx, made, [held], part.received_at)
    tx.db.execute(_SQL["hand_over_part"], (inbound.seq, made))
    return inbound


# -- sets ----------------------------------------------------------------------------------------
def _set_of(tx: Tx, set_id: int) -> list[_Held]:
    return [
        _Held(
            id=row[0],
            body=JoinPart(dcs=row[1], udh=row[2], ud=row[3], udl=row[4]),
            seq=row[5],
            sent_at=row[6],
            received_at=row[7],
            copies=row[8],
        )
        for row in tx.db.execute(_SQL["set_parts"], (set_id,))
    ]


def _unite(tx: Tx, set_id: int, other: int) -> None:
    """The parts of the other set are of this one, unless number or order tells that they are not.

    A sender may be slow, but sends part after part, and tries none again for longer than RETRIED_S.
    """
    given = {"set_id": set_id, "other": other, "apart": RETRIED_S * SECOND_US}
    if tx.db.execute(_SQL["differ"], given).fetchone() is None:
        tx.db.execute(_SQL["set_due"], (None, other))
        tx.db.execute(_SQL["unite"], (set_id, other))


def _state_of(tx: Tx, set_id: int, part: RawPart, total: int) -> tuple[bool, bool, int, bool]:
    """Whether a set waits, whether it can still take the part that it lacks, how far away that is,
    and whether some of it was sent together with the part.

    In microseconds: between when a part was sent, or came, and the nearest one of the set.
    """
    given = {"set_id": set_id, "sent_at": part.sent_at, "received_at": part.received_at}
    found = tx.db.execute(_SQL["set_state"], given).fetchone()
    handed, whole, newest_at, sent_away, came_away = found
    since = part.received_at - newest_at
    if sent_away is None:  # a clock that tells nothing
        return not handed, not whole and since <= LATE_PART_S * SECOND_US, came_away, False
    sent = sent_away <= max(SENT_TOGETHER_S, PART_S * total) * SECOND_US
    together = sent or came_away <= CAME_TOGETHER_S * SECOND_US
    is_open = not whole and together and since <= LATEST_PART_S * SECOND_US
    return not handed, is_open, sent_away, sent


def _complete(tx: Tx, set_id: int, total: int, now: Instant) -> Inbound | None:
    """The message when no part is missing; else the set waits from now on."""
    if tx.db.execute(_SQL["count_seqs"], (set_id,)).fetchone()[0] == total:
        return _hand_over_set(tx, set_id, _set_of(tx, set_id), now)
    tx.db.execute(_SQL["set_due"], (now + PARTIAL_S * SECOND_US, set_id))
    return None


def hand_over_partial(tx: Tx, set_id: int, now: Instant) -> None:
    """Give up waiting for the rest of a set."""
    _hand_over_set(tx, set_id, _set_of(tx, set_id), now)


def _hand_over_set(tx: Tx, set_id: int, held: list[_Held], now: Instant) -> Inbound:
    inbound = _hand_over(tx, set_id, held, now)
    tx.db.execute(_SQL["hand_over_set"], (inbound.seq, set_id))
    return inbound


def _hand_over(tx: Tx, first_id: int, held: list[_Held], now: Instant) -> Inbound:
    sim_id, lane, number, sender = tx.db.execute(_SQL["first_part"], (first_id,)).fetchone()
    joined = join([each.body for each in held])
    reply = _reply_to(tx, sim_id, sender, max(each.received_at for each in held))
    sent = [each.sent_at for each in held if each.sent_at is not None]
    inbound = Inbound(
        id=InboundId(uuid7(now, tx.rng)),
        seq=0,
        owner=reply[1],
        in_reply_to=reply[0],
        copies=max(each.copies for each in held),
        from_=sender,
        to=number,
        modem=Lane(lane),
        sim=SimId(sim_id),
        text=joined.text,
        data=joined.data,
        encoding=_ENCODINGS[joined.encoding.value],
        parts=joined.parts,
        partial=joined.partial,
        sent_at=min(sent, default=None),
        received_at=max(each.received_at for each in held),
        port=joined.port,
        class_=joined.display_class,
    )
    return _add_inbound(tx, inbound, joined, now)


def _reply_to(tx: Tx, sim_id: str, sender: str, at: Instant) -> tuple[Any, Any]:
    """(message, owner) of the newest message to the sender that may have arrived, or Nones."""
    tail = tail_of(sender)
    if not tail:
        return None, None
    since = at - REPLY_S * SECOND_US
    return tx.db.execute(_SQL["reply_to"], (sim_id, tail, since)).fetchone() or (None, None)


def _add_inbound(tx: Tx, inbound: Inbound, joined: Joined, now: Instant) -> Inbound:
    text = None if inbound.text is None else add_body(tx, "text", inbound.text.encode())
    data = None if inbound.data is None else add_body(tx, "data", inbound.data)
    seq = tx.db.execute(
        _SQL["add_inbound"],
        (inbound.id, inbound.owner, inbound.in_reply_to, inbound.copies, inbound.from_, inbound.to,
         inbound.modem, inbound.sim, inbound.encoding.value, text, data, inbound.parts,
         inbound.partial, inbound.sent_at, inbound.received_at, inbound.port, inbound.class_),
    ).lastrowid  # fmt: skip
    assert seq is not None
    missing = ", ".join(map(str, joined.missing))
    add_event(
        tx, now, "inbound", None, "partial" if joined.partial else "received",
        reason=f"parts {missing} of {joined.parts} never came" if missing else "complete",
        actor=f"modem {inbound.modem}", inbound_seq=seq,
    )  # fmt: skip
    tx.wakes.add(Wake.INBOUND)
    return replace(inbound, seq=seq)


# -- what could not be read ----------------------------------------------------------------------
def quarantine(
    tx: Tx,
    sim_id: SimId,
    lane: Lane,
    raw: bytes,
    field: str,
    offset: int,
    reason: str,
    now: Instant,
) -> None:
    """Keep octets that could not be parsed, the same ones once."""
    mark = _fingerprint(sim_id.encode(), raw)
    known = tx.db.execute(_SQL["quarantined"], (mark,)).fetchone()
    if known is not None:
        tx.db.execute(_SQL["count_quarantined"], known)
        return
    body = add_body(tx, "pdu", raw)
    tx.db.execute(_SQL["quarantine"], (sim_id, lane, body, mark, field, offset, reason, now))
    add_event(
        tx, now, f"modem {lane}", None, None,
        reason=f"a PDU that cannot be read: {field} at {offset}: {reason}", actor=f"modem {lane}",
    )  # fmt: skip
