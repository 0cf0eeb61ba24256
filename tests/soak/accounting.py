"""Every message, attempt and report counted: `python -m tests.soak.accounting --hours 24`.

A message a second over eight sticks, with `--faults` per cent of every entry of the catalogue: each
modem is under each fault for that share of the time, 3 to 90 s on end, so that this share of the
segments meets it (one that happens in a moment, such as a port changed, happens as often). With the
76 entries of the catalogue at 1 % a modem has no fault in less than half of the time.

At the end all is mended and what has no report waits until airpost gives it up. Then each message
is in exactly one final state, and what the store says of attempts must fit what the simulator's
network took and its handsets got, segment by segment: each attempt that ended well is there, none
is there that failed, and of those of unknown fate the simulator tells which went out.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

from airpost.codec.join import concat_of
from hwsim.catalogue import CATALOGUE
from hwsim.handset import ReceivedPart
from tests.bench.machine import machine
from tests.soak.mixture import LASTS_S, STICKS, Mistakes, Mixture
from tests.soak.trouble import Tally
from tests.system.house import House, opened
from tests.virtual import VirtualLoop, run_virtual

PHONES = tuple(f"+49170{at:07d}" for at in range(200))
GIVEN_UP_S = 74 * 3600.0  # longer than airpost waits for a report
NUMBER = re.compile(r"#(\d{7})")
OCTETS = (8,) * 16 + (200, 200, 350, 500)  # of a text: mostly one part, also two to nine
ATTEMPTS = """
    SELECT message.id, segment.seq, attempt.outcome_class, count(*) FROM attempt
    JOIN segment ON segment.id = attempt.segment_id
    JOIN message ON message.seq = segment.message_seq GROUP BY 1, 2, 3
"""
REPORTS = "SELECT count(*), count(attempt_id) FROM report"
Segment = tuple[str, int]  # a message's id, and which part


class Log:
    """What the simulator's network says that it did."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()  # by destination
        self.reports = 0

    def __call__(self, source: str, kind: str, detail: dict[str, object]) -> None:
        if source == "network" and kind == "accepted":
            self.taken[str(detail["to"])] += 1
        elif source == "network" and kind == "report":
            self.reports += 1


