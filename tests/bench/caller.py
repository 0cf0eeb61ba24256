"""Requests to the service from a process of its own: `python -m tests.bench.caller`.

It asks no library: the requests are octets made before, the sockets block nobody, and of an answer
only status and length are read. What it needs of a core is told with the figures: below a whole one
it is not what they are limited by.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count

BODY = '{"to":"+4917%08d","text":"Your order 4711 is on its way"%s}'
HEAD = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"


def requests(first: int, key: str | None, idempotent: str | None) -> Iterator[bytes]:
    """Requests for one message each, every one to another number."""
    head = HEAD % (f"Authorization: Bearer {key}\r\n" if key else "")
    for n in count(first):
        body = BODY % (n, ',"class":"bulk"')
        own = f'Idempotency-Key: "{idempotent}-{n}"\r\n' if idempotent else ""
        yield f"{head}{own}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Connection:
    """One connection with one request under way."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.setblocking(False)
        self.asked_s = 0.0
        self._got = b""

    def ask(self, request: bytes) -> None:
        self.asked_s = time.monotonic()
        self.socket.send(request)

    def answered(self) -> int | None:
        """The status, once the answer is all there."""
        self._got += self.socket.recv(65536)
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self._got = b""
        return int(head[9:12])


def call(
    path: str, connections: int, seconds: float, given: Iterator[bytes], per_s: float = 0.0
) -> dict[str, object]:
    """Keep `connections` requests under way for so long, or `per_s` a second; what came of them."""
    waiting = selectors.DefaultSelector()
    took_s: list[float] = []
    statuses: Counter[int] = Counter()
    began_s, used_s = time.monotonic(), time.process_time()
    for _ in range(connections):
        each = Connection(path)
        waiting.register(each.socket, selectors.EVENT_READ, each)
        each.ask(next(given))
    busy = connections
    while busy:
        for ready, _ in waiting.select():
            each = ready.data
            status = each.answered()
            if status is None:
                continue
            now_s = time.monotonic()
            took_s.append(now_s - each.asked_s)
            statuses[status] += 1
            if now_s - began_s < seconds:
                if per_s:  # those under way at once are far fewer than the connections
                    time.sleep(  # noqa: TID251 - no loop here
                        max(0.0, began_s + len(took_s) / per_s - now_s)
                    )
                each.ask(next(given))
            else:
                waiting.unregister(each.socket)
                busy -= 1
    wall_s = time.monotonic() - began_s
    took_s.sort()
    return {
        "count": len(took_s),
        "wall_s": wall_s,
        "per_s": len(took_s) / wall_s,
        "median_s": took_s[len(took_s) // 2],
        "p99_s": took_s[int(0.99 * len(took_s))],
        "max_s": took_s[-1],
        "core": (time.process_time() - used_s) / wall_s,
        "statuses": statuses,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--per-s", type=float, default=0, help="0: as fast as they are answered")
    parser.add_argument("--first", type=int, default=0, help="the first number")
    parser.add_argument("--key")
    parser.add_argument("--idempotent", help="a key a request, with this in front")
    options = parser.parse_args()
    given = requests(options.first, options.key, options.idempotent)
    found = call(options.path, options.connections, options.seconds, given, options.per_s)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
