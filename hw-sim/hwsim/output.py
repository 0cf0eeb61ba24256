"""What leaves a modem: framed lines, and the faults that spoil bytes on their way.

Stdlib only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from hwsim.faults import Faults

GARBAGE = bytes([0x00, 0xFF, *range(0x80, 0xFF)])


class Output:
    """Bytes to the host in order, at the pace the faults allow.

    `write` takes what is due, `later(delay_s, call)` is the modem's timer.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        later: Callable[[float, Callable[[], None]], None],
        faults: Faults,
        rng: Random,
    ) -> None:
        self._write = write
        self._later = later
        self._faults = faults
        self._rng = rng
        self._queue: deque[tuple[bytes, float]] = deque()  # bytes, pause before them
        self._pacing = False

    def emit(self, data: bytes) -> None:
        """Send `data`."""
        if not data or self._faults.get("silence"):
            return
        bytewise, slow = self._faults.get("bytewise"), self._faults.get("slow_output")
        if bytewise is not None:
            self._cut(data, 1, bytewise.number("gap_s"))
        elif slow is not None:
            self._cut(data, max(1, int(slow.number("octets"))), slow.number("gap_s"))
        elif self._queue or self._pacing:
            self._queue.append((data, 0.0))
        else:
            self._write(data)

    def pause(self, delay_s: float) -> None:
        """Hold back what follows by `delay_s`."""
        self._queue.append((b"", delay_s))
        self._go_on()

    def garbage(self, verb: str) -> None:
        """Stray bytes before the answer of `verb`, if that fault strikes."""
        fault = self._faults.take("garbage", verb)
        if fault is not None:
            octets = (self._rng.choice(GARBAGE) for _ in range(int(fault.number("octets"))))
            self.emit(bytes(octets))

    def drop(self) -> None:
        """Forget what has not left."""
        self._queue.clear()
        self._pacing = False

    def _cut(self, data: bytes, octets: int, gap_s: float) -> None:
        self._queue.extend((data[at : at + octets], gap_s) for at in range(0, len(data), octets))
        self._go_on()

    def _go_on(self) -> None:
        if self._pacing or not self._queue:
            return
        self._pacing = True
        self._later(self._queue[0][1], self._step)

    def _step(self) -> None:
        self._pacing = False
        if self._queue:
            data, _ = self._queue.popleft()
            if data:
                self._write(data)
        self._go_on()
