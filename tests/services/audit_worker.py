"""A process that changes things until it is killed: `audit_worker STORE RUN`.

It says which key it has made; other work, which takes longer, it begins and ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from random import Random

from airpost.apikey import ApiKey
from airpost.clock import SystemClock
from airpost.services.auditor import Auditor
from airpost.store.sqlite import SqliteStore


def say(words: str) -> None:
    os.write(1, f"{words}\n".encode())


async def work(path: Path, run: int) -> None:
    clock = SystemClock()
    store = SqliteStore(path, clock, Random())
    await store.open(clock.now())
    auditor = Auditor(store.audit, clock)
    await auditor.record("service.start", "airpost")

    async def make_keys() -> None:
        n = 0
        while True:
            await asyncio.sleep(0.002)
            key = ApiKey(id=f"k{run}-{n}", name="x", owner="x", scopes=frozenset({"send"}),
                         created_at=clock.now(), revoked_at=None)  # fmt: skip
            async with auditor.changing("key.create", "local", subject=key.id):
                await store.add_key(key, os.urandom(32))
            say(f"made {key.id}")
            n += 1

    async def works(name: str, took_s: float) -> None:
        n = 0
        while True:
            async with auditor.changing("modem.at", "local", subject=f"{name}{run}-{n}") as ride:
                await auditor.begins(ride)
                await asyncio.sleep(took_s)
            n += 1

    await asyncio.gather(make_keys(), works("short", 0.01), works("long", 60))


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
