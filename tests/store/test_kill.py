"""kill -9 under load: nothing acknowledged is lost, nothing that may be out is queued again.

AIRPOST_KILLS (10) and AIRPOST_SEED (1) say how often and how.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.clock import SystemClock
from airpost.model import MessageId
from airpost.states import SegmentState, fold
from airpost.store.api import MessageFilter
from airpost.store.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.store.kill_worker import LANES
from tests.store.values import concat, part

KILLS = int(os.environ.get("AIRPOST_KILLS", "10"))
SEED = int(os.environ.get("AIRPOST_SEED", "1"))
S = SegmentState
AFTER = {"taken": S.SENT, "unknown": S.UNCERTAIN, "transient": S.QUEUED, "permanent": S.FAILED}
Key = tuple[str, int]


@dataclass(slots=True)
class Heard:
    """What the worker said so far, over all runs; per part of a message what it may be now."""

    accepted: dict[str, int] = field(default_factory=dict)
    may_be: dict[Key, set[SegmentState]] = field(default_factory=dict)
    on_air: set[Key] = field(default_factory=set)
    parts: list[tuple[str, int, int]] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    cancelling: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    uncertain: int = 0

    def take(self, line: dict[str, Any]) -> None:
        what = line["say"]
        key = (line.get("id", ""), line.get("seq", 0))
        if what == "accepted":
            self.accepted[line["id"]] = line["parts"]
        elif what == "intending":
            self.may_be[key] = {S.QUEUED, S.UNCERTAIN}  # the commit may be done and unheard of
        elif what == "intended":
            assert line["id"] not in self.cancelled
            self.may_be[key] = {S.UNCERTAIN}
            self.on_air.add(key)
        elif what == "refused":
            self.may_be.pop(key)
        elif what == "settling":
            self.may_be[key] = {S.UNCERTAIN, AFTER[line["event"]]}
        elif what == "settled":
            self.may_be[key] = {AFTER[line["event"]]}
            self.on_air.discard(key)
        elif what == "cancelling":
            self.cancelling.add(line["id"])
        elif what == "cancelled":
            assert not any(id_ == line["id"] for id_, _ in self.on_air)
            self.cancelled.add(line["id"])
        elif what == "part":
            self.parts.append((line["sender"], line["ref"], line["seq"]))
            if line["whole"] is not None:
                self.whole.add(line["whole"])


def run_and_kill(path: Path, run: int, after_s: float, heard: Heard) -> int:
    """One worker's life; how many lines it got to say."""
    command = [
        sys.executable,
        "-m",
        "tests.store.kill_worker",
        str(path),
        str(run),
        str(SEED + run),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        opened = json.loads(child.stdout.readline())
        assert opened == {"say": "open", "uncertain": 0}  # the check before has recovered it
        try:
            child.wait(after_s)
            pytest.fail("the worker ended by itself")
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().decode().splitlines()
    for line in lines:
        heard.take(json.loads(line))
    return len(lines)


async def check(path: Path, heard: Heard) -> None:
    """Open it as the next start would and hold it against what was heard."""
    clock = SystemClock()
    store = SqliteStore(path, clock, Random(0))
    found = await store.open(clock.now())
    assert found.uncertain <= LANES
    heard.uncertain += found.uncertain
    shown = {}
    at: int | None = 0
    while at is not None:
        page = await store.messages(MessageFilter(), at, 500)
        shown |= {m.id: m for m in page.items}
        at = page.next
    assert set(heard.accepted) <= set(shown)
    assert len(set(shown) - set(heard.accepted)) <= 8 * KILLS  # committed, not acknowledged
    for id_, message in shown.items():
        assert message.text == f"text of {id_}"
        assert len(message.parts) == heard.accepted.get(id_, len(message.parts))
        assert message.state.value in {fold([p.state for p in message.parts]).value}
        for each in message.parts:
            may = heard.may_be.get((id_, each.seq), {S.QUEUED})
            # A part that failed takes the waiting ones of its message with it.
            failed = any(p.state is S.FAILED for p in message.parts)
            may = may | {S.CANCELLED} if failed and S.QUEUED in may else may
            may = may | {S.CANCELLED} if id_ in heard.cancelling else may
            may = {S.CANCELLED} if id_ in heard.cancelled else may
            assert each.state in may, (id_, each, may)
    some = sorted(heard.accepted)  # a machine that has much to do gets few in time
    for id_ in Random(SEED).sample(some, min(20, len(some))):
        assert await store.idempotent("shop", id_) == (id_, 202, id_.encode())
        assert (await store.message_events(MessageId(id_)))[0].reason == "accepted"
    texts = [i.text for i in (await store.inbound(None, 0, 100_000)).items]
    assert len(texts) == len(set(texts))
    assert heard.whole <= set(texts)
    for sender, ref, seq in heard.parts[-20:]:
        again = part(f"{sender}.{seq} ".encode(), sender=sender, udh=concat(ref % 256, 3, seq))
        assert (await store.record_part(again)).repeat
    # What the worker left on the air is settled now: uncertain, and stays so.
    for key in heard.on_air:
        message = shown[key[0]]
        heard.may_be[key] = {message.parts[key[1] - 1].state}
    for key, may in heard.may_be.items():
        if len(may) > 1 and key[0] in shown:
            heard.may_be[key] = {shown[key[0]].parts[key[1] - 1].state}
    heard.on_air.clear()
    await store.close()


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_kill_9_under_load(place: Path) -> None:
    rng = Random(SEED)
    path = place / "airpost.db"
    heard = Heard()
    lines = 0
    for run in range(KILLS):
        lines += run_and_kill(path, run, 0.05 + rng.random() * 0.4, heard)
        await check(path, heard)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
    assert heard.uncertain > 0
    sys.stdout.write(
        f"\n{KILLS} kills, seed {SEED}: {lines} acknowledgements, {len(heard.accepted)} messages "
        f"and {len(heard.parts)} parts kept, 0 lost, {heard.uncertain} segments uncertain, "
        f"{len(heard.cancelled)} messages cancelled\n"
    )
