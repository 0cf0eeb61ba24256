"""The store between loop and writer's thread: `python -m tests.fuzz.interplay --seconds 600`.

One history for each seed, from `--seed` on, until the time is over. What is wrong is printed with
the seed that shows it again.
"""

from __future__ import annotations

import argparse
import time
from itertools import count

from tests.bench.machine import machine
from tests.store.interplay import Interplay
from tests.store.values import folder

STEPS = 800
TOLD_EVERY_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    print(machine(), flush=True)
    began_s = told_s = time.monotonic()
    wrong = most_tries = began = done = 0
    for seed in count(options.seed):
        if time.monotonic() - began_s > options.seconds:
            break
        with folder() as place:
            history = Interplay(place / "airpost.db", seed)
            try:
                history.run(options.steps)
            except Exception as error:  # noqa: BLE001 - any at all is what is looked for
                wrong += 1
                print(f"interplay: seed {seed}: {error!r}", flush=True)
        done += 1
        began += len(history.began)
        most_tries = max(most_tries, history.most_tries)
        if time.monotonic() - told_s > TOLD_EVERY_S:
            told_s = time.monotonic()
            print(f"interplay: {done:,} histories, {began:,} attempts", flush=True)
    print(
        f"interplay: {done:,} histories of {options.steps} moves, {began:,} attempts, at most "
        f"{most_tries} tries of a request, wrong: {wrong or 'none'}",
        flush=True,
    )
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
