"""What systemd is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpost.daemon.sdnotify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(str(tmp_path / "n"))
        unix.settimeout(5)
        yield unix


def test_what_is_sent(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("two modems\nready")
    notifier.status("one modem ready")
    notifier.watchdog()
    notifier.stopping()
    assert [manager.recv(200) for _ in range(4)] == [
        b"READY=1\nSTATUS=two modems ready",
        b"STATUS=one modem ready",
        b"WATCHDOG=1",
        b"STOPPING=1",
    ]


def test_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind("")  # the kernel chooses an abstract name
        unix.settimeout(5)
        name = unix.getsockname().decode().replace("\0", "@", 1)
        Notifier({"NOTIFY_SOCKET": name}).watchdog()
        assert unix.recv(200) == b"WATCHDOG=1"


def test_without_systemd_or_with_a_broken_socket_nothing_happens(tmp_path: Path) -> None:
    Notifier({}).ready("x")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")}).ready("x")


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({}, None),
    ],
)
def test_how_often_systemd_wants_to_hear(env: dict[str, str], seconds: float | None) -> None:
    assert Notifier(env).watchdog_s == seconds
