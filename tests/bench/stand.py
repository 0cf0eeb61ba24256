"""What a bench runs on: the modems in a process beside the service, and both beside the caller.

All share one monotonic clock. The service logs as it does by default, into a file. `BENCH_DIR` says
where the store and the modems are, `BENCH_MODEMS=lean` that the modems are those of `lean.c`.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

from airpost.tasks import spawn
from hwsim.pool import SimPool
from tests.bench import lean
from tests.bench.lean import LeanModems

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


# -- the modems' process -------------------------------------------------------------------------
def _modems(pipe: Connection, folder: str, count: int, air_s: float, spread: float) -> None:
    async def run() -> None:
        pool = SimPool(Path(folder), count, air_s=air_s, report_delay_s=0.3)
        await pool.start()  # which makes them
        for at, modem in enumerate(pool.modems):
            modem.radio.air_s = air_s * (1 + spread * (at - (count - 1) / 2))
        pipe.send([str(port) for port in pool.ports])
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), asked.set)
        while True:
            await asked.wait()
            asked.clear()
            if not pipe.poll():
                continue  # set once more before the question was read
            what = pipe.recv()
            if what == "stop":
                break
            if isinstance(what, tuple):
                for at, modem in enumerate(pool.modems):
                    spawn(_write_to(pool, modem.number, at, *what), name=f"writer {at}")
                continue
            pipe.send([
                {"sends": [(s.ctrl_z_at_s, s.final_at_s, s.cmgs_at_s) for s in modem.sends],
                 "counts": dict(modem.counts)}
                for modem in pool.modems
            ])  # fmt: skip
        loop.remove_reader(pipe.fileno())
        await pool.stop()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # epoll counts whole milliseconds: modems that share such a clock would answer in step.
    with asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(run())


async def _write_to(pool: SimPool, number: str, at: int, per_s: float, seconds: float) -> None:
    """Texts to one modem at a steady rate, each with the time at which it was written."""
    begun_s = time.monotonic()
    for n in range(round(per_s * seconds)):
        await asyncio.sleep(begun_s + (n + at / len(pool.modems)) / per_s - time.monotonic())
        pool.handset(f"+49179{at:07d}").send(number, f"{at} {n} {time.monotonic():.6f}")


def _exact_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


class Modems:
    """The modems' process: `ports` to talk to, and what the modems saw."""

    def __init__(self, folder: Path, count: int, air_s: float, spread: float = 0.0) -> None:
        self._pipe, theirs = mp.Pipe()
        self._sim = mp.get_context("spawn").Process(
            target=_modems, args=(theirs, str(folder / "modems"), count, air_s, spread)
        )
        self._sim.start()
        self.ports: list[str] = self._pipe.recv()

    def told(self) -> list[dict[str, Any]]:
        """What the modems saw."""
        self._pipe.send("tell")
        answer: list[dict[str, Any]] = self._pipe.recv()
        return answer

    def inbound(self, per_s: float, seconds: float) -> None:
        """Have so many a second written to each modem; returns at once."""
        self._pipe.send((per_s, seconds))

    def close(self) -> None:
        self._pipe.send("stop")
        self._sim.join(10)


def cpu_s(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def modems_of(folder: Path, count: int, air_s: float, spread: float = 0.0) -> Modems | LeanModems:
    """The modems that are asked for."""
    return (LeanModems if lean.wanted() else Modems)(folder, count, air_s, spread)


class Setup:
    """The two processes and an HTTP session."""

    program = "airpost.daemon.cli.main"

    def __init__(
        self, modems: int, air_s: float, spread: float = 0.0, *, tcp: str | None = None
    ) -> None:
        """`tcp`: a further listener, on a loopback address and for everybody."""
        self._tcp = tcp
        self._folder = tempfile.TemporaryDirectory(
            prefix="airpost-bench-", dir=os.environ.get("BENCH_DIR")
        )
        self._modems = modems
        self._air_s = air_s
        self._spread = spread
        self.http_more = ""  # lines for [http]
        self.more = ""  # further sections

    @property
    def folder(self) -> Path:
        """Where the store and the modems are."""
        return Path(self._folder.name)

    async def __aenter__(self) -> Setup:
        os.sync()  # what others left is written when it is 30 s old, and holds up commits then
        folder = self.folder
        self.modems = modems_of(folder, self._modems, self._air_s, self._spread)
        ports = self.modems.ports
        self.socket = socket = folder / "http.sock"
        config = f'[store]\nurl = "sqlite:///airpost.db"\n[http]\nlisten = ["unix:{socket}"'
        config += "]\n" if self._tcp is None else f', "{self._tcp}"]\nauth = "none"\n'
        config += self.http_more + self.more
        for at, port in enumerate(ports, 1):
            config += f'[[modem]]\nname = "gate-{at}"\nport = "{port}"\n'
        (folder / "airpost.toml").write_text(config)
        config_path = str(folder / "airpost.toml")
        with (folder / "log").open("wb") as log:
            self.service = subprocess.Popen(
                [sys.executable, "-m", self.program, "serve", "--config", config_path], stderr=log
            )
        while not socket.exists():
            await asyncio.sleep(0.05)
        self.http = aiohttp.ClientSession(
            "http://localhost", connector=aiohttp.UnixConnector(str(socket))
        )
        while True:
            async with self.http.get("/health/ready") as response:
                if (await response.json())["modems"]["ready"] == self._modems:
                    return self
            await asyncio.sleep(0.1)

    async def __aexit__(self, failed: object, *_error: object) -> None:
        await self.http.close()
        self.service.terminate()
        self.service.wait(30)
        self.modems.close()
        if failed is not None:
            print((self.folder / "log").read_text()[-4000:], flush=True)
        self._folder.cleanup()

    async def post(self, to: str, text: str = "hello", **fields: Any) -> float:
        """When the request was begun, on the monotonic clock."""
        began_s = time.monotonic()
        async with self.http.post("/v1/messages", json={"to": to, "text": text, **fields}) as got:
            assert got.status == 202, await got.text()
            await got.read()
        return began_s

    def told(self) -> list[dict[str, Any]]:
        """What the modems saw."""
        return self.modems.told()

    def cpu_s(self) -> float:
        return cpu_s(self.service.pid)

    def resident_mb(self) -> float:
        return int(Path(f"/proc/{self.service.pid}/statm").read_text().split()[1]) * PAGE / 1e6
