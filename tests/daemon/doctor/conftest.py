"""Simulated modems, and the service of the command line's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hwsim.pool import SimPool
from tests.daemon.cli.conftest import service

__all__ = ["service"]

Sims = Callable[..., AbstractAsyncContextManager[SimPool]]


@pytest.fixture
def sims(tmp_path: Path) -> Sims:
    """`async with sims("generic", …) as pool`: modems on the running loop."""

    @asynccontextmanager
    async def opened(*personalities: str, **settings: Any) -> AsyncIterator[SimPool]:
        pool = SimPool(tmp_path / "sim", len(personalities), personalities=personalities,
                       **settings)  # fmt: skip
        await pool.start()
        try:
            yield pool
        finally:
            await pool.stop()

    return opened
