"""Listeners for the application: TCP and Unix sockets, started together and stopped in order.

May import aiohttp and L0. The server opens ports and sockets; it knows nothing of what is served.
A connection that asks nothing for `idle_s`, sends half a head or takes no answer is closed; there
are `max_connections` at most.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import socket
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from airpost.errors import ConfigError
from airpost.services.http.auth import GROUP
from airpost.services.http.deps import LULLS, Connections
from airpost.services.http.door import Door
from airpost.services.http.lulls import Lulls
from airpost.services.http.malformed import Speaker
from airpost.services.http.settings import (
    DEFAULT_CONNECTIONS,
    DEFAULT_IDLE_S,
    DEFAULT_ROOM_S,
    Listen,
    TcpListen,
    UnixListen,
    parse_listen,
)
from airpost.services.http.tls import Tls

log = logging.getLogger("airpost.http")
SHUTDOWN_S = 5.0  # aiohttp waits twice this long for handlers that do not end
LINGER_S = 1.0  # what an answered caller still sends is read that long, so that it sees the answer
BACKLOG = 1024  # connections that the kernel holds until they are accepted; a second is lost beyond
ACCEPTED = 16  # of them, in a turn of the loop
SOCKET_MODE = 0o660


class HttpServer:
    """One application on its listeners; single-use.

    `passed` are sockets that listen already: each stands for the listener of its address, and is
    listened on beside the others where there is none. They are not removed at the end.
    """

    def __init__(
        self,
        app: web.Application,
        listen: Sequence[Listen],
        *,
        shutdown_s: float = SHUTDOWN_S,
        idle_s: float = DEFAULT_IDLE_S,
        max_connections: int = DEFAULT_CONNECTIONS,
        room_s: float = DEFAULT_ROOM_S,
        tls: Tls | None = None,
        passed: Sequence[socket.socket] = (),
    ) -> None:
        self._listen = tuple(listen)
        self._tls = tls
        self._passed = list(passed)
        self._max_connections = max_connections
        self._lulls = app.get(LULLS) or Lulls(time.monotonic)
        self._room_s = room_s
        self._idle_s = idle_s
        self._listeners: list[asyncio.Server] = []
        self._door: Door | None = None
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=shutdown_s)
        self._sockets: list[Path] = []

    @property
    def connections(self) -> Connections:
        """Of all listeners together."""
        door = self._door
        given = (0, 0) if door is None else (door.open, door.refused)
        return Connections(given[0], self._max_connections, given[1])

    async def start(self) -> tuple[str, ...]:
        """Listen everywhere; the real addresses: `http://host:port` and `unix:/path`.

        ConfigError when one cannot be had; then none is.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        self._door = door = Door(
            self._runner.server, self._speaker, self._max_connections, self._idle_s, self._lulls,
            self._room_s,
        )  # fmt: skip
        found = []
        for each in (*self._listen, *self._passed):
            try:
                if isinstance(each, socket.socket):
                    found.append(await self._take(each, door))
                elif not any(_address(given) == str(each) for given in self._passed):
                    found.append(await self._open(each, door))
            except OSError as error:
                await self.stop()
                words = error.strerror or str(error)
                raise ConfigError("http.listen", f"{each}: {words}") from error
        log.info("http.listening at=%s", ",".join(found))
        return tuple(found)

    def _speaker(self) -> Speaker:
        assert self._runner.server is not None
        return Speaker(
            self._runner.server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._idle_s,
            lingering_time=LINGER_S,
            # Our own line a request is written by the application; None is what aiohttp documents.
            access_log=None,  # type: ignore[arg-type]
        )

    async def stop(self) -> None:
        """Close the listeners, end long polls, wait for the handlers, remove the sockets."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._door is not None:
            self._door.close()
        await self._runner.cleanup()
        for path in self._sockets:
            path.unlink(missing_ok=True)
        self._sockets.clear()

    async def _open(self, each: Listen, door: Door) -> str:
        loop = asyncio.get_running_loop()
        if isinstance(each, TcpListen):
            make, scheme = self._speaking(door, plain=each.tls is False)
            if scheme == "http" and not each.loopback:
                log.warning("http.no_tls at=%s: keys and texts go over the network in clear", each)
            tcp = await loop.create_server(make, each.host, each.port, backlog=ACCEPTED)
            self._keep(tcp)
            port = tcp.sockets[0].getsockname()[1]
            return f"{scheme}://{TcpListen(host=each.host, port=port)}"
        _prepare(each)
        self._keep(await loop.create_unix_server(door.unix, each.path, backlog=ACCEPTED))
        self._sockets.append(each.path)
        _share(each.path)
        return str(each)

    def _keep(self, listener: asyncio.Server) -> None:
        """Have the kernel hold BACKLOG: asyncio accepts in one turn all that it is told to hold."""
        for each in listener.sockets:
            with socket.socket(fileno=os.dup(each.fileno())) as same:
                same.listen(BACKLOG)
        self._listeners.append(listener)

    def _speaking(self, door: Door, *, plain: bool) -> tuple[Callable[[], asyncio.Protocol], str]:
        """What speaks on a TCP connection, and the scheme."""
        tls = None if plain else self._tls
        return (door.tcp, "http") if tls is None else (lambda: door.tls(tls), "https")

    async def _take(self, given: socket.socket, door: Door) -> str:
        loop = asyncio.get_running_loop()
        address = _address(given)
        if given.family == socket.AF_UNIX:
            self._keep(await loop.create_unix_server(door.unix, sock=given, backlog=ACCEPTED))
            return address
        known = [each for each in self._listen if str(each) == address]
        plain = any(isinstance(each, TcpListen) and each.tls is False for each in known)
        make, scheme = self._speaking(door, plain=plain)
        self._keep(await loop.create_server(make, sock=given, backlog=ACCEPTED))
        return f"{scheme}://{address}"


def _address(given: socket.socket) -> str:
    """The address of a socket, as that of a listener is written."""
    name = given.getsockname()
    if given.family == socket.AF_UNIX:
        return str(UnixListen(path=Path(name)))
    return str(TcpListen(host=name[0], port=name[1]))


def passed_listen(given: Sequence[socket.socket]) -> tuple[Listen, ...]:
    """The listeners that passed sockets are."""
    return tuple(parse_listen(_address(each)) for each in given)


def _prepare(each: UnixListen) -> None:
    """Make the folder; OSError when something that is not a dead socket stands in the way."""
    path = each.path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(None, "there is a file that is no socket")
    # asyncio removes any socket file it finds, also one on which somebody listens.
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
    raise FileExistsError(None, "another process listens there")


def _share(path: Path) -> None:
    """Let group `airpost` connect where that group exists and we may give it."""
    path.chmod(SOCKET_MODE)
    try:
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
    except (KeyError, PermissionError):
        pass  # then root and our own user alone may connect
