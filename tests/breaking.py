"""A service that answers as a script says, one connection after the other, and breaks off."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any


def answer(status: int, body: Any, **headers: object) -> bytes:
    """An answer as it goes over the wire."""
    octets = json.dumps(body).encode()
    told = {"Content-Length": len(octets), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + octets


def problem(status: int, name: str, retry_after_s: int | None = None) -> bytes:
    """A refusal, of the last request of its connection."""
    body = {"type": f"urn:airpost:problem:{name}", "title": "T", "status": status, "detail": "d"}
    headers = {} if retry_after_s is None else {"Retry_After": retry_after_s}
    return answer(status, body, Connection="close", **headers)


ACCEPTED = answer(202, {"id": "m1", "final": True})


class Breaking:
    """`with Breaking(script)`: `seen` are the requests as (headers, body); None answers nothing.

    Each connection is closed after its answer, without having said so.
    """

    def __init__(self, script: Sequence[bytes | None], tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self._script = list(script)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Breaking:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        # What is not asked for is not waited for.
        self._script.clear()
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname()):
            pass
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while self._script:
            peer, _ = self._listener.accept()
            with peer:
                if not self._script:
                    return
                with contextlib.suppress(OSError):
                    self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        if self._tls is not None:
            peer = self._tls.wrap_socket(peer, server_side=True)
        with peer, peer.makefile("rb") as lines:
            request = lines.readline()
            if not request:
                return
            headers = {}
            while line := lines.readline().strip().decode():
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            body = lines.read(int(headers.get("content-length", 0)))
            self.seen.append((headers, body))
            told = self._script.pop(0)
            if told is not None:
                peer.sendall(told)
