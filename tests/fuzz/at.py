"""A million inputs for the AT layer: `python -m tests.fuzz.at --cases 1000000 --seed 1`.

Half of the work is the channel, fed with random bytes and pieces of answers against random moves of
ours; half are the readers of answers, fed with random bytes and mutated answers.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

from tests.at.test_channel import storm
from tests.at.test_fuzz import mutated, read_everything
from tests.bench.machine import machine

STORM_STEPS = 1000
BATCH = 10_000


def _channel(seed: int, cases: int) -> Iterator[tuple[int, Callable[[], object]]]:
    for at in range(0, cases, STORM_STEPS):
        yield STORM_STEPS, lambda at=at: storm(seed + at, STORM_STEPS)  # type: ignore[misc]


def _readers(seed: int, cases: int) -> Iterator[tuple[int, Callable[[], object]]]:
    rng = Random(seed)
    for at in range(cases):
        data = mutated(rng) if at % 2 else rng.randbytes(rng.randrange(1, 80))
        yield 1, lambda data=data: read_everything(data)  # type: ignore[misc]


def run(name: str, work: Iterator[tuple[int, Callable[[], object]]], cases: int) -> int:
    """Run all of it, with progress; how many raised something."""
    wrong: Counter[str] = Counter()
    began_s = told_s = time.monotonic()
    done = 0
    for size, case in work:
        try:
            case()
        except Exception as error:  # noqa: BLE001 - any at all is what is looked for
            if not wrong[type(error).__name__]:
                print(f"{name}: {error!r} at case {done}")
            wrong[type(error).__name__] += 1
        done += size
        if time.monotonic() - told_s > 10:
            told_s = time.monotonic()
            print(f"{name}: {done:,} of {cases:,}", flush=True)
    took_s = time.monotonic() - began_s
    print(
        f"{name}: {done:,} cases in {took_s:.0f} s, exceptions: {dict(wrong) or 'none'}", flush=True
    )
    return sum(wrong.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(machine(), flush=True)
    failed = run("AT channel", _channel(options.seed, options.cases), options.cases)
    failed += run("AT readers", _readers(options.seed, options.cases), options.cases)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
