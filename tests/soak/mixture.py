"""The whole fault catalogue at once, counted exactly: `python -m tests.soak.mixture --seeds 1-5`.

Six sticks found by themselves, or four behind named ports with a PIN each, send and receive while
every entry of the catalogue strikes any of them, several at a time. At the end all is mended: what
is said of every message must be what the handsets have seen, every reply must have come, and no
modem may have seen what no host may ever do.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from hwsim.catalogue import CATALOGUE
from hwsim.modem import SimModem
from tests.bench.machine import machine
from tests.soak.trouble import Tally, Trouble
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

STICKS = ("huawei-e3372-like", "quectel-ec25-like", "zte-mf626-like", "simcom-sim7600-like",
          "telit-le910-like", "sierra-c885-like")  # fmt: skip
NAMED = ("generic", "huawei-e3372-like", "quectel-m26-like", "simcom-sim800-like")
PIN = "4711"
STRIKE_EVERY_S = 6.0
LASTS_S = (3.0, 90.0)
OUT_S = 2.0
# What is true of a port from the moment it comes.
WITH_A_PLUG = frozenset({"wrong_port", "returns_as_cdrom", "brltty_steals", "no_permission"})
# What destroys bytes or messages for good: only where nobody's reply is counted.
LOSSY = frozenset({"lost_input", "second_reader", "foreign_program", "corrupt_read",
                   "parts_shuffled"})  # fmt: skip
# More than the name says, drawn where it can be.
FORMS: dict[str, tuple[dict[str, Any], ...]] = {
    "hangup_mid_pdu": ({"at": "pdu", "back_s": 5.0}, {"at": "ctrl_z", "back_s": 5.0}),
    "spontaneous_restart": ({"when": "now"}, {"when": "ctrl_z"}),
    "under_voltage": ({"when": "ctrl_z"}, {"when": "now"}, {"when": "loop"}),
    "wrong_port": tuple({"form": form} for form in ("parrot", "nmea", "diag", "silent")),
    "line_ends": tuple({"form": form} for form in ("mixed", "cr_cr_lf", "lf", "nul", "ff")),
    "empty_fields": tuple({"form": form} for form in ("no_state", "no_name", "length_only")),
    "incoming_call": ({"when": "now"}, {"when": "ctrl_z"}),
    "dead_descriptor": ({"back_s": 0.0}, {"back_s": 4.0}),
    "slow_boot": ({"boot_s": 20.0}, {"boot_s": 60.0}),
    "prompt_lost": ({"answer": "ERROR"}, {"answer": "+CMS ERROR: 304"}),
}
NEVER_AGAIN = ("failed", "expired", "cancelled")
log = logging.getLogger("airpost")


class Mistakes(logging.Handler):
    """What airpost says of itself: a task that failed, an exception it did not expect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.seen.append(f"airpost's own mistake: {self.format(record)}")


class Mixture(Trouble):
    """One run over a house."""

    send_every_s = 2.0
    strike_every_s = STRIKE_EVERY_S

    def __init__(self, house: House, rng: Random) -> None:
        super().__init__(house, rng)
        self._bag: list[str] = []
        half = len(house.sim.modems) // 2
        self._kept, self._torn = house.sim.modems[:half], house.sim.modems[half:]

    def _answered(self) -> Sequence[SimModem]:
        return self._kept

    async def _hurt(self, until_s: float, group: asyncio.TaskGroup) -> None:
        loop, rng = asyncio.get_running_loop(), self._rng
        while loop.time() < until_s:
            await asyncio.sleep(rng.expovariate(1 / self.strike_every_s))
            name = self._next()
            modem = rng.choice(self._torn if name in LOSSY else self._house.sim.modems)
            self.tally.troubles[name] += 1
            group.create_task(self._strike(modem, name))

    def _next(self) -> str:
        """Every entry of the catalogue once before any comes again."""
        if not self._bag:
            # A modem on the port of another would be given the other's PIN.
            swaps = self._house.found
            self._bag = [name for name in CATALOGUE.values() if swaps or name != "tty_swap"]
            self._rng.shuffle(self._bag)
        return self._bag.pop()

    async def _strike(self, modem: SimModem, name: str) -> None:
        rng = self._rng
        params = dict(rng.choice(FORMS.get(name, ({},))))
        if name in WITH_A_PLUG:
            modem.unplug()
            await asyncio.sleep(OUT_S)
        modem.faults.set(name, **params)
        if name in WITH_A_PLUG:
            modem.plug()
        await asyncio.sleep(rng.uniform(*LASTS_S))
        modem.faults.clear(name)

    def _mend(self) -> None:
        super()._mend()
        for modem in self._house.sim.modems:
            modem.card.lock(None)  # a person has opened the SIM in a phone

    async def _rest(self) -> None:
        await super()._rest()
        for modem in self._house.sim.modems:
            done = {name: count for name, count in asdict(modem.records.never).items() if count}
            if done:
                self.tally.wrong.append(f"{modem.name}, {modem.personality.name}: {done}")

    def _check(self, text: str, message: Json, copies: int) -> None:
        super()._check(text, message, copies)
        state, doubts = message["state"], message["possible_duplicates"]
        if state in NEVER_AGAIN and copies > doubts:
            self.tally.wrong.append(f"received: {text[:20]!r} {state}, {message['reason']}")


def mixture(folder: Path, for_s: float, seed: int, *, found: bool) -> Tally:
    """One run on a loop of its own."""
    personalities = STICKS if found else NAMED

    async def main(loop: VirtualLoop) -> Tally:
        async with opened(
            loop, folder, len(personalities), seed=seed, personalities=personalities, air_s=None,
            found=found, wait=found, modem=None if found else {"pin": PIN, "pin_mark": "1"},
        ) as house:  # fmt: skip
            if not found:
                lock(house.sim.modems)
                await house.ready()
            return await Mixture(house, Random(seed)).run(for_s)

    mistakes = Mistakes()
    log.addHandler(mistakes)
    try:
        tally = run_virtual(main)
    finally:
        log.removeHandler(mistakes)
    tally.wrong += mistakes.seen
    return tally


def lock(modems: Sequence[SimModem]) -> None:
    """From the next start on each wants its PIN."""
    for modem in modems:
        modem.unplug()
        modem.card.lock(PIN)
        modem.plug()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", default="1-5", help="one, or the first and the last")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    log.propagate = False
    print(machine(), flush=True)
    wrong = 0
    for seed in range(int(first), int(last or first) + 1):
        for found in (True, False):
            began_s = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="airpost-mixture-") as folder:
                tally = mixture(Path(folder), options.minutes * 60, seed, found=found)
            print(report(tally, seed, found=found, took_s=time.monotonic() - began_s), flush=True)
            wrong += len(tally.wrong)
    raise SystemExit(1 if wrong else 0)


def report(tally: Tally, seed: int, *, found: bool, took_s: float) -> str:
    """What happened in one run, and what is wrong."""
    kinds = Counter(tally.troubles)
    head = (
        f"seed {seed}, {'found' if found else 'named'}, {took_s:.0f} s: "
        f"{kinds.total()} faults of {len(kinds)} kinds, {len(tally.sent)} messages "
        f"{dict(tally.states)}, possible duplicates {tally.possible_duplicates}, received twice "
        f"{tally.twice}, replies {len(tally.replies)}: {len(tally.wrong)} wrong"
    )
    return "\n".join([head, *(f"WRONG {each}" for each in tally.wrong)])


if __name__ == "__main__":
    main()
