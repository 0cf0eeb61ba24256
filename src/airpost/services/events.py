"""What events are called outside, who may see them, and what is told of them.

May import L0, the store's values and how things are shown. Names are `subject.what`; a pattern
names one, or ends in `*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from airpost.clock import Instant, rfc3339
from airpost.model import UnitState
from airpost.services.http.render import Json, inbound_json
from airpost.states import MessageState
from airpost.store.publishing import LogEvent, MessageFacts

MODEM_STATE = "modem.state"
INBOUND_MESSAGE = "inbound.message"
INBOUND_CALL = "inbound.call"
TEST = "webhook.test"
# Told where no types are asked for: what somebody has to know. The rest has to be named.
USUAL = ("message.sent", "message.delivered", "message.failed", "message.expired",
         "message.uncertain", "message.cancelled", "inbound.*", MODEM_STATE, "alarm.*")  # fmt: skip
MAX_PATTERNS = 32
ALARM = "alarm."  # what follows is told by whoever raises it
TYPES = (*(f"message.{state.value}" for state in MessageState), INBOUND_MESSAGE, INBOUND_CALL,
         MODEM_STATE, "modem.note", "service.note", "schedule.note", "webhook.note", "hook.note",
         TEST)  # fmt: skip
_PATTERN = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?")
_UNIT_STATES = frozenset(state.value for state in UnitState)
CALL = "call"  # `to` of the event of a modem that somebody calls


def pattern_fault(pattern: str) -> str | None:
    """Why it is no pattern, or one of nothing there is, in words; None where it is one."""
    if not _PATTERN.fullmatch(pattern) or len(pattern) > 64:
        return 'is a type such as "message.sent", all of a kind such as "message.*", or "*"'
    if pattern.startswith(ALARM) or any(map(matcher((pattern,)), TYPES)):
        return None
    near = get_close_matches(pattern, TYPES, 1)
    return f"is no type of event{f'; did you mean {near[0]!r}?' if near else ''}"


@lru_cache(maxsize=256)
def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a type is one of those asked for; no patterns: the USUAL ones."""
    asked = patterns or USUAL
    exact = frozenset(each for each in asked if not each.endswith("*"))
    begins = tuple(each[:-1] for each in asked if each.endswith("*"))

    @lru_cache(maxsize=256)
    def matches(type_: str) -> bool:
        return type_ in exact or type_.startswith(begins)

    return matches


@dataclass(frozen=True, slots=True)
class View:
    """What somebody sees: of whose messages (None: of everybody's), whether received ones too."""

    owner: str | None
    inbound: bool
    patterns: tuple[str, ...]

    def shows(self, event: LogEvent, type_: str) -> bool:
        """True where an event of this type is told."""
        if not matcher(self.patterns)(type_):
            return False
        if event.message is not None:
            return self.owner is None or event.message.owner == self.owner
        if event.inbound is not None:
            return self.inbound and (self.owner is None or event.inbound.owner == self.owner)
        if type_ == INBOUND_CALL:  # of a call nobody knows whose it is
            return self.inbound and self.owner is None
        return self.owner is None or type_ == MODEM_STATE


def type_of(event: LogEvent) -> str | None:
    """What it is called; None for what nobody is told."""
    if event.message is not None:
        return f"message.{event.to}" if event.subject == "message" else None
    if event.inbound is not None:
        return INBOUND_MESSAGE
    kind = event.subject.partition(" ")[0]
    if kind == "modem":
        if event.to == CALL:
            return INBOUND_CALL
        states = event.from_ in _UNIT_STATES and event.to in _UNIT_STATES
        return MODEM_STATE if states else "modem.note"
    if kind in ("message", "inbound"):  # what it is about has been erased
        return None
    if kind == "alarm":
        return f"alarm.{event.to}"
    return f"{kind}.note"


def order_of(event: LogEvent) -> str:
    """Events with the same are told in order."""
    if event.message is not None:
        return event.message.id
    if event.inbound is not None:
        return f"from {event.inbound.from_}"
    return event.subject


def data_of(event: LogEvent, type_: str) -> Json:
    """`data`: what changed is of the event, the rest as it is when the event is told."""
    if event.message is not None:
        return _message(event, event.message)
    if event.inbound is not None:
        return {"event": event.seq, **inbound_json(event.inbound)}
    name = event.subject.partition(" ")[2] or None
    if type_ == INBOUND_CALL:
        known = None if event.reason == "unknown" else event.reason
        return {"event": event.seq, "modem": name, "from": known}
    if type_ == MODEM_STATE:
        shown: Json = {"modem": name, "state": event.to, "previous": event.from_}
    else:
        shown = {"subject": event.subject, "from": event.from_, "to": event.to}
    return {"event": event.seq, **shown, "reason": event.reason, "severity": event.severity}


def _message(event: LogEvent, facts: MessageFacts) -> Json:
    return {
        "event": event.seq,
        "id": facts.id,
        "state": event.to,
        "previous": event.from_,
        "reason": event.reason,
        "to": facts.to,
        "class": facts.class_.value,
        "encoding": facts.encoding.value,
        "parts": facts.parts,
        "modem": facts.modem,
        "created_at": _time(facts.created_at),
        "sent_at": _time(facts.sent_at),
        "delivered_at": _time(facts.delivered_at),
        "final": facts.final,
        "possible_duplicates": facts.possible_duplicates,
        "sender_ref": facts.sender_ref,
        "tags": list(facts.tags),
    }


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def faults(patterns: Iterable[str]) -> list[tuple[int, str]]:
    """What is wrong with patterns, by their places."""
    return [(at, fault) for at, each in enumerate(patterns) if (fault := pattern_fault(each))]
