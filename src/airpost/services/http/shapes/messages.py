"""Shapes of messages, sent and received, and of the queue.

May import pydantic, codec and L0.
"""

from __future__ import annotations

from pydantic import Field

from airpost.codec.dcs import Alphabet
from airpost.codec.transliterate import Transliterate
from airpost.model import Encoding as EncodingName
from airpost.model import MessageClass, OnUncertain, Severity
from airpost.outcome import OutcomeClass
from airpost.outcome import Scope as OutcomeScope
from airpost.services.http.shapes.base import Page, Shape, Time
from airpost.states import MessageState, SegmentState


class Outcome(Shape):
    """The newest result of a part."""

    class_: OutcomeClass = Field(alias="class")
    scope: OutcomeScope = Field(description="Whom a failure concerns")
    code: str = Field(description="As it was told, such as `CMS 38` or `TP-ST 41`")
    text: str


class Part(Shape):
    """One part of a message."""

    seq: int
    state: SegmentState
    modem: str | None
    reference: int | None = Field(description="TP-MR of the newest attempt")
    attempts: int
    sent_at: Time | None
    reported_at: Time | None
    outcome: Outcome | None


class Waits(Shape):
    """What a message waits for."""

    reason: str
    for_: str = Field(alias="for")
    until: Time | None


class Accepted(Shape):
    """A message as it was when it was accepted."""

    id: str
    to: str
    class_: MessageClass = Field(alias="class")
    state: MessageState
    encoding: EncodingName
    parts: list[Part]
    modem: str | None
    created_at: Time
    not_before: Time | None
    expires_at: Time
    sent_at: Time | None
    delivered_at: Time | None
    final: bool = Field(description="No further attempt is made and nothing is waited for")
    reason: str | None
    text: str | None = Field(default=None, description="Absent once it is no longer kept")
    data: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    sent_text: str | None = Field(description="What goes out, where that is not `text`")
    report: bool
    on_uncertain: OnUncertain
    ordered: bool
    possible_duplicates: int
    sender_ref: str | None
    tags: list[str]
    batch: str | None = Field(description="The batch it was handed in with")
    waits: Waits | None
    port: int | None = Field(default=None, description="As asked for, and so the next; else absent")
    source_port: int | None = None
    port_bits: int | None = None
    flash: bool | None = None
    replace: int | None = None
    route: str | None = None
    transliterate: Transliterate | None = None


class OtherModem(Shape):
    """A modem that a message did not go by."""

    modem: str
    why_not: str


class Routing(Shape):
    """Why a message goes by one modem and not by the others; empty where nothing is known."""

    route: str | None = None
    group: int | None = None
    groups_failed: int = 0
    modem: str | None = None
    sim: str | None = None
    at: Time | None = None
    now: bool = Field(default=False, description="It waits: this is what would be done now")
    why: str | None = None
    waits_for: list[str] = Field(default_factory=list, description="All that holds it now")
    others: list[OtherModem] = Field(default_factory=list)


class Message(Accepted):
    """A message."""

    routing: Routing | None = Field(default=None, description="Where one message is asked for")


class Messages(Page[Message]):
    """A page of messages, oldest first."""


class Recipient(Shape):
    """What is known of a number."""

    number: str
    country: str | None
    kind: str
    carrier: str | None


class Explanation(Routing):
    """Why this state and what to do next; why this modem, and why not each other."""

    message: str
    state: MessageState
    final: bool
    because: str = Field(description="Why it is in this state")
    todo: str | None = Field(description="What a person can do next; null for nothing")
    to: Recipient


class Event(Shape):
    """One row of history; `from` and `to` are states, or what an event is about."""

    seq: int
    at: Time
    message: str | None
    subject: str
    from_: str | None = Field(alias="from")
    to: str | None
    reason: str
    actor: str
    severity: Severity
    sender_ref: str | None = Field(description="Those of the message")
    tags: list[str]


class Events(Page[Event]):
    """The history of a message, oldest first."""


class TextPart(Shape):
    """What one part of a text would carry."""

    seq: int
    units: int
    text: str | None


class Transliteration(Shape):
    """What would go out in letters that GSM 7-bit has; null where it takes too many parts."""

    text: str
    parts: int | None
    saves_parts: int | None


class Preview(Shape):
    """What a text would take."""

    text: str = Field(description="As it was given, or what the template makes")
    sent_text: str | None = Field(description="What would go out, where that is not `text`")
    alphabet: Alphabet
    units: int = Field(description="Septets of gsm7, octets of others, header included")
    parts: int
    texts: list[TextPart]
    offenders: list[str] = Field(description="Characters that GSM 7-bit lacks")
    transliteration: Transliteration | None


class Inbound(Shape):
    """A received message."""

    id: str
    owner: str | None
    in_reply_to: str | None
    copies: int = Field(description="Above 1: the network delivered it again")
    from_: str = Field(alias="from")
    to: str | None
    modem: str
    sim: str
    text: str | None = None
    data: str | None = Field(default=None, json_schema_extra={"contentEncoding": "base64"})
    encoding: EncodingName
    parts: int
    partial: bool
    sent_at: Time | None
    received_at: Time
    sender_ref: str | None = Field(description="Of the message it answers")
    tags: list[str] = Field(description="Of the message it answers")
    port: int | None = None
    class_: int | None = Field(default=None, alias="class")


class InboundPage(Page[Inbound]):
    """Received messages, oldest first; `next` is never null: a poller goes on with it."""


class Backlog(Page[Message]):
    """What is bound to no modem, in its order."""

    total: int


class ModemQueue(Shape):
    """What is bound to a modem, and what else could go there."""

    modem: str
    bound: list[Message]
    backlog: list[Message]
    backlog_total: int


class Moved(Shape):
    """What was moved."""

    from_: str = Field(alias="from")
    to: str | None
    moved: int


class NotReleased(Shape):
    """A message that was left as it is."""

    id: str
    problem: str


class Released(Shape):
    """What became of messages of unknown fate."""

    released: int
    refused: list[NotReleased]
