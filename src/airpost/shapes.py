"""What the service answers, as types for programs: docs/HTTP.md says what each member means.

L0: stdlib only. `class` and `from` are words of Python, so they are keys here, and `class_` where
they are named.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

Json = dict[str, Any]


class Fields(TypedDict, total=False):
    """What a message may say beside its recipient and text."""

    data: bytes
    port: int
    source_port: int
    port_bits: int
    class_: str
    report: bool
    send_at: datetime | str
    expires_at: datetime | str
    ttl_s: int
    on_uncertain: str
    ordered: bool
    route: str
    modem: str
    encoding: str
    languages: list[str]
    transliterate: str
    flash: bool
    replace: int
    sender_ref: str
    tags: list[str]


class Filters(TypedDict, total=False):
    """Which messages are listed."""

    state: str
    to: str
    class_: str
    modem: str
    tag: str
    since: datetime | str
    until: datetime | str
    batch: str
    sender_ref: str
    key: str
    uncertain: bool
    newest: bool


Outcome = TypedDict("Outcome", {"class": str, "scope": str, "code": str, "text": str})


class Part(TypedDict):
    """One part of a message."""

    seq: int
    state: str
    modem: str | None
    reference: int | None
    attempts: int
    sent_at: str | None
    reported_at: str | None
    outcome: Outcome | None


_Message = TypedDict("_Message", {
    "id": str, "to": str, "class": str, "state": str, "encoding": str, "parts": list[Part],
    "modem": str | None, "created_at": str, "not_before": str | None, "expires_at": str,
    "sent_at": str | None, "delivered_at": str | None, "final": bool, "reason": str | None,
    "sent_text": str | None, "report": bool, "on_uncertain": str, "ordered": bool,
    "possible_duplicates": int, "sender_ref": str | None, "tags": list[str], "batch": str | None,
    "waits": Json | None,
})  # fmt: skip


class Message(_Message, total=False):
    """A message and its parts. `routing` is there where one message is asked for.

    What follows it is there where it was asked for.
    """

    text: str
    data: str
    routing: Json
    port: int
    source_port: int
    port_bits: int
    flash: bool
    replace: int
    route: str
    transliterate: str


_Inbound = TypedDict("_Inbound", {
    "id": str, "owner": str | None, "in_reply_to": str | None, "copies": int, "from": str,
    "to": str | None, "modem": str, "sim": str, "encoding": str, "parts": int, "partial": bool,
    "sent_at": str | None, "received_at": str, "sender_ref": str | None, "tags": list[str],
    "port": int | None, "class": int | None,
})  # fmt: skip


class Inbound(_Inbound, total=False):
    """A received message, with text or data."""

    text: str
    data: str


class Taken(TypedDict):
    """What became of the rows of a batch; `rejected` are `{index, to, problem}`."""

    id: str
    accepted: int
    rejected: list[Json]


class BatchEntry(TypedDict):
    """A batch in a list."""

    id: str
    state: str
    size: int
    accepted: int
    rejected_count: int
    created_at: str
    taken_at: str | None
    cancelled_at: str | None
    key: str | None
    sender_ref: str | None
    tags: list[str]


class Batch(BatchEntry):
    """A batch, and its messages by state."""

    rejected: list[Json]
    counts: dict[str, int]
    final: bool


class Preview(TypedDict):
    """The parts a text would take."""

    text: str
    sent_text: str | None
    alphabet: str
    units: int
    parts: int
    texts: list[Json]
    offenders: list[str]
    transliteration: Json | None


History = TypedDict("History", {
    "seq": int, "at": str, "message": str | None, "subject": str, "from": str | None,
    "to": str | None, "reason": str, "actor": str, "severity": str, "sender_ref": str | None,
    "tags": list[str],
})  # fmt: skip
"""One event of a message."""


class Event(TypedDict):
    """One event of the stream, as docs/EVENTS.md has it."""

    id: str
    type: str
    timestamp: str
    data: Json


class Modem(TypedDict):
    """A modem, its SIM, and what shows that messages get through it."""

    name: str
    port: str
    state: str
    since: str
    detail: str
    ready: bool
    stalled: bool
    roaming: bool
    paused: str | None
    routes: list[str]
    manufacturer: str | None
    model: str | None
    imei: str | None
    sim: str | None
    imsi: str | None
    number: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    smsc: str | None
    service_s: float | None
    last_proof_at: str | None
    proof: str | None
    memory: Json | None
    selftest: Json | None
    credit: Json | None
    limits: Json | None
    last_error: str | None
