"""What modems receive: parts as they came, the messages made of them, and delivery reports.

L0: stdlib only. Nobody changes one. Times are `Instant` (UTC microseconds).
"""

from __future__ import annotations

from dataclasses import dataclass

from airpost.clock import Instant
from airpost.model import Encoding, InboundId, Lane, MessageId, SimId
from airpost.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """One received SMS-DELIVER, with the octets it came in."""

    sim_id: SimId
    lane: Lane
    number: str | None  # the SIM's own number where known
    raw: bytes  # as read, SMSC prefix included
    smsc: str | None
    sender: str
    pid: int
    dcs: int
    udh: bytes
    ud: bytes
    udl: int
    scts: bytes  # the seven octets
    sent_at: Instant | None
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A received message, whole or marked partial."""

    id: InboundId
    seq: int  # commit order
    owner: str | None
    in_reply_to: MessageId | None
    copies: int
    from_: str
    to: str | None
    modem: Lane
    sim: SimId
    text: str | None
    data: bytes | None
    encoding: Encoding
    parts: int
    partial: bool
    sent_at: Instant | None
    received_at: Instant
    port: int | None
    class_: int | None  # display class 0-3 of the DCS
    sender_ref: str | None = None  # of the message it answers, while that is kept; so are tags
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReport:
    """One SMS-STATUS-REPORT. `delivered` is what TP-ST says; None while the SMSC still tries."""

    sim_id: SimId
    lane: Lane
    raw: bytes
    mr: int
    to: str
    scts: bytes
    status: int
    delivered: bool | None
    expired: bool
    outcome: Outcome
    done_at: Instant | None
    received_at: Instant
