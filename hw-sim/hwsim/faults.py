"""The faults of one modem: set, cleared and used up at run time, drawn from the modem's own luck.

Stdlib and `catalogue`. Whether a fault strikes is drawn from the modem's randomness, so that a seed
repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeGuard

from hwsim.catalogue import COMMON, HEALERS, KINDS, How, Value

Changed = Callable[["Fault", bool], None]
Later = Callable[[float, Callable[[], None]], object]


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that is set: `name` as it was called, `kind` whose effect it has.

    `count` None strikes for ever; `verb` limits it to a command, or to some with commas between;
    `healed_by` is one of HEALERS, "" when only clearing ends it. `since_s` is loop time.
    """

    name: str
    kind: str
    params: dict[str, Value]
    count: int | None = None
    chance: float = 1.0
    verb: str | None = None
    healed_by: str = ""
    since_s: float = 0.0
    struck: int = 0

    def number(self, param: str) -> float:
        """A parameter as a number."""
        value = self.params[param]
        if not isinstance(value, (int, float)):
            raise TypeError(f"{self.name}: {param} is no number")
        return value

    def words(self, param: str) -> str:
        """A parameter as text."""
        return str(self.params[param])

    def fits(self, verb: str | None) -> bool:
        """True when it is about this command, or about all."""
        return self.verb is None or verb in self.verb.split(",")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mistake(name: str, param: str, value: Value) -> str:
    """What is wrong with the value of a parameter there is; "" when nothing."""
    kind = KINDS[name]
    default = kind.params[param]
    if value == default:
        return ""
    if param in kind.choices:
        words = kind.choices[param]
        return "" if value in words else f"must be {' or '.join(words)}, not {value!r}"
    if isinstance(default, str):
        return ""
    if _is_number(default) or param.endswith("_s"):  # seconds, where None is "never"
        if not _is_number(value):
            return f"must be a number, not {value!r}"
        return "cannot be negative" if value < 0 else ""
    return "" if isinstance(value, bool) else f"must be true or false, not {value!r}"


def _common_mistake(values: Mapping[str, Value]) -> str:
    """What is wrong with the parameters that every fault takes."""
    count, chance = values.get("count"), values.get("chance", 1.0)
    if count is not None and not (_is_number(count) and count >= 1 and count == int(count)):
        return f"count must be a whole number above 0, not {count!r}"
    if not (_is_number(chance) and 0.0 < chance <= 1.0):
        return f"chance must be above 0 and at most 1, not {chance!r}"
    for_s, healed_by = values.get("for_s"), values.get("healed_by") or ""
    if for_s is not None and not (_is_number(for_s) and for_s > 0):
        return f"for_s must be a number above 0, not {for_s!r}"
    if healed_by and healed_by not in HEALERS:
        return f"healed_by must be one of {', '.join(HEALERS)}, not {healed_by!r}"
    return ""


def _checked(name: str, params: Mapping[str, Value]) -> dict[str, Value]:
    known = KINDS[name].params
    for param, value in params.items():
        if param not in known:
            allowed = ", ".join([*known, *COMMON])
            raise ValueError(f"{name} has no {param}; it takes {allowed}")
        wrong = _mistake(name, param, value)
        if wrong:
            raise ValueError(f"{name}: {param} {wrong}")
    return {**known, **params}


def _ignored(_fault: Fault, _active: bool) -> None:
    pass


class Faults:
    """The faults of one modem.

    `changed(fault, active)` is told after set, clear and use-up; `later(delay_s, call)` is the
    timer behind `for_s`, `now_s()` loop time.
    """

    def __init__(
        self,
        rng: Random,
        changed: Changed = _ignored,
        later: Later = lambda _delay_s, _call: None,
        now_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._rng = rng
        self._changed = changed
        self._later = later
        self._now_s = now_s
        self._active: dict[str, Fault] = {}

    def set(self, name: str, **params: Value) -> Fault:
        """Switch a fault on, in place of one of the same name; let an event happen.

        ValueError, naming it, for an unknown name or parameter and for a value that cannot be.
        """
        if name not in KINDS:
            raise ValueError(f"no fault is called {name}; there are {', '.join(KINDS)}")
        kind = KINDS[name]
        own = {each: value for each, value in params.items() if each not in COMMON}
        given = {each: value for each, value in params.items() if each in COMMON}
        common = {**kind.preset, **given}
        wrong = _common_mistake(common)
        if wrong:
            raise ValueError(f"{name}: {wrong}")
        count, verb, chance = common.get("count"), common.get("verb"), common.get("chance", 1.0)
        fault = Fault(
            name=name, kind=kind.of or name, params=_checked(name, own),
            count=None if count is None else int(count), chance=float(chance or 1.0),
            verb=str(verb).upper() if verb else None,
            healed_by=str(common.get("healed_by") or ""), since_s=self._now_s(),
        )  # fmt: skip
        self._active[name] = fault
        for_s = common.get("for_s")
        if for_s is not None:
            self._later(float(for_s), lambda: self._over(fault))
        try:
            self._changed(fault, True)  # noqa: FBT003
        except ValueError:
            del self._active[name]
            raise
        if kind.how is How.EVENT and self._active.get(name) is fault:
            del self._active[name]
        return fault

    def _over(self, fault: Fault) -> None:
        if self._active.get(fault.name) is fault:
            self.clear(fault.name)

    def clear(self, name: str | None = None) -> None:
        """Switch one off, or all."""
        if name is not None and name not in KINDS:
            raise ValueError(f"no fault is called {name}; there are {', '.join(KINDS)}")
        for each in [name] if name else list(self._active):
            fault = self._active.pop(each, None)
            if fault is not None:
                self._changed(fault, False)  # noqa: FBT003

    def heal(self, healer: str) -> None:
        """Switch off what `healer`, or a gentler one, ends."""
        ended = HEALERS[: HEALERS.index(healer) + 1]
        for each in [fault for fault in self._active.values() if fault.healed_by in ended]:
            self.clear(each.name)

    def active(self) -> dict[str, Fault]:
        """What is set now."""
        return dict(self._active)

    def get(self, name: str, verb: str | None = None) -> Fault | None:
        """A fault of this name or effect if one is set, without using it up: for states.

        With `verb`, one that fits this command.
        """
        for fault in self._active.values():
            if name in (fault.name, fault.kind) and (verb is None or fault.fits(verb)):
                return fault
        return None

    def take(self, name: str, verb: str | None = None) -> Fault | None:
        """A fault of this name or effect if one strikes now; uses up one of its `count`."""
        for fault in list(self._active.values()):
            if name not in (fault.name, fault.kind) or not fault.fits(verb):
                continue
            if fault.chance < 1.0 and self._rng.random() >= fault.chance:
                continue
            fault.struck += 1
            if fault.count is not None:
                fault.count -= 1
                if fault.count == 0:
                    self.clear(fault.name)
            return fault
        return None
