"""Rows of the lists to values.

May import L0. Enums are made here: inside the store's tables they are strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from airpost.clock import Instant
from airpost.model import (
    Encoding,
    Event,
    Message,
    MessageClass,
    OnUncertain,
    PartView,
    Severity,
    Waits,
)
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.received import Inbound
from airpost.states import MessageState, SegmentState

Row = tuple[Any, ...]


def outcome_of(cls: str | None, scope: str, code: str, text: str) -> Outcome | None:
    """An outcome from its four columns; None before there is one."""
    if cls is None:
        return None
    return Outcome(cls=OutcomeClass(cls), scope=Scope(scope), code=code, text=text)


def part_of(row: Row) -> PartView:
    """A row of `parts`."""
    return PartView(
        seq=row[1],
        state=SegmentState(row[2]),
        modem=row[3],
        reference=row[4],
        attempts=row[5],
        sent_at=row[6],
        reported_at=row[7],
        outcome=outcome_of(*row[8:12]),
    )


def message_of(row: Row, parts: Iterable[PartView]) -> Message:
    """A row of `messages` and its parts."""
    return Message(
        seq=row[0],
        id=row[1],
        owner=row[2],
        to=row[3],
        class_=MessageClass(row[4]),
        state=MessageState(row[5]),
        encoding=Encoding(row[6]),
        modem=row[7],
        created_at=row[8],
        not_before=row[9],
        expires_at=row[10],
        sent_at=row[11],
        delivered_at=row[12],
        final=bool(row[13]),
        reason=row[14],
        text=None if row[15] is None else row[15].decode(),
        data=row[16],
        want_report=bool(row[17]),
        on_uncertain=OnUncertain(row[18]),
        possible_duplicates=row[19],
        sender_ref=row[20],
        tags=_tags(row[21]),
        parts=tuple(parts),
        waits=_waits(*row[22:25]) if not row[13] else None,
        outlet=row[25],
        ordered=bool(row[26]),
        sent_text=None if row[27] is None else row[27].decode(),
        batch=row[28],
        asked={} if row[29] is None else json.loads(row[29]),
    )


def _waits(until: int | None, reason: str, words: str) -> Waits | None:
    return None if until is None else Waits(reason=reason, words=words, until=Instant(until))


def _tags(text: str | None) -> tuple[str, ...]:
    return () if text is None or text == "[]" else tuple(json.loads(text))


def event_of(row: Row) -> Event:
    """A row of `events`."""
    return Event(
        seq=row[0],
        at=row[1],
        message_id=row[2],
        subject=row[3],
        from_=row[4],
        to=row[5],
        reason=row[6],
        actor=row[7],
        severity=Severity(row[8] or Severity.INFO.value),
    )


def inbound_of(row: Row) -> Inbound:
    """A row of `inbound`."""
    return Inbound(
        seq=row[0],
        id=row[1],
        owner=row[2],
        in_reply_to=row[3],
        copies=row[4],
        from_=row[5],
        to=row[6],
        modem=row[7],
        sim=row[8],
        text=None if row[9] is None else row[9].decode(),
        data=row[10],
        encoding=Encoding(row[11]),
        parts=row[12],
        partial=bool(row[13]),
        sent_at=row[14],
        received_at=row[15],
        port=row[16],
        class_=row[17],
        sender_ref=row[18],
        tags=_tags(row[19]),
    )
