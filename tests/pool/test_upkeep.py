"""Upkeep: looks when a modem becomes ready, goes on without its store, and dresses views."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Lane, ProofKind, UnitState
from airpost.pool.credit import CreditSettings
from airpost.pool.upkeep import LOOK_S, UpkeepSettings
from tests.pool.rig import pooled
from tests.virtual import VirtualLoop, run_virtual

GATE = Lane("gate-1")
CREDIT = UpkeepSettings(
    credit={GATE: CreditSettings(ussd="*100#", pattern="(?P<value>[0-9]+)")}
)  # fmt: skip


def test_a_modem_is_looked_after_as_soon_as_it_is_ready(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=CREDIT) as rig:
            unit = rig.units[0]
            unit.said["*100#"] = "7"
            unit.show(state=UnitState.REGISTERING)
            await asyncio.sleep(LOOK_S * 1.5)
            assert unit.codes == []
            unit.show(state=UnitState.READY)
            await asyncio.sleep(0.5)
            assert unit.codes == ["*100#"]

    run_virtual(main)


def test_a_store_that_cannot_read_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=CREDIT) as rig:
            rig.units[0].said["*100#"] = "7"
            recall = rig.store.recall

            async def closed(_key: str) -> Any:
                raise StoreUnavailable("closed by the test")

            rig.store.recall = closed  # type: ignore[method-assign]
            await asyncio.sleep(2 * LOOK_S)
            assert rig.units[0].codes == []
            rig.store.recall = recall  # type: ignore[method-assign]
            await asyncio.sleep(LOOK_S + 1)
            assert rig.units[0].codes == ["*100#"]

    run_virtual(main)
    assert [each.partition(" ")[0] for each in caplog.messages if "upkeep." in each] == [
        "upkeep.store_unavailable", "upkeep.goes_on"
    ]  # fmt: skip


def test_what_a_unit_tells_goes_before_what_was_kept(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].show(last_proof_at=rig.clock.now(), last_proof=ProofKind.SENT)
            await asyncio.sleep(LOOK_S + 1)
            kept = rig.units[0].view.last_proof_at
            rig.units[0].show(last_proof_at=None, last_proof=None)
            view = rig.pool.modem(GATE)
            assert view is not None
            assert (view.last_proof_at, view.last_proof) == (kept, ProofKind.SENT)
            now = rig.clock.now()
            rig.units[0].show(last_proof_at=now, last_proof=ProofKind.REPORT)
            view = rig.pool.modem(GATE)
            assert view is not None
            assert (view.last_proof_at, view.last_proof) == (now, ProofKind.REPORT)

    run_virtual(main)
