"""TP-Status: what the SMSC says became of a message, TS 23.040 9.2.3.15.

Pure. Bits 6 and 5 decide; the exact code is detail for people.
"""

from __future__ import annotations

from enum import Enum


class StatusClass(Enum):
    """The class of a TP-ST."""

    DELIVERED = "delivered"
    TRYING = "trying"
    PERMANENT = "permanent-failure"
    TEMPORARY = "temporary-failure"
    RESERVED = "reserved"


_CLASSES = (
    StatusClass.DELIVERED,
    StatusClass.TRYING,
    StatusClass.PERMANENT,
    StatusClass.TEMPORARY,
)
EXPIRED = 0x46
"""SM validity period expired."""


def status_class(status: int) -> StatusClass:
    """The class of a TP-ST octet."""
    return StatusClass.RESERVED if status & 0x80 else _CLASSES[status >> 5 & 3]
