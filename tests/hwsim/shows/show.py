"""How a fault of the catalogue is shown at the wire: one coroutine a name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hwsim.pool import SimPool
from tests.hwsim.client import Client

PHONE = "+491701"
Run = Callable[[SimPool, Client], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What to do with the first of two modems of this make; its host has sent ATE0 and +CNMI."""

    run: Run
    personality: str = "generic"


class Shows(dict[str, Show]):
    """By the name of the fault."""

    def add(self, name: str, personality: str = "generic") -> Callable[[Run], Run]:
        def kept(run: Run) -> Run:
            assert name not in self, name
            self[name] = Show(run=run, personality=personality)
            return run

        return kept
