from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.dispatch import HANDLERS, answered
from hwsim.faults import Faults
from hwsim.grammar import Refused, parse_line
from hwsim.pool import SimPool
from tests.hwsim.client import started
from tests.virtual import VirtualLoop, run_virtual


def said(pool: SimPool, line: str) -> tuple[str, ...]:
    (command,) = parse_line(line)
    modem = pool.modems[0]
    return answered(modem, command, modem.faults).lines


def test_personality_before_handlers(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, clients=0, personalities=("wavecom-q24-like",)
        ) as (pool, _):  # fmt: skip
            assert "+CGMR" in HANDLERS
            with pytest.raises(Refused):
                said(pool, "+CGMR")
            assert said(pool, "+WIND?") == ("+WIND: 0",)
            with pytest.raises(Refused):
                said(pool, "+NEVER")

    run_virtual(main)


def test_faults_of_the_port_asked(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            pool.modems[0].faults.set("command_error", verb="+CSQ", error="NA")
            with pytest.raises(Refused) as refused:
                said(pool, "+CSQ")
            assert refused.value.line(1) == "NA"
            (command,) = parse_line("+CSQ")
            other = Faults(pool.modems[0].rng)
            assert answered(pool.modems[0], command, other).lines == ("+CSQ: 20,99",)

    run_virtual(main)
