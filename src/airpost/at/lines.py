"""The receive buffer: bytes in, lines out, bounded, and it remembers where it searched.

Pure. CR and LF both end a line, because modems use either and both; blank lines are skipped. NUL
and 0xFF at the edges of a line are dropped (ports spew them).
"""

from __future__ import annotations

import re

LINE_LIMIT = 8192  # octets; the longest legal line, a long CMGL text, has under 2,000
BUFFER_LIMIT = 1 << 20
_END = re.compile(rb"[\r\n]+")
_PROMPT = re.compile(rb"[\r\n\t \x00\xff]*+> ?")
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
            del self._data[:over]
            self._searched = max(0, self._searched - over)
            self.dropped += over

    def next_line(self) -> str | None:
        """The next line that is not blank, without its edges; None when there is no whole one."""
        while self._data:
            end = _END.search(self._data, self._searched, LINE_LIMIT)
            if end is not None:
                line = self._data[: end.start()].strip(_EDGES)
                del self._data[: end.end()]
                self._searched = 0
                if line:
                    return line.decode("latin-1")
            elif len(self._data) <= LINE_LIMIT:
                self._searched = len(self._data)
                break
            else:  # nobody sends such a line: what came so far is as good as noise
                self.dropped += LINE_LIMIT
                del self._data[:LINE_LIMIT]
                self._searched = 0
        return None

    def take_prompt(self) -> bool:
        """True, and it is consumed, when the next thing in the buffer is a `>`; no line end needed.

        Only called while a prompt is awaited (TS 27.005 3.5.1: `<CR><LF>><space>`).
        """
        found = _PROMPT.match(self._data)
        if found is None:
            return False
        del self._data[: found.end()]
        self._searched = 0
        return True

    @property
    def pending(self) -> str:
        """What stands there without a line end; it stays."""
        return bytes(self._data).strip(_EDGES).decode("latin-1")

    def clear(self) -> None:
        """Forget everything: the port was opened anew."""
        self._data.clear()
        self._searched = 0
