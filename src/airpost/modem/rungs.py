"""What each rung of recovery has brought, model by model: measured here, never assumed.

May import profile. Pure values and their JSON; who keeps it and shows it is elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from airpost.modem.profile import Rung

KEY = "recovery rungs"  # in the memory of the store
UNKNOWN_MODEL = "unknown model"


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRecord:
    """How often a rung was tried and how often the modem served after it.

    `last_s` is the time from the rung to service, the last time it healed.
    """

    tried: int = 0
    healed: int = 0
    last_s: float | None = None

    def noted(self, took_s: float | None) -> RungRecord:
        """After one more try; None for one that brought nothing."""
        if took_s is None:
            return replace(self, tried=self.tried + 1)
        return RungRecord(tried=self.tried + 1, healed=self.healed + 1, last_s=round(took_s, 1))

    @property
    def words(self) -> str:
        """For people: "healed 3 of 4, last in 21.5 s"."""
        last = "" if self.last_s is None else f", last in {self.last_s:g} s"
        return f"healed {self.healed} of {self.tried}{last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRecords:
    """All of them, by model as the modem tells it."""

    by_model: Mapping[str, Mapping[Rung, RungRecord]] = field(default_factory=dict)

    def of(self, model: str | None) -> Mapping[Rung, RungRecord]:
        """Those of one model, in the order of the rungs; empty where nothing was tried."""
        known = self.by_model.get(model or UNKNOWN_MODEL, {})
        return {rung: known[rung] for rung in Rung if rung in known}

    def noted(self, model: str | None, rung: Rung, took_s: float | None) -> RungRecords:
        """After one more try; `took_s` None for one that brought nothing."""
        name = model or UNKNOWN_MODEL
        known = dict(self.of(name))
        known[rung] = known.get(rung, RungRecord()).noted(took_s)
        return RungRecords(by_model={**self.by_model, name: known})

    def to_json(self) -> str:
        """As it is remembered."""
        plain = {
            model: {rung.value: asdict(record) for rung, record in rungs.items()}
            for model, rungs in self.by_model.items()
        }
        return json.dumps(plain, sort_keys=True)


def records_from_json(text: str | None) -> RungRecords:
    """What `to_json` wrote. What cannot be read begins anew: nothing depends on it."""
    try:
        plain = json.loads(text or "{}")
        return RungRecords(
            by_model={
                str(model): {Rung(name): RungRecord(**record) for name, record in rungs.items()}
                for model, rungs in plain.items()
            }
        )
    except (ValueError, TypeError, AttributeError):
        return RungRecords()
