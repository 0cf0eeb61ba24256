"""Records over restarts, and over versions of airpost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airpost.pool.kept import keep, recalled
from tests.pool.rig import pooled
from tests.virtual import VirtualLoop, run_virtual


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    count: int = 0
    words: str = ""


def test_what_is_kept_comes_back_and_what_is_unknown_is_left_out(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            assert await recalled(rig.store, "a", Record) == Record()
            await keep(rig.store, "a", Record(count=2, words="two"))
            assert await recalled(rig.store, "a", Record) == Record(count=2, words="two")
            await rig.store.remember("a", '{"count": 3, "of a newer version": 1}')
            assert await recalled(rig.store, "a", Record) == Record(count=3)

    run_virtual(main)
