"""Listening sockets that systemd has opened: sd_listen_fds(3), without its library.

Stdlib only. Whoever starts the service passes descriptors from 3 on and tells of it in the
environment; what is for another process is left alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from airpost.errors import ConfigError

FIRST = 3  # SD_LISTEN_FDS_START
_NAMES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def passed_sockets(env: MutableMapping[str, str], pid: int | None = None) -> list[socket.socket]:
    """The sockets passed to this process, taken out of `env`; ConfigError for what is no listener.

    Children do not get them.
    """
    told = {name: env.pop(name, "") for name in _NAMES}
    if told["LISTEN_PID"] != str(os.getpid() if pid is None else pid):
        return []
    try:
        count = int(told["LISTEN_FDS"])
    except ValueError:
        return []
    return [_listening(fd) for fd in range(FIRST, FIRST + count)]


def _listening(fd: int) -> socket.socket:
    where = f"the socket unit passes descriptor {fd}, which"
    try:
        os.set_inheritable(fd, False)  # noqa: FBT003
        found = socket.socket(fileno=fd)
    except OSError as error:
        raise ConfigError("", f"{where} is no socket: {error.strerror}") from None
    families = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
    listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if found.family not in families or found.type != socket.SOCK_STREAM or not listens:
        found.detach()
        raise ConfigError("", f"{where} is no stream socket that listens (Accept=no)")
    return found
