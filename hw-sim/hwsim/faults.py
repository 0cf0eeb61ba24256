"""Faults by name: what can go wrong with a modem, when it strikes and how often.

Stdlib only. A fault is set and cleared at run time; whether it strikes is drawn from the modem's
own randomness, so that a seed repeats a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TypeGuard

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """What a name stands for, its parameters with their defaults, and the words some must be of."""

    text: str
    params: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _kind(text: str, **params: Value | tuple[str, ...]) -> FaultKind:
    """A tuple is a choice of words; its first is the default."""
    choices = {name: value for name, value in params.items() if isinstance(value, tuple)}
    defaults = {n: value[0] if isinstance(value, tuple) else value for n, value in params.items()}
    return FaultKind(text=text, params=defaults, choices=choices)


KINDS: Mapping[str, FaultKind] = {
    # Output
    "bytewise": _kind("output comes one byte at a time", gap_s=0.0),
    "slow_output": _kind("output comes in small pieces", octets=4, gap_s=0.02),
    "garbage": _kind("non-ASCII bytes before an answer", octets=8),
    "silence": _kind("nothing is heard and nothing said"),
    "flood": _kind("a line again and again", line="^BOOT:35323129,0,0,0,26", every_s=2.0),
    # Answers
    "late_final": _kind("the final result is late; `answers`: others are answered meanwhile",
                        delay_s=60.0, answers=False),
    "no_final": _kind("no final result; `whole`: no answer lines either; `lost`: not carried",
                      whole=None, lost=False),
    "urc_inside": _kind("a line of its own between answer and final", line='+ZPASR: "UMTS"'),
    "urc_before_echo": _kind("a line of its own before the echo", line="+ZDONR: \"O2\",262,7"),
    "urc_before_prompt": _kind("a line of its own before the prompt", line='+ZPASR: "UMTS"'),
    "glued": _kind("a line in the same write as the final result", line="^RSSI:18"),
    "echo_on": _kind("echo stays on whatever ATE0 says"),
    "cme_error": _kind("a command fails with +CME ERROR", code=14),
    # Sending
    "no_prompt": _kind("AT+CMGS= is not answered at all"),
    "slow_prompt": _kind("the prompt is late", delay_s=8.0),
    "bare_prompt": _kind("the prompt is CR LF > CR LF"),
    "stuck_prompt": _kind("Ctrl-Z does not end the input, only ESC does"),
    "cms_error": _kind("sending fails; `carried`: the message goes out all the same",
                       code=38, after_s=0.0, carried=False),
    "ok_without_mr": _kind("OK without +CMGS"),
    "hangup_mid_pdu": _kind("unplugged after so many octets typed, or `at` ctrl_z",
                            octets=20, at=("pdu", "ctrl_z"), back_s=None),
    "spontaneous_restart": _kind("restarts by itself, `when` now or ctrl_z",
                                 when=("now", "ctrl_z")),
    # Reports and messages
    "report_early": _kind("the delivery report comes before +CMGS"),
    "split_urc": _kind("header and PDU of +CMT/+CDS come in two writes", gap_s=0.2),
    "blank_line": _kind("an empty line between header and PDU of +CMT/+CDS"),
    "store_full": _kind("no store takes another message"),
    "empty_read": _kind("AT+CMGR says OK and shows nothing"),
    "corrupt_read": _kind("AT+CMGR shows a damaged PDU"),
    "length_mismatch": _kind("AT+CMGR states a wrong length", by=3),
    "delete_ignored": _kind("AT+CMGD says OK and deletes nothing"),
    "smsc_lost": _kind("the SMSC address is gone; AT+CSCA sets it again"),
    # Network and card
    "not_registered": _kind("no network; `stat` as in +CREG", stat=2),
    "sim_removed": _kind("the SIM is not there"),
}  # fmt: skip

COMMON = ("count", "chance", "verb")


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that is set. `count` None strikes for ever; `verb` limits it to one command."""

    name: str
    params: dict[str, Value]
    count: int | None = None
    chance: float = 1.0
    verb: str | None = None
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


class Faults:
    """The faults of one modem. `changed(name)` is told after set, clear and use-up."""

    def __init__(self, rng: Random, changed: Callable[[str], None] = lambda _name: None) -> None:
        self._rng = rng
        self._changed = changed
        self._active: dict[str, Fault] = {}

    def set(
        self,
        name: str,
        *,
        count: int | None = None,
        chance: float = 1.0,
        verb: str | None = None,
        **params: Value,
    ) -> Fault:
        """Switch a fault on, in place of one of the same name.

        ValueError, naming it, for an unknown name or parameter and for a value out of range.
        """
        if name not in KINDS:
            raise ValueError(f"no fault is called {name}; there are {', '.join(KINDS)}")
        if count is not None and not (_is_number(count) and count >= 1 and count == int(count)):
            raise ValueError(f"{name}: count must be a whole number above 0, not {count!r}")
        if not (_is_number(chance) and 0.0 < chance <= 1.0):
            raise ValueError(f"{name}: chance must be above 0 and at most 1, not {chance!r}")
        fault = Fault(
            name=name, params=_checked(name, params), count=count, chance=chance,
            verb=str(verb).upper() if verb else None,
        )  # fmt: skip
        self._active[name] = fault
        self._changed(name)
        return fault

    def clear(self, name: str | None = None) -> None:
        """Switch one off, or all."""
        if name is not None and name not in KINDS:
            raise ValueError(f"no fault is called {name}; there are {', '.join(KINDS)}")
        for each in [name] if name else list(self._active):
            if self._active.pop(each, None) is not None:
                self._changed(each)

    def active(self) -> dict[str, Fault]:
        """What is set now."""
        return dict(self._active)

    def get(self, name: str) -> Fault | None:
        """The fault if it is set, without using it up: for states such as sim_removed."""
        return self._active.get(name)

    def take(self, name: str, verb: str | None = None) -> Fault | None:
        """The fault if it strikes now; uses up one of its `count`."""
        fault = self._active.get(name)
        if fault is None or (fault.verb and fault.verb != verb):
            return None
        if fault.chance < 1.0 and self._rng.random() >= fault.chance:
            return None
        fault.struck += 1
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self.clear(name)
        return fault
