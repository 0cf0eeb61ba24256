"""A pool in trouble, in virtual time, counted exactly: `python -m tests.soak.trouble --hours 24`.

Messages and replies go on while modems are unplugged, restart, hang, lie and lose the network. At
the end everything is mended, and every message is looked for in the store and on the handsets.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from hwsim.modem import SimModem
from tests.bench.machine import machine
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

PERSONALITIES = ("generic", "huawei-e3372-like", "quectel-ec25-like", "simcom-sim800-like")
PHONES = tuple(f"+49170{at:07d}" for at in range(12))
CLASSES = ("otp", "alarm", "normal", "normal", "bulk")
SEND_EVERY_S = 5.0
TROUBLE_EVERY_S = 25.0
LASTS_S = (5.0, 90.0)
CODES = (17, 21, 38, 41, 42, 69, 302, 331, 332, 500, 512)

# Name and parameters of faults that strike so often, or last until they are cleared.
STRIKES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("no_final", {"verb": "+CMGS"}),
    ("no_final", {"verb": "+CMGS", "lost": True}),
    ("late_final", {"verb": "+CMGS", "delay_s": 40.0}),
    ("late_final", {"verb": "+CMGS", "delay_s": 90.0, "answers": True}),
    ("no_prompt", {}),
    ("slow_prompt", {}),
    ("bare_prompt", {}),
    ("stuck_prompt", {}),
    ("ok_without_mr", {}),
    ("urc_before_prompt", {}),
    ("urc_inside", {}),
    ("glued", {}),
    ("report_early", {}),
    ("hangup_mid_pdu", {"at": "pdu", "back_s": 8.0}),
    ("hangup_mid_pdu", {"at": "ctrl_z", "back_s": 8.0}),
    ("spontaneous_restart", {"when": "ctrl_z"}),
    ("empty_read", {}),
    ("length_mismatch", {}),
)
LASTING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("silence", {}),
    ("not_registered", {}),
    ("sim_removed", {}),
    ("store_full", {}),
    ("bytewise", {}),
    ("garbage", {"chance": 0.3}),
    ("flood", {}),
    ("echo_on", {}),
)


@dataclass(slots=True)
class Tally:
    """What happened, and what is wrong with it."""

    sent: dict[str, str] = field(default_factory=dict)  # text → id
    replies: list[str] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    possible_duplicates: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def twice(self) -> int:
        """Texts a handset got more than once."""
        return sum(n - 1 for n in self.received.values() if n > 1)


UNDER_WAY = ("accepted", "queued", "sending")  # states in which something is still to be done


class Trouble:
    """One run over a house."""

    send_every_s = SEND_EVERY_S
    phones: Sequence[str] = PHONES

    def __init__(self, house: House, rng: Random) -> None:
        self.tally = Tally()
        self._house = house
        self._rng = rng

    async def run(self, for_s: float) -> Tally:
        """Trouble for so long, then mend everything and count."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + for_s
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(until_s))
            group.create_task(self._hurt(until_s, group))
        self._mend()
        await self._rest()
        await self._count()
        return self.tally

    # -- what goes on ----------------------------------------------------------------------------
    async def _send(self, until_s: float) -> None:
        loop, rng = asyncio.get_running_loop(), self._rng
        at = 0
        while loop.time() < until_s:
            await asyncio.sleep(rng.expovariate(1 / self.send_every_s))
            at += 1
            text = self._text(at)
            answer = await self._post(text)
            self.tally.sent[text] = answer["id"]
            if rng.random() < 0.1:
                await self._reply(at)

    def _text(self, at: int) -> str:
        """What message `at` says: in it alone."""
        return f"message {at} " + self._rng.choice(("", "x" * 200, "报警" * 50, "😀" * 60))

    async def _post(self, text: str) -> Json:
        rng = self._rng
        fields = {"class": rng.choice(CLASSES), "on_uncertain": rng.choice(("hold", "resend"))}
        return await self._house.post(
            rng.choice(self.phones), text, report=True, ttl_s=7200, **fields
        )

    async def _reply(self, at: int) -> None:
        modem = self._rng.choice(self._answered())
        text = f"reply {at} " + self._rng.choice(("", "y" * 300, "收到" * 80))
        self._house.sim.handset(self._rng.choice(self.phones)).send(modem.number, text)
        self.tally.replies.append(text)

    def _answered(self) -> Sequence[SimModem]:
        """The modems that get replies."""
        return self._house.sim.modems

    async def _hurt(self, until_s: float, group: asyncio.TaskGroup) -> None:
        loop, rng = asyncio.get_running_loop(), self._rng
        while loop.time() < until_s:
            await asyncio.sleep(rng.expovariate(1 / TROUBLE_EVERY_S))
            modem = rng.choice(self._house.sim.modems)
            kind = rng.randrange(5)
            if kind == 0:
                self.tally.troubles["unplug"] += 1
                group.create_task(self._unplug(modem))
            elif kind == 1:
                self.tally.troubles["restart"] += 1
                modem.restart()
            elif kind == 2:
                self.tally.troubles["cms_error"] += 1
                modem.faults.set("cms_error", code=rng.choice(CODES), count=rng.randint(1, 3))
            elif kind == 3:
                name, params = rng.choice(STRIKES)
                self.tally.troubles[name] += 1
                modem.faults.set(name, count=1, **params)
            else:
                name, params = rng.choice(LASTING)
                self.tally.troubles[name] += 1
                modem.faults.set(name, **params)
                group.create_task(self._clear(modem, name))

    def _mend(self) -> None:
        for modem in self._house.sim.modems:
            modem.faults.clear()
            modem.plug()

    async def _unplug(self, modem: SimModem) -> None:
        modem.unplug()
        await asyncio.sleep(self._rng.uniform(*LASTS_S))
        modem.plug()

    async def _clear(self, modem: SimModem, name: str) -> None:
        await asyncio.sleep(self._rng.uniform(*LASTS_S))
        modem.faults.clear(name)

    async def _rest(self) -> None:
        """Until nothing is under way any more."""
        async with asyncio.timeout(4 * 3600):
            while True:
                await asyncio.sleep(60)
                if not any([await self._some(state) for state in UNDER_WAY]):
                    break
        await asyncio.sleep(1200)  # graces, polls and what the network still keeps

    async def _some(self, state: str) -> bool:
        found = await self._house.get(f"/v1/messages?state={state}&limit=1")
        return bool(found["items"])

    # -- the count -------------------------------------------------------------------------------
    async def _count(self) -> None:
        tally = self.tally
        stored = {each["id"]: each for each in await self._house.everything()}
        for phone in self.phones:
            tally.received.update(m.text for m in self._house.sim.handset(phone).inbox if m.text)
        for text, id_ in tally.sent.items():
            message = stored.get(id_)
            if message is None:
                tally.wrong.append(f"lost: {text[:20]!r}")
                continue
            tally.states[message["state"]] += 1
            tally.possible_duplicates += message["possible_duplicates"]
            self._check(text, message, tally.received[text])
        await self._check_replies()

    def _check(self, text: str, message: Json, copies: int) -> None:
        state = message["state"]
        if copies > 1 + message["possible_duplicates"]:
            self.tally.wrong.append(f"twice unseen: {text[:20]!r} {state} {copies} copies")
        if state in ("sent", "delivered") and copies == 0:
            self.tally.wrong.append(f"not received: {text[:20]!r} {state}")
        if state in ("accepted", "queued", "sending"):
            self.tally.wrong.append(f"stuck: {text[:20]!r} {state}")

    async def _check_replies(self) -> None:
        got: Counter[str] = Counter()
        cursor = ""
        while True:
            page = await self._house.get(f"/v1/inbound?limit=500&cursor={cursor}")
            if not page["items"]:
                break
            got.update(each.get("text", "") for each in page["items"])
            cursor = page["next"]
        wanted = Counter(self.tally.replies)
        for text in (wanted - got) + (got - wanted):
            words = f"reply {text[:20]!r}: sent {wanted[text]}, received {got[text]}"
            self.tally.wrong.append(words)


def trouble(folder: Path, for_s: float, seed: int, modems: int = 4) -> Tally:
    """One run on a loop of its own."""

    async def main(loop: VirtualLoop) -> Tally:
        async with opened(
            loop, folder, modems, seed=seed, personalities=PERSONALITIES, air_s=None
        ) as house:
            return await Trouble(house, Random(seed)).run(for_s)

    return run_virtual(main)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modems", type=int, default=4)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(machine(), flush=True)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airpost-soak-") as folder:
        tally = trouble(Path(folder), options.hours * 3600, options.seed, options.modems)
    print(
        f"{options.hours:g} h of trouble, {options.modems} modems, seed {options.seed}: "
        f"{time.monotonic() - began_s:.0f} s"
    )
    print(
        f"accepted {len(tally.sent)}, states {dict(tally.states)}, "
        f"possible duplicates {tally.possible_duplicates}, received twice {tally.twice}"
    )
    print(
        f"replies {len(tally.replies)}; troubles {sum(tally.troubles.values())}: "
        f"{dict(tally.troubles)}"
    )
    for each in tally.wrong:
        print(f"WRONG {each}")
    print(f"{len(tally.wrong)} wrong")
    raise SystemExit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
