"""The HTTP interface against all that is wrong: `python -m tests.fuzz.api --cases 2000`.

The whole service with two simulated modems. First schemathesis, with all its checks, by the own
`/openapi.json` of the service; then requests that are wrong in one place (`tests/fuzz/mutants.py`):
each must be refused by the name of its field, and nothing of what they say may be logged.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from random import Random

import aiohttp
from yarl import URL

from airpost.clock import SystemClock
from airpost.daemon.config.settings import ModemSettings, Settings, SmsSettings, StoreSettings
from airpost.daemon.run import Daemon
from airpost.daemon.sdnotify import Notifier
from airpost.model import Lane
from airpost.services.hooks_in import HookSettings
from airpost.services.http.settings import HttpSettings, parse_listen
from airpost.services.webhooks.settings import EventSettings, WebhookSettings, parse_allowed
from airpost.tasks import spawn
from hwsim.pool import SimPool
from tests.bench.machine import machine
from tests.fuzz.mutants import MARK, Breeder, faults, things

FOLDER = Path(__file__).parent
HOOK = HookSettings(
    name="press",
    to=("+491701234567", "{{ phone }}"),
    text="{{ pump }}: {{ pressure_bar|round(1) }} bar",
    class_="{{ class }}",
    dedup="{{ pump }}",
    get=True,
    token="the-token-of-the-press",
)


class Log(logging.Handler):
    """Every line of ours, as it is written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A running service with keys; its address and an admin's token."""
    sim = SimPool(folder / "modems", 2, air_s=0.01)
    await sim.start()
    settings = Settings(
        store=StoreSettings(path=folder / "airpost.db"),
        http=HttpSettings(
            listen=(parse_listen("127.0.0.1:0"), parse_listen(f"unix:{folder}/http.sock")),
            max_wait_s=0,  # nobody waits for news here
        ),
        sms=SmsSettings(),
        modems=tuple(
            ModemSettings(name=Lane(f"gate-{at}"), port=str(port))
            for at, port in enumerate(sim.ports, 1)
        ),
        clock_wait_s=0,
        events=EventSettings(
            webhooks=WebhookSettings(allow=(parse_allowed("127.0.0.1"),), most=1000)
        ),
        hooks=(HOOK,),
    )
    daemon = Daemon(settings, SystemClock(), Random(1), Notifier({}))
    running = spawn(daemon.run(), name="daemon under test")
    await daemon.started.wait()
    unix = aiohttp.UnixConnector(str(folder / "http.sock"))
    async with aiohttp.ClientSession("http://localhost", connector=unix) as http:
        key = {"name": "fuzz", "owner": "fuzz", "scopes": ["admin"]}
        async with http.post("/v1/keys", json=key) as response:
            token = (await response.json())["token"]
    try:
        yield next(each for each in daemon.addresses if each.startswith("http:")), token
    finally:
        daemon.stop()
        await running
        await sim.stop()


async def schemathesis(
    folder: str, program: str, address: str, token: str, given: argparse.Namespace
) -> int:
    """Its own report on the terminal; its exit code."""
    command = [
        program, "--config-file", str(FOLDER / "schemathesis.toml"), "run",
        f"{address}/openapi.json", "-H", f"Authorization: Bearer {token}",
        "--seed", str(given.seed), "--max-examples", str(given.cases), "--checks", "all",
        "--max-response-time", "90",
        "--suppress-health-check", "too_slow",  # how busy the machine is says nothing about airpost
        *(word for name in given.only for word in ("--include-operation-id", name)),
        *(("--phases", "examples,coverage,fuzzing") if given.only else ()),
    ]  # fmt: skip
    backups = Path(folder, "backups")
    backups.mkdir()
    checks = {
        "SCHEMATHESIS_HOOKS": str(FOLDER / "checks.py"),
        "AIRPOST_FUZZ_FOLDER": str(backups),
        "AIRPOST_FUZZ_KEY": token.split("_")[1],
    }
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **checks}
    )
    return await process.wait()


async def mutants(address: str, token: str, cases: int, seed: int, log: Log) -> int:
    """Send so many; how many were answered wrongly, each told."""
    wrong: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    began_s = time.monotonic()
    log.lines.clear()
    async with aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {token}"}) as http:
        async with http.get("/openapi.json") as response:
            document = await response.json()
        made = await things(http, document)
        for each in islice(Breeder(document, seed, made), cases):
            where = URL(each.path, encoded=True).with_query(list(each.query))
            async with http.request(
                each.method, where, data=each.body, headers=each.headers
            ) as response:
                told = await response.read()
                statuses[response.status] += 1
                found = faults(each, response.status, response.content_type, told)
            if found:
                wrong[each.operation] += 1
                print(f"{each.operation} {each.what} {each.names}: {found} {told[:300]!r}")
    leaks = [line for line in log.lines if MARK in line or token in line]
    for line in leaks[:10]:
        print(f"logged: {line}")
    took_s = time.monotonic() - began_s
    print(f"{cases:,} mutated requests in {took_s:.0f} s: {dict(sorted(statuses.items()))}, "
          f"answered wrongly: {dict(wrong) or 'none'}, {len(log.lines):,} lines logged, "
          f"with something of theirs: {len(leaks)}", flush=True)  # fmt: skip
    return sum(wrong.values()) + len(leaks)


async def run(given: argparse.Namespace) -> int:
    log = Log()
    logging.getLogger("airpost").addHandler(log)
    logging.getLogger("airpost").setLevel(logging.DEBUG)
    failed = 0
    if given.schemathesis:
        program = str(Path(given.schemathesis).absolute())
        with tempfile.TemporaryDirectory(prefix="airpost-fuzz-") as folder:
            async with service(Path(folder)) as (address, token):
                failed = await schemathesis(folder, program, address, token, given)
    # Anew: what was made of the examples' numbers, such as a place on the blocklist, is gone.
    with tempfile.TemporaryDirectory(prefix="airpost-fuzz-") as folder:
        async with service(Path(folder)) as (address, token):
            failed += await mutants(address, token, given.mutants, given.seed, log)
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=30, help="examples an operation")
    parser.add_argument("--only", nargs="*", default=(), help="operations; of schemathesis alone")
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemathesis", help="the program; without it that part is left out")
    given = parser.parse_args()
    print(machine(), flush=True)
    sys.exit(1 if asyncio.run(run(given)) else 0)


if __name__ == "__main__":
    main()
