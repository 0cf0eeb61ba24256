"""What reaches the interpreter of the bytes a host wrote, as the faults let it.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hwsim.faults import Fault, Faults

CR, ESC = 0x0D, b"\x1b"


class Hearing:
    """The modem's ear. Time is the loop's."""

    def __init__(self, faults: Faults, rng: Random, now_s: Callable[[], float]) -> None:
        self._faults = faults
        self._rng = rng
        self._now_s = now_s
        self._heard_s = now_s()
        self._asleep = False

    def powered_up(self) -> None:
        """Awake, and to be shown the baud rate anew."""
        self._heard_s, self._asleep = self._now_s(), False
        autobaud = self._faults.get("autobaud")
        if autobaud is not None:
            autobaud.struck = 0

    def through(self, data: bytes) -> bytes:
        """What is left of `data`."""
        if ESC in data:
            self._faults.heal("escape")
        if self._faults.get("silence") is not None:
            return b""
        lost = self._faults.get("lost_input")
        if lost is not None:
            share = lost.number("share")
            data = bytes(octet for octet in data if self._rng.random() >= share)
        autobaud = self._faults.get("autobaud")
        if autobaud is not None:
            data = _not_synchronised(autobaud, data)
        return self._woken(data)

    def _woken(self, data: bytes) -> bytes:
        """Without the line that wakes it."""
        sleep = self._faults.get("idle_sleep")
        last_s, self._heard_s = self._heard_s, self._now_s()
        if sleep is None:
            self._asleep = False
        elif self._heard_s - last_s > sleep.number("after_s"):
            self._asleep = True
        if not self._asleep:
            return data
        end = data.find(CR)
        self._asleep = end < 0
        return data[end + 1 :] if end >= 0 else b""


def _not_synchronised(fault: Fault, data: bytes) -> bytes:
    """Without the lines that show the baud rate; the fault counts them."""
    while data and fault.struck < fault.number("lines"):
        end = data.find(CR)
        if end < 0:
            return b""
        fault.struck += 1
        data = data[end + 1 :]
    return data
