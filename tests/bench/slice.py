"""The bars of the whole slice, measured on processes of their own: `python -m tests.bench.slice`.

The service runs as `airpost serve`, the modems in a process beside it; both and the caller share
one monotonic clock. Nothing is judged here: figures are printed, with the machine. Beside those of
a row of messages stand those of a loop without a store on the same modems (`bare.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from tests.bench.lean import LeanModems
from tests.bench.machine import machine
from tests.bench.stand import Modems, Setup, cpu_s, modems_of

SPREAD = 0.005  # of the air time: eight modems between 197 and 204 ms
POSTS = 50  # under way at once


def _spread(name: str, values_s: list[float], bars: str = "none") -> None:
    ordered = sorted(values_s)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    print(
        f"{name}: n={len(ordered)} median={statistics.median(ordered) * 1e3:.2f} ms "
        f"p99={p99 * 1e3:.2f} ms max={ordered[-1] * 1e3:.2f} ms   (bar: {bars})",
        flush=True,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """What modems saw of a row of messages; the ends, where one waits for work, are left out."""

    gaps_s: list[float]  # OK → the next Ctrl-Z
    asked_s: list[float]  # OK → AT+CMGS
    handed_s: list[float]  # AT+CMGS → Ctrl-Z
    on_air: float  # share of the time
    per_s: float  # segments, from the first Ctrl-Z to the last result
    verbs: Counter[str]

    @classmethod
    def of(cls, told: list[dict[str, Any]]) -> Row:
        gaps, asked, handed, wall_s, on_air_s = [], [], [], 0.0, 0.0
        verbs: Counter[str] = Counter()
        out = [[send for send in modem["sends"] if send[0] is not None] for modem in told]
        for modem, sends in zip(told, out, strict=True):
            verbs.update(modem["counts"])
            inner = sends[2:-3]
            if not inner:
                continue
            gaps += [b[0] - a[1] for a, b in pairwise(inner)]
            asked += [b[2] - a[1] for a, b in pairwise(inner)]
            handed += [b[0] - b[2] for b in inner]
            wall_s += inner[-1][1] - inner[0][0]
            on_air_s += sum(final - ctrl_z for ctrl_z, final, _ in inner)
        every = [send for sends in out for send in sends]
        took_s = max(final for _, final, _ in every) - min(ctrl_z for ctrl_z, _, _ in every)
        return cls(gaps, asked, handed, on_air_s / wall_s, len(every) / took_s, verbs)

    def tell(self, who: str, bars: tuple[str, str, str] = ("none", "none", "none")) -> None:
        _spread(f"{who}: OK to the next Ctrl-Z", self.gaps_s, bars[0])
        _spread("  of it, OK to AT+CMGS", self.asked_s)
        _spread("  of it, AT+CMGS to Ctrl-Z", self.handed_s)
        print(f"{who}: {self.on_air:.2%} of the time on the air   (bar: {bars[1]}), "
              f"{self.per_s:.0f} segments/s   (bar: {bars[2]})", flush=True)  # fmt: skip


# -- the bars ------------------------------------------------------------------------------------
async def latency(count: int) -> None:
    """HTTP POST → Ctrl-Z on an idle modem, and the same without a store."""
    async with Setup(1, 0.02) as setup:
        ours = await _handed(setup.modems, setup.http, count)
    _spread("POST to Ctrl-Z, idle modem", ours, "median 6 ms, p99 25 ms")
    with tempfile.TemporaryDirectory(prefix="airpost-bench-") as folder:
        theirs = await _bare_latency(Path(folder), count)
    _spread("bare loop: POST to Ctrl-Z", theirs)
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"airpost to bare loop: POST to Ctrl-Z {ratio:.2f}\n", flush=True)


async def _handed(
    modems: Modems | LeanModems, http: aiohttp.ClientSession, count: int
) -> list[float]:
    """Seconds from each POST to the Ctrl-Z of its PDU."""
    rng, begun = Random(1), []
    for _ in range(count):
        await asyncio.sleep(rng.uniform(0.08, 0.16))
        begun.append(time.monotonic())
        message = {"to": "+491701234567", "text": "hello", "report": False}
        async with http.post("/v1/messages", json=message) as answer:
            assert answer.status == 202, await answer.text()
            await answer.read()
    await asyncio.sleep(1)
    (told,) = modems.told()
    handed = [ctrl_z for ctrl_z, _, _ in told["sends"]]
    assert len(handed) == count
    return [at - began for began, at in zip(begun, handed, strict=True)]


async def _bare_latency(folder: Path, count: int) -> list[float]:
    socket, sim = folder / "http.sock", modems_of(folder, 1, 0.02)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.bare", "--listen", str(socket), *sim.ports
    )
    try:
        while not socket.exists():
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession(
            "http://localhost", connector=aiohttp.UnixConnector(str(socket))
        ) as http:
            return await _handed(sim, http, count)
    finally:
        process.kill()
        await process.wait()
        sim.close()


def _done(told: list[dict[str, Any]], count: int) -> bool:
    return sum(send[1] is not None for modem in told for send in modem["sends"]) >= count


async def _accepted(setup: Setup, count: int, *, report: bool) -> float:
    """Messages to as many numbers; how long that took."""
    began_s = time.monotonic()
    numbers = [f"+49170{at:07d}" for at in range(count)]
    for at in range(0, count, POSTS):
        await asyncio.gather(*(setup.post(to, report=report) for to in numbers[at : at + POSTS]))
    return time.monotonic() - began_s


async def row(
    count: int, modems: int, air_s: float, *, report: bool, spread: float, bars: tuple[str, ...]
) -> Row:
    """Work waiting everywhere.

    Modems that need exactly as long as each other end together and wait for each other; `spread`
    is by how much each needs longer than the one before.
    """
    async with Setup(modems, air_s, spread) as setup:
        idle_s = setup.cpu_s()
        accepted_s = await _accepted(setup, count, report=report)
        taken_s, began_s = setup.cpu_s(), time.monotonic()
        while not _done(told := setup.told(), count):
            await asyncio.sleep(0.5)
        ended_s, took_s = setup.cpu_s(), time.monotonic() - began_s
    seen = Row.of(told)
    print(
        f"{count} messages, {modems} modems, {air_s * 1000:g} ms on the air, "
        f"each {spread:.1%} more than the one before, reports {'on' if report else 'off'}: "
        f"accepted in {accepted_s:.2f} s",
        flush=True,
    )
    gap_bar, air_bar, rate_bar, core_bar = bars
    seen.tell("airpost", (gap_bar, air_bar, rate_bar))
    print(
        f"CPU of the service: {(ended_s - idle_s) / count * 1000:.2f} s per 1,000 segments, HTTP "
        f"and store included   (bar: 1.0 s); {(ended_s - taken_s) / took_s:.0%} of a core while "
        f"sending   (bar: {core_bar})",
        flush=True,
    )
    others = {verb: n for verb, n in seen.verbs.items() if verb != "+CMGS"}
    print(f"AT exchanges: {seen.verbs['+CMGS']} +CMGS; {sum(others.values())} others at the start")
    return seen


async def bare(count: int, modems: int, air_s: float, spread: float) -> Row:
    """The same without a store, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="airpost-bench-") as folder:
        sim = modems_of(Path(folder), modems, air_s, spread)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.bare", str(count // modems), *sim.ports
            )
            used_s = 0.0
            while process.returncode is None:
                with suppress(FileNotFoundError):  # it has ended in this moment
                    used_s = cpu_s(process.pid)
                await asyncio.sleep(0.1)
            await process.wait()
            told = sim.told()
        finally:
            sim.close()
    seen = Row.of(told)
    seen.tell("bare loop")
    print(f"CPU of the bare loop: {used_s / count * 1000:.2f} s per 1,000 segments", flush=True)
    return seen


