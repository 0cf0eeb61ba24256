"""The machine a figure was measured on, in one line."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> str:
    """Processor, cores, kernel and Python."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"machine: {_cpu()}, {cores} cores, Linux {platform.release().split('-')[0]}, "
        f"CPython {platform.python_version()}"
    )
