"""What leaves a modem: framed lines, and the faults that spoil bytes on their way.

Stdlib only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random

from hwsim.faults import Faults

ENDS: Mapping[str, Callable[[bytes], bytes]] = {
    "cr_cr_lf": lambda data: data.replace(b"\r\n", b"\r\r\n"),
    "lf": lambda data: data.replace(b"\r\n", b"\n"),
    "nul": lambda data: b"\x00\x00" + data,
    "ff": lambda data: b"\xff" + data,
}


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

    def emit(self, data: bytes, *, ours: bool = True) -> None:
        """Send `data`; what is not `ours` was asked by another program, which did not take it."""
        if not data or self._faults.get("silence"):
            return
        data = self._spoilt(data, ours=ours)
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

    def drop(self) -> None:
        """Forget what has not left."""
        self._queue.clear()
        self._pacing = False

    def _spoilt(self, data: bytes, *, ours: bool) -> bytes:
        """Line ends that are none, and what others on the port have taken."""
        ends = self._faults.take("line_ends")
        if ends is not None:
            form = ends.words("form")
            if form == "mixed":
                form = self._rng.choice(list(ENDS))
            data = ENDS[form](data)
        foreign, reader = self._faults.get("foreign_program"), self._faults.get("second_reader")
        if foreign is not None and ours and self._rng.random() < foreign.number("share"):
            return b""
        if reader is not None:
            share = reader.number("share")
            data = bytes(octet for octet in data if self._rng.random() >= share)
        return data

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
