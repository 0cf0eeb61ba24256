"""A loop without a store, for comparison: `python -m tests.bench.bare COUNT PORT…`.

COUNT prepared messages over each port, as fast as its modem takes them; nothing is kept of them.
With `--listen SOCKET` in place of COUNT one for each `POST /v1/messages`, over the first port.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty

from aiohttp import web

PDU = b"0011000C919471103254760000A70AE8329BFD0689C3F232\x1a"
BEGIN = b"AT+CMGS=23\r"


class Port:
    """A terminal, read until a word has come."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd, termios.TCSANOW)
        self._came = b""
        self._waits: tuple[bytes, asyncio.Future[None]] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._read)

    def _read(self) -> None:
        self._came += os.read(self._fd, 4096)
        if self._waits is not None and self._waits[0] in self._came:
            self._came = b""
            self._waits[1].set_result(None)
            self._waits = None

    async def ask(self, octets: bytes, until: bytes) -> None:
        done: asyncio.Future[None] = self._loop.create_future()
        self._waits = until, done
        os.write(self._fd, octets)
        await done

    async def start(self) -> None:
        await self.ask(b"ATE0\r", b"OK\r\n")
        await self.ask(b"AT+CMGF=0\r", b"OK\r\n")

    async def send(self) -> None:
        await self.ask(BEGIN, b">")
        await self.ask(PDU, b"OK\r\n")

    async def run(self, count: int) -> None:
        await self.start()
        for _ in range(count):
            await self.send()


async def serve(socket: str, path: str) -> None:
    """Until cancelled: a request, a message; it is answered when the modem has taken it."""
    port = Port(path)
    await port.start()

    async def post(request: web.Request) -> web.Response:
        await request.json()
        await port.send()
        return web.json_response({}, status=202)

    app = web.Application()
    app.router.add_post("/v1/messages", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, socket).start()
    await asyncio.Event().wait()


async def main() -> None:
    count, *paths = sys.argv[1:]
    if count == "--listen":
        await serve(*paths[:2])
    else:
        await asyncio.gather(*(Port(path).run(int(count)) for path in paths))


if __name__ == "__main__":
    asyncio.run(main())
