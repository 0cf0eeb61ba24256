"""What became of an attempt: class, scope, code and words.

L0: stdlib only. The scope decides who is slowed down (RFC 3463's idea): the message, the
destination, the SIM or the modem. A store that cannot write is no outcome: what is not on disk does
not begin (`errors.StoreUnavailable`), and everybody waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class OutcomeClass(Enum):
    """How final an outcome is."""

    __hash__ = object.__hash__  # Enum's own is Python

    OK = "ok"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class Scope(Enum):
    """Whom a failure concerns."""

    __hash__ = object.__hash__  # Enum's own is Python

    MESSAGE = "message"
    DESTINATION = "destination"
    SIM = "sim"
    MODEM = "modem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One result. `code` is the raw source ("CMS 38", "TP-ST 41", "timeout"); `text` for people."""

    cls: OutcomeClass
    scope: Scope
    code: str
    text: str

    @property
    def ok(self) -> bool:
        """True when the network took the segment."""
        return self.cls is OutcomeClass.OK


PORT_LOST = "port lost"  # the code of an attempt during which its modem went away
WHOSE = "whose"  # the code of an unknown fate where an answer came, of this or of an earlier one
SENT = Outcome(cls=OutcomeClass.OK, scope=Scope.MESSAGE, code="OK", text="accepted by the network")
