"""The daemon and hw-sim as processes of their own, in real time: for kill -9 and signals."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airpost.daemon.cli.client import Client
from airpost.errors import Unreachable
from hwsim.cli import ask

Json = dict[str, Any]
START_S = 60.0


def wait_for(true: Any, wait_s: float = START_S, every_s: float = 0.05) -> Any:
    """The first true value; AssertionError when none came in time."""
    end_s = time.monotonic() + wait_s
    while time.monotonic() < end_s:
        try:
            if found := true():
                return found
        except (Unreachable, OSError):
            pass  # not up yet
        time.sleep(every_s)  # noqa: TID251 - another process is waited for
    raise AssertionError(f"not true within {wait_s} s")


class Service:
    """`airpost serve` on its folder; may be killed and started again."""

    def __init__(self, folder: Path, ports: list[str]) -> None:
        self.folder = folder
        self.url = f"unix:{folder / 'http.sock'}"
        self.client = Client(self.url)
        config = f'[store]\nurl = "sqlite:///airpost.db"\n[http]\nlisten = ["{self.url}"]\n'
        for at, port in enumerate(ports, 1):
            config += f'[[modem]]\nname = "gate-{at}"\nport = "{port}"\n'
        (folder / "airpost.toml").write_text(config)
        self._log = (folder / "service.log").open("ab")
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "airpost.daemon.cli.main", "serve",
             "--config", str(self.folder / "airpost.toml")],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def up(self, modems: int) -> None:
        """Wait until so many modems are ready."""
        wait_for(lambda: self._ready() >= modems)

    def _ready(self) -> int:
        assert self.process.poll() is None, self.log()
        count: int = self.client.get("/health/ready")["modems"]["ready"]
        return count

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, wait_s: float = 30.0) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(wait_s)

    def log(self) -> str:
        return (self.folder / "service.log").read_text()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.client.close()
        self._log.close()


class Sim:
    """`hw-sim` and its control socket."""

    def __init__(self, folder: Path, modems: int, *options: str) -> None:
        self.folder = folder
        self.ports = [str(folder / f"modem{at}") for at in range(modems)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hwsim.cli", "--modems", str(modems), "--dir", str(folder),
             *options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: self.do("modems"))

    def do(self, verb: str, **more: Any) -> Any:
        answer = ask(self.folder / "control.sock", {"do": verb, **more})
        assert answer["ok"], answer
        return answer["result"]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def running(folder: Path, modems: int, *options: str) -> Iterator[tuple[Service, Sim]]:
    """Both, up and ready."""
    sim = Sim(folder / "sim", modems, *options)
    service = Service(folder, sim.ports)
    try:
        service.start()
        service.up(modems)
        yield service, sim
    finally:
        service.close()
        sim.close()
