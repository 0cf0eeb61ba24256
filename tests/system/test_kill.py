"""kill -9 of the whole daemon under load: every message is counted, none is lost or doubled."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.daemon.cli.client import Client
from airpost.errors import Unreachable
from tests.system.processes import Service, Sim, running

KILLS = int(os.environ.get("AIRPOST_KILLS", "4"))
MODEMS = 4
SETTLED = {"sent", "delivered", "uncertain"}
OPEN = {"accepted", "queued", "sending"}
STILL_S = 60.0


class Load(threading.Thread):
    """Posts messages with texts of their own until told to stop; `accepted` has each 202."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(name=name)
        self.accepted: dict[str, str] = {}  # text → id
        self.ended = threading.Event()
        self._client = Client(url)

    def run(self) -> None:
        at = 0
        while not self.ended.is_set():
            text = f"{self.name} {at}"
            body = {"to": "+491701", "text": text, "on_uncertain": ("hold", "resend")[at % 2]}
            try:
                answer = self._client.post("/v1/messages", body, {"Idempotency-Key": f"key-{at}"})
            except Unreachable:  # killed: the same request again, under the same key
                self.ended.wait(0.05)
                continue
            self.accepted[text] = answer["id"]
            at += 1
            self.ended.wait(0.03)


def _everything(client: Client) -> dict[str, Any]:
    return {each["id"]: each for each in client.items(dict, "/v1/messages", {})}


def _uncertain(service: Service) -> int:
    return sum(
        part["state"] == "uncertain"
        for message in _everything(service.client).values()
        for part in message["parts"]
    )


def _rest(service: Service) -> None:
    """Return when all is sent; AssertionError when nothing was for STILL_S."""
    left: list[str] = []
    since_s = time.monotonic()
    while time.monotonic() - since_s < STILL_S:
        found = [
            f"{each['text']} {each['state']}"
            for each in _everything(service.client).values()
            if each["state"] in OPEN
        ]
        if not found:
            return
        if found != left:
            left, since_s = found, time.monotonic()
        time.sleep(0.1)  # noqa: TID251 - another process is waited for
    raise AssertionError(f"{len(left)} stand still: {left[:10]}")


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * KILLS)
def test_nothing_is_lost_or_doubled_unseen(tmp_path: Path) -> None:
    rng = Random(int(os.environ.get("AIRPOST_SEED", "1")))
    with running(tmp_path, MODEMS, "--air-ms", "150", "--report-ms", "100") as (service, sim):
        load = Load(service.url, "message")
        load.start()
        worst = 0
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.2, 1.2))  # noqa: TID251 - the moment of the kill is the test
            service.kill()
            service.start()
            service.up(1)
            worst = max(worst, _recovered(service))
            service.up(MODEMS)
        load.ended.set()
        load.join()
        _rest(service)
        _count(load.accepted, _everything(service.client), _received(sim))
        assert len(load.accepted) > 10 * KILLS
        assert worst <= MODEMS
        assert service.stop() == 0


def _recovered(service: Service) -> int:
    """Segments that the newest start found on the air."""
    lines = [line for line in service.log().splitlines() if "run.recovered" in line]
    return int(lines[-1].split("uncertain=")[1].split()[0])


def _received(sim: Sim) -> Counter[str]:
    return Counter(each["text"] for each in sim.do("inbox"))


def _count(accepted: dict[str, str], stored: dict[str, Any], received: Counter[str]) -> None:
    print(f"accepted={len(accepted)} received={sum(received.values())} "
          f"states={dict(Counter(each['state'] for each in stored.values()))} "
          f"twice={sum(n > 1 for n in received.values())}")  # fmt: skip
    lost = [text for text, id_ in accepted.items() if id_ not in stored]
    assert lost == []
    wrong = []
    for message in stored.values():
        copies = received[message["text"]]
        certain = message["state"] in ("sent", "delivered")
        allowed = 1 + message["possible_duplicates"]
        if message["state"] not in SETTLED or copies > allowed or (certain and copies == 0):
            wrong.append((message["text"], message["state"], copies, allowed))
    assert wrong == []
