"""The receive buffer: bytes in, lines out, bounded, and it remembers where it searched.

Pure. CR and LF both end a line, because modems use either and both; blank lines are skipped. NUL
and 0xFF at the edges of a line are dropped (ports spew them).
"""

from __future__ import annotations

import re

LINE_LIMIT = 8192  # octets; the longest legal line, a long CMGL text, has under 2,000
BUFFER_LIMIT = 1 << 20
_END = re.compile(rb"[\r\n]")
_EDGES = b"\r\n\t \x00\xff"


class LineBuffer:
    """Bytes of one port, cut into lines as they are asked for."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0
        self.dropped = 0
        """Octets thrown away because a line or the buffer was over its limit."""

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Add what came; beyond BUFFER_LIMIT the oldest octets are dropped and counted."""
        self._data += data
        over = len(self._data) - BUFFER_LIMIT
        if over > 0:
            self._drop(over)
            self.dropped += over

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._searched = max(0, self._searched - count)

    def next_line(self) -> str | None:
        """The next line that is not blank, without its edges; None when there is no whole one."""
        while True:
            end = self._find_end()
            if end is None:
                if len(self._data) <= LINE_LIMIT:
                    return None
                # Nobody sends such a line: what came so far is as good as noise.
                end = LINE_LIMIT
                self.dropped += end
                self._drop(end)
                continue
            line = bytes(self._data[:end]).strip(_EDGES)
            self._drop(end + 1)
            self._searched = 0
            if line:
                return line.decode("latin-1")

    def _find_end(self) -> int | None:
        found = _END.search(self._data, self._searched, LINE_LIMIT)
        if found is not None:
            return found.start()
        self._searched = min(len(self._data), LINE_LIMIT)
        return None

    def take_prompt(self) -> bool:
        """True, and it is consumed, when the next thing in the buffer is a `>`; no line end needed.

        Only called while a prompt is awaited (TS 27.005 3.5.1: `<CR><LF>><space>`).
        """
        skip = 0
        while skip < len(self._data) and self._data[skip] in _EDGES:
            skip += 1
        if skip < len(self._data) and self._data[skip] == ord(">"):
            self._drop(skip + 1)
            self._searched = 0
            return True
        return False

    @property
    def pending(self) -> str:
        """What stands there without a line end; it stays."""
        return bytes(self._data).strip(_EDGES).decode("latin-1")

    def clear(self) -> None:
        """Forget everything: the port was opened anew."""
        self._data.clear()
        self._searched = 0
