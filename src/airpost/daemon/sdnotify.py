"""What systemd is told over `$NOTIFY_SOCKET` (sd_notify(3)); without one, nothing happens.

Stdlib only.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("airpost.sdnotify")


class Notifier:
    """The way to the service manager. Sending never blocks and never raises."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        env = os.environ if env is None else env
        path = env.get("NOTIFY_SOCKET", "")
        # "@" marks a name in the abstract namespace, unix(7).
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._watchdog_us = env.get("WATCHDOG_USEC", "")
        self._watchdog_pid = env.get("WATCHDOG_PID", "")

    @property
    def heard(self) -> bool:
        """True when there is somebody to tell."""
        return bool(self._address)

    @property
    def watchdog_s(self) -> float | None:
        """Seconds between pings: half of what systemd allows; None when it does not watch us."""
        if self._watchdog_pid and self._watchdog_pid != str(os.getpid()):
            return None
        if not self._watchdog_us.isdigit() or int(self._watchdog_us) == 0:
            return None
        return int(self._watchdog_us) / 2_000_000

    def ready(self, status: str) -> None:
        """The service is up; `status` is what `systemctl status` shows."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """A sentence for people."""
        self._send(f"STATUS={status}")

    def watchdog(self) -> None:
        """Everything still moves."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The stop has begun."""
        self._send("STOPPING=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        body = "\n".join(line.replace("\n", " ") for line in lines).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as unix:
                unix.sendto(body, self._address)
        except OSError as error:
            log.debug("sdnotify.lost error=%s", error)
