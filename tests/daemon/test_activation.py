"""Sockets that were opened before: by a small activator, and by systemd's own."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from airpost.daemon.activation import passed_sockets
from airpost.daemon.cli.client import pause

SERVE = (sys.executable, "-m", "airpost.daemon.cli.main", "serve")
# Does what systemd does: descriptors from 3 on, and who they are for.
ACTIVATOR = """
import os, sys
for at, fd in enumerate(map(int, sys.argv[1].split(","))):
    os.dup2(fd, 3 + at)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(at + 1)}
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_what_is_for_another_process_is_left_alone() -> None:
    for env in ({}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "7"},
                {"LISTEN_PID": "7", "LISTEN_FDS": "x"}):  # fmt: skip
        assert passed_sockets(env, pid=7) == []
        assert env == {}


def config(folder: Path, *listen: str) -> Path:
    path = folder / "airpost.toml"
    path.write_text(
        f'[store]\nurl = "sqlite:///{folder}/a.db"\n[http]\nlisten = {json.dumps(listen)}\n'
        "[modems]\ndiscover = false\n"
    )
    return path


def ready(port: int) -> int:
    """The status of the first answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/health/live")
    status = connection.getresponse().status
    connection.close()
    return status


def over_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"GET /v1/keys HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return client.makefile("rb").readline()


@contextmanager
def running(
    *command: str, fds: tuple[int, ...] = (), log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, pass_fds=fds, stderr=out, stdout=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_a_service_takes_what_it_is_passed_and_leaves_it_there(tmp_path: Path) -> None:
    """Callers that come before it runs wait; the socket outlives it."""
    path = tmp_path / "s"
    log = tmp_path / "log"
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(path))
        for each in (tcp, unix):
            each.listen()
        port = tcp.getsockname()[1]
        fds = (tcp.fileno(), unix.fileno())
        # One is named in the file too; the other is not.
        serve = (*SERVE, "--config", str(config(tmp_path, f"127.0.0.1:{port}")))
        activated = (sys.executable, "-c", ACTIVATOR, ",".join(map(str, fds)), *serve)
        with running(*activated, fds=fds, log=log) as process:
            assert ready(port) == 200
            assert over_unix(path).startswith(b"HTTP/1.1 200")  # the kernel still says who calls
            process.send_signal(signal.SIGHUP)
            for _ in range(100):
                if "run.config_seen" in log.read_text() or process.poll() is not None:
                    break
                pause(0.02)
            assert ready(port) == 200  # a SIGHUP ends nothing
        assert process.returncode == 0, log.read_text()
        assert path.exists()
        assert log.read_text().count("http.listening") == 1


def test_what_is_passed_must_listen(tmp_path: Path) -> None:
    with socket.socket() as tcp:
        serve = (*SERVE, "--config", str(config(tmp_path, f"unix:{tmp_path}/s")))
        activated = (sys.executable, "-c", ACTIVATOR, str(tcp.fileno()), *serve)
        done = subprocess.run(
            activated, pass_fds=(tcp.fileno(),), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "descriptor 3, which is no stream socket that listens" in done.stderr


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="needs the Debian package systemd"
)
def test_by_systemd_itself(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = (*SERVE, "--config", str(config(tmp_path, f"unix:{tmp_path}/s")))
    activate = ("systemd-socket-activate", "--listen", f"127.0.0.1:{port}",
                "--setenv=PYTHONPATH", *serve)  # fmt: skip
    with running(*activate, log=tmp_path / "log"):
        for _ in range(200):
            try:
                assert ready(port) == 200  # the first caller starts it
                break
            except ConnectionRefusedError:
                pause(0.02)
        else:
            pytest.fail((tmp_path / "log").read_text())
