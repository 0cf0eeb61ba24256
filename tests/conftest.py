"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes in wall time says more about what else the machine does than about us.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of recorded vectors; the test is skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("AIRPOST_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not folder.is_dir():
        pytest.skip(f"no corpus: {folder} is absent (set AIRPOST_CORPUS)")
    return folder