class Accounting(Mixture):
    """One run over a house; `share` of every fault."""

    send_every_s = 1.0
    phones = PHONES

    def __init__(self, house: House, rng: Random, log: Log, share: float) -> None:
        super().__init__(house, rng)
        self.table: dict[str, int] = {}
        self._log = log
        at_once = share * len(CATALOGUE) * len(house.sim.modems)
        self.strike_every_s = sum(LASTS_S) / 2 / at_once

    def _text(self, at: int) -> str:
        """Its number stands in each part."""
        word = f"#{at:07d}"
        return (word + " ") * (self._rng.choice(OCTETS) // len(word)) + self._rng.choice(("", "…"))

    async def _rest(self) -> None:
        await super()._rest()
        for modem in self._house.sim.modems:
            modem.unplug()
        await asyncio.sleep(60.0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.jump(GIVEN_UP_S)  # days in which nothing could happen
        await asyncio.sleep(600.0)

    # -- the count -------------------------------------------------------------------------------
    async def _count(self) -> None:
        await super()._count()
        stored = await self._house.everything()
        wrong = self.tally.wrong
        if len({each["id"] for each in stored}) != len(stored):
            wrong.append("a message is listed twice")
        wrong += [f"not final: {each['id']} {each['state']}" for each in stored
                  if not each["final"]]  # fmt: skip
        taken = self._taken()
        ended, kept, matched = self._in_the_store()
        got = Counter(self._segments())
        self._check_attempts(ended, got)
        for message in stored:
            for part in message["parts"]:
                if part["state"] in ("sent", "delivered") and not got[message["id"], part["seq"]]:
                    wrong.append(f"not there: {message['id']} part {part['seq']} {part['state']}")
        by_class: Counter[str] = Counter()
        for classes in ended.values():
            by_class += classes
        unknown = sum(max(0, n - ended[each]["ok"]) for each, n in got.items())
        self.table = {
            "messages accepted": len(self.tally.sent),
            **{f"  {state}": n for state, n in sorted(self.tally.states.items())},
            "attempts in the store": by_class.total(),
            **{f"  {name}": n for name, n in sorted(by_class.items())},
            "SUBMITs the network took": taken,
            "  of attempts that ended well": by_class["ok"],
            "  of attempts of unknown fate": unknown,
            "parts on the handsets": got.total(),
            "whole texts on the handsets": self.tally.received.total(),
            "  more than one of a message": self.tally.twice,
            "possible duplicates listed": self.tally.possible_duplicates,
            "reports the network made": self._log.reports,
            "  in the store": kept,
            "  of them matched": matched,
        }
        sums = (
            (len(self.tally.sent), len(stored), "accepted and stored"),
            (len(self.tally.sent), self.tally.states.total(), "accepted and in a final state"),
            (taken, got.total(), "taken by the network and received"),
            (taken, by_class["ok"] + unknown, "taken by the network and attempts"),
        )
        wrong += [f"{what}: {one} and {other}" for one, other, what in sums if one != other]
        if kept > self._log.reports:
            wrong.append(f"{kept} reports of {self._log.reports}")

    def _taken(self) -> int:
        network = self._house.sim.network
        assert self._log.taken.total() == network.accepted
        assert network.lost == 0
        return network.accepted

    def _in_the_store(self) -> tuple[dict[Segment, Counter[str]], int, int]:
        """How the attempts of each part ended; the reports, and those that belong to one."""
        ended: dict[Segment, Counter[str]] = {}
        path = self._house.store_folder / "airpost.db"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            for id_, seq, how, count in db.execute(ATTEMPTS):
                ended.setdefault((id_, seq), Counter())[how or "open"] += count
            kept, matched = db.execute(REPORTS).fetchone()
        return ended, kept, matched

    def _segments(self) -> list[Segment]:
        """What the handsets got, part by part."""
        ids = {text[:8]: id_ for text, id_ in self.tally.sent.items()}
        parts = [part for phone in self._house.sim.network.handsets() for part in phone.parts]
        return [self._segment(part, ids) for part in parts]

    def _segment(self, part: ReceivedPart, ids: dict[str, str]) -> Segment:
        text = part.deliver.text or ""
        found = NUMBER.search(text)
        if found is None:
            self.tally.wrong.append(f"nobody's: {text[:20]!r}")
            return ("", 0)
        concat = concat_of(part.deliver.udh)
        return (ids[found[0]], 1 if concat is None else concat.seq)

    def _check_attempts(self, ended: dict[Segment, Counter[str]], got: Counter[Segment]) -> None:
        none: Counter[str] = Counter()
        for segment in ended.keys() | got.keys():
            classes, copies = ended.get(segment, none), got[segment]
            if classes["open"] or not classes["ok"] <= copies <= classes["ok"] + classes["unknown"]:
                words = f"{segment[0]} part {segment[1]}: {dict(classes)}, received {copies}"
                self.tally.wrong.append(words)


def accounting(
    folder: Path, for_s: float, seed: int, *, modems: int, every_s: float, share: float
) -> tuple[Tally, dict[str, int]]:
    """One run on a loop of its own."""
    log = Log()

    async def main(loop: VirtualLoop) -> tuple[Tally, dict[str, int]]:
        loop.grace_s = 0.0  # what is on the wires is counted, and there are a million jumps
        async with opened(
            loop, folder, modems, seed=seed, personalities=STICKS, air_s=None, found=True,
            on_event=log,
        ) as house:  # fmt: skip
            run = Accounting(house, Random(seed), log, share)
            run.send_every_s = every_s
            return await run.run(for_s), run.table

    mistakes = Mistakes()
    logging.getLogger("airpost").addHandler(mistakes)
    try:
        tally, table = run_virtual(main)
    finally:
        logging.getLogger("airpost").removeHandler(mistakes)
    tally.wrong += mistakes.seen
    return tally, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=1.0, help="messages a second")
    parser.add_argument("--modems", type=int, default=8)
    parser.add_argument("--faults", type=float, default=1.0, help="per cent of each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.getLogger("airpost").propagate = False
    print(machine(), flush=True)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airpost-accounting-") as folder:
        tally, table = accounting(
            Path(folder), options.hours * 3600, options.seed, modems=options.modems,
            every_s=1 / options.rate, share=options.faults / 100,
        )  # fmt: skip
    print(
        f"{options.hours:g} h at {options.rate:g}/s, {options.modems} modems, seed {options.seed}, "
        f"{options.faults:g} % of each of {len(tally.troubles)} faults "
        f"({tally.troubles.total()} times): {time.monotonic() - began_s:.0f} s"
    )
    for name, count in table.items():
        print(f"{name:<34}{count:>9,}")
    for each in tally.wrong:
        print(f"WRONG {each}")
    print(f"{len(tally.wrong)} wrong")
    raise SystemExit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
