"""A million inputs for the codec: `python -m tests.fuzz.pdu --cases 1000000 --seed 1`.

Random octets, mutated golden TPDUs, SMSC prefixes, broken hexadecimal, headers, fields, joins of
unrelated parts, splits of any text. Each must give a value or CodecError(field, offset).
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from random import Random

from tests.bench.machine import machine
from tests.codec.test_fuzz import case


def run(cases: int, seed: int) -> int:
    """Run all of it, with progress; how many raised anything else."""
    wrong: Counter[str] = Counter()
    refused = 0
    began_s = told_s = time.monotonic()
    for number in range(cases):
        try:
            refused += case(Random(f"{seed}/{number}"))
        except Exception as error:  # noqa: BLE001 - any at all is what is looked for
            if not wrong[type(error).__name__]:
                print(f"codec: {error!r} at case {number}, seed {seed}", flush=True)
            wrong[type(error).__name__] += 1
        if time.monotonic() - told_s > 10:
            told_s = time.monotonic()
            print(f"codec: {number + 1:,} of {cases:,}", flush=True)
    took_s = time.monotonic() - began_s
    print(
        f"codec: {cases:,} cases in {took_s:.0f} s, {refused:,} refused with CodecError, "
        f"other exceptions: {dict(wrong) or 'none'}",
        flush=True,
    )
    return sum(wrong.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(machine(), flush=True)
    raise SystemExit(1 if run(options.cases, options.seed) else 0)


if __name__ == "__main__":
    main()