async def compared(
    count: int, modems: int, air_s: float, *, report: bool, spread: float, bars: tuple[str, ...]
) -> None:
    """Both, and how they compare."""
    ours = await row(count, modems, air_s, report=report, spread=spread, bars=bars)
    theirs = await bare(count, modems, air_s, spread)
    gap = statistics.median(ours.gaps_s) / statistics.median(theirs.gaps_s)
    print(
        f"airpost to bare loop: gap {gap:.2f}, time on the air {ours.on_air / theirs.on_air:.4f}, "
        f"segments/s {ours.per_s / theirs.per_s:.3f}\n",
        flush=True,
    )


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


GAP_BARS = ("median 2 ms, p99 12 ms", "98.5 %", "none", "none")
ROWS = {  # name → modems, seconds on the air, messages a modem for each 100 of --count, bars
    "many": (64, 0.2, 12.5, ("none", "95 %", "none", "60 %")),
    "slow": (256, 2.5, 2.5, ("none", "98.8 %", "none", "none")),
    "flood": (8, 0.0, 100.0, ("none", "none", "600", "none")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["latency", "gap", *ROWS, "idle"])
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--modems", type=int, default=8, help="of gap and idle")
    parser.add_argument("--air-ms", type=float, default=200, help="of gap")
    parser.add_argument("--seconds", type=float, default=90, help="of idle")
    parser.add_argument("--quick", action="store_true", help="gap: one row instead of four")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no service is left over
    print(machine(), flush=True)
    if "latency" in options.what:
        asyncio.run(latency(options.count))
    if "gap" in options.what:
        rows = list(product((SPREAD, 0.0), (False, True)))
        for spread, report in rows[:1] if options.quick else rows:
            asyncio.run(
                compared(4 * options.count, options.modems, options.air_ms / 1000,
                         report=report, spread=spread, bars=GAP_BARS)
            )  # fmt: skip
    for name in ROWS.keys() & set(options.what):
        modems, air_s, each, bars = ROWS[name]
        count = round(modems * each * options.count / 100)
        spread = SPREAD * 8 / modems
        asyncio.run(compared(count, modems, air_s, report=False, spread=spread, bars=bars))
    if "idle" in options.what:
        asyncio.run(idle(options.seconds, options.modems))


if __name__ == "__main__":
    main()
