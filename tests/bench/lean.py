"""Modems that cost next to nothing (`lean.c`), so that what is measured is the service alone.

hw-sim is Python, and serves all its modems in one thread: where eight are in step, half of a gap is
its own. These know enough to send and to report, and no more; a C compiler must be there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("lean.c")


def wanted() -> bool:
    """True where `BENCH_MODEMS=lean` asks for them."""
    return os.environ.get("BENCH_MODEMS") == "lean"


class LeanModems:
    """As `stand.Modems`, without texts to the service."""

    def __init__(self, folder: Path, count: int, air_s: float, spread: float = 0.0) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise SystemExit("BENCH_MODEMS=lean wants a C compiler (Debian: apt install gcc)")
        program, self._record = folder / "lean", folder / "lean.log"
        subprocess.run([compiler, "-O2", "-o", program, SOURCE, "-lutil"], check=True)
        self._count = count
        self._modems = subprocess.Popen(
            [program, str(count), str(air_s), str(spread), self._record],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._modems.stdout is not None
        self.ports = [self._modems.stdout.readline().strip() for _ in range(count)]

    def told(self) -> list[dict[str, Any]]:
        """What the modems saw."""
        told: list[dict[str, Any]] = [{"sends": [], "counts": {}} for _ in range(self._count)]
        lines = self._record.read_text().splitlines(keepends=True)
        for number, cmgs, ctrl_z, final, commands in (
            line.split() for line in lines if line.endswith("\n")
        ):
            modem = told[int(number)]
            modem["sends"].append((float(ctrl_z), float(final), float(cmgs)))
            sent = len(modem["sends"])
            modem["counts"] = {"+CMGS": sent, "others": int(commands) - sent}
        return told

    def close(self) -> None:
        """End them."""
        self._modems.terminate()
        self._modems.communicate(timeout=10)
