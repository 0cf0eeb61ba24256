"""The bars of the whole slice, measured on processes of their own: `python -m tests.bench.slice`.

The service runs as `airpost serve`, the modems in a process beside it; both and the caller share
one monotonic clock. Nothing is judged here: figures are printed, with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing as mp
import os
import selectors
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise, product
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from hwsim.pool import SimPool
from tests.bench.machine import machine

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SPREAD = 0.005  # of the air time: eight modems between 197 and 204 ms


# -- the modems' process -------------------------------------------------------------------------
def _modems(pipe: Connection, folder: str, count: int, air_s: float, spread: float) -> None:
    async def run() -> None:
        pool = SimPool(Path(folder), count, air_s=air_s, report_delay_s=0.3)
        for at, modem in enumerate(pool.modems):
            modem.radio.air_s = air_s * (1 + spread * (at - (count - 1) / 2))
        await pool.start()
        pipe.send([str(port) for port in pool.ports])
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), asked.set)
        while True:
            await asked.wait()
            asked.clear()
            if not pipe.poll():
                continue  # set once more before the question was read
            if pipe.recv() == "stop":
                break
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


def _exact_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


class Setup:
    """The two processes and an HTTP session."""

    def __init__(self, modems: int, air_s: float, spread: float = 0.0) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="airpost-bench-", dir=os.environ.get("BENCH_DIR")
        )
        self._modems = modems
        self._air_s = air_s
        self._spread = spread

    async def __aenter__(self) -> Setup:
        folder = Path(self._folder.name)
        self.pipe, theirs = mp.Pipe()
        self._sim = mp.get_context("spawn").Process(
            target=_modems,
            args=(theirs, str(folder / "modems"), self._modems, self._air_s, self._spread),
        )
        self._sim.start()
        ports = self.pipe.recv()
        socket = folder / "http.sock"
        config = f'[store]\nurl = "sqlite:///airpost.db"\n[http]\nlisten = ["unix:{socket}"]\n'
        for at, port in enumerate(ports, 1):
            config += f'[[modem]]\nname = "gate-{at}"\nport = "{port}"\n'
        (folder / "airpost.toml").write_text(config)
        self.service = subprocess.Popen(
            [sys.executable, "-m", "airpost.daemon.cli.main", "serve", "--config",
             str(folder / "airpost.toml"), "--log-level", os.environ.get("BENCH_LOG", "WARNING")]
        )  # fmt: skip
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

    async def __aexit__(self, *_error: object) -> None:
        await self.http.close()
        self.service.terminate()
        self.service.wait(30)
        self.pipe.send("stop")
        self._sim.join(10)
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
        self.pipe.send("tell")
        answer: list[dict[str, Any]] = self.pipe.recv()
        return answer

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.service.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mb(self) -> float:
        return int(Path(f"/proc/{self.service.pid}/statm").read_text().split()[1]) * PAGE / 1e6


def _spread(name: str, values_s: list[float], bars: str) -> None:
    ordered = sorted(values_s)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    print(
        f"{name}: n={len(ordered)} median={statistics.median(ordered) * 1e3:.2f} ms "
        f"p99={p99 * 1e3:.2f} ms max={ordered[-1] * 1e3:.2f} ms   (bar: {bars})",
        flush=True,
    )


# -- the bars ------------------------------------------------------------------------------------
async def latency(count: int) -> None:
    """HTTP POST → Ctrl-Z on an idle modem."""
    rng = Random(1)
    async with Setup(1, 0.02) as setup:
        begun = []
        for _ in range(count):
            await asyncio.sleep(rng.uniform(0.08, 0.16))
            begun.append(await setup.post("+491701234567", report=False))
        await asyncio.sleep(1)
        (modem,) = setup.told()
        handed = [ctrl_z for ctrl_z, _, _ in modem["sends"]]
        assert len(handed) == count
        values = [at - began for began, at in zip(begun, handed, strict=True)]
        _spread("POST to Ctrl-Z, idle modem", values, "median 8 ms, p99 40 ms")


def _done(told: list[dict[str, Any]], count: int) -> bool:
    sends = [modem["sends"] for modem in told]
    return sum(map(len, sends)) >= count and all(each[-1][1] for each in sends)


async def gap(count: int, modems: int, air_s: float, *, report: bool, spread: float) -> None:
    """A modem's OK → the Ctrl-Z of the next PDU, work waiting everywhere.

    Modems that need exactly as long as each other end together and wait for each other; `spread`
    is by how much each needs longer than the one before.
    """
    async with Setup(modems, air_s, spread) as setup:
        began_s = time.monotonic()
        numbers = [f"+49170{at:07d}" for at in range(count)]
        for at in range(0, count, 50):
            await asyncio.gather(*(setup.post(to, report=report) for to in numbers[at : at + 50]))
        posted_s = time.monotonic() - began_s
        while not _done(told := setup.told(), count):
            await asyncio.sleep(0.5)
        gaps, asked, handed, wall_s, on_air_s = [], [], [], 0.0, 0.0
        verbs: Counter[str] = Counter()
        for modem in told:
            sends = modem["sends"]
            verbs.update(modem["counts"])
            # The ends are left out: there a modem waits for work, not for us.
            inner = sends[2:-3]
            gaps += [b[0] - a[1] for a, b in pairwise(inner)]
            asked += [b[2] - a[1] for a, b in pairwise(inner)]
            handed += [b[0] - b[2] for b in inner]
            wall_s += inner[-1][1] - inner[0][0]
            on_air_s += sum(final - ctrl_z for ctrl_z, final, _ in inner)
        print(
            f"{count} messages, {modems} modems, {air_s * 1000:g} ms on the air, "
            f"each {spread:.1%} more than the one before, reports {'on' if report else 'off'}: "
            f"accepted in {posted_s:.2f} s",
            flush=True,
        )
        _spread("OK to the next Ctrl-Z", gaps, "median 3 ms, p99 15 ms")
        _spread("  of it, OK to AT+CMGS", asked, "none")
        _spread("  of it, AT+CMGS to Ctrl-Z", handed, "none")
        print(f"time on the air: {on_air_s / wall_s:.2%} of wall time   (bar: 97 %)")
        init = {"+CMGS"}
        others = {verb: n for verb, n in verbs.items() if verb not in init}
        print(f"AT exchanges: {verbs['+CMGS']} +CMGS; all others, start included: {others}")


async def idle(seconds: float, modems: int) -> None:
    """An idle service."""
    async with Setup(modems, 0.2) as setup:
        for at in range(modems * 5):  # everything was used once
            await setup.post(f"+49170{at:07d}")
        await asyncio.sleep(5)
        before = setup.cpu_s()
        await asyncio.sleep(seconds)
        used = setup.cpu_s() - before
        print(
            f"idle, {modems} modems, {seconds:g} s: {used / seconds:.2%} of a core, "
            f"{setup.resident_mb():.1f} MB resident   (bar: 1 %, 90 MB)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["latency", "gap", "idle"])
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--modems", type=int, default=8)
    parser.add_argument("--air-ms", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=90)
    options = parser.parse_args()
    print(machine(), flush=True)
    if "latency" in options.what:
        asyncio.run(latency(options.count))
    if "gap" in options.what:
        for spread, report in product((SPREAD, 0.0), (False, True)):
            asyncio.run(
                gap(4 * options.count, options.modems, options.air_ms / 1000,
                    report=report, spread=spread)
            )  # fmt: skip
    if "idle" in options.what:
        asyncio.run(idle(options.seconds, options.modems))


if __name__ == "__main__":
    main()
