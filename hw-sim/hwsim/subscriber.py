"""Who the network can deliver to, and how a delivery ends.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol


class Delivery(Enum):
    """How the receiver ended one delivery."""

    TAKEN = "taken"
    REFUSED = "refused"  # no room, or not acknowledged: the SMSC keeps it


Done = Callable[[Delivery], None]


class Subscriber(Protocol):
    """A modem or a handset, known by its number.

    `refusal` is the TP-ST with which it turns messages down for good, None normally.
    """

    refusal: int | None

    @property
    def number(self) -> str:
        """As people write it, "+" in front."""
        ...

    @property
    def reachable(self) -> bool:
        """On the air now."""
        ...

    def arrange(self, parts: int) -> Sequence[int]:
        """The order in which the parts of a message, counted from 1, come to it."""
        ...

    def take_message(self, tpdu: bytes, done: Done) -> None:
        """Receive an SMS-DELIVER; `done` is called once, now or later."""
        ...

    def take_report(self, tpdu: bytes, done: Done) -> None:
        """Receive an SMS-STATUS-REPORT; `done` is called once, now or later."""
        ...
