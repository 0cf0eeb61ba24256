"""Answers about the network: registration, signal, operator.

Pure; imports grammar. As in `replies.py`: the lines of a Reply, or (line,) of a Urc, to a value, or
None where they hold no such answer; nothing raises on any text (TS 27.007 7.2, 7.3, 8.5, 10.1.20,
10.1.22, 10.1.47).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from airpost.at.grammar import Field, fields_of, rests_of, split_prefix, ucs2_text


class RegistrationState(IntEnum):
    """<stat> of +CREG and its kin."""

    IDLE = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5
    HOME_SMS_ONLY = 6
    ROAMING_SMS_ONLY = 7
    EMERGENCY_ONLY = 8
    HOME_CSFB_NOT_PREFERRED = 9
    ROAMING_CSFB_NOT_PREFERRED = 10
    ATTACHED_RLOS = 11


_AT_HOME = (RegistrationState.HOME, RegistrationState.HOME_SMS_ONLY)
_ROAMING = (RegistrationState.ROAMING, RegistrationState.ROAMING_SMS_ONLY)
_SENTENCES = {
    RegistrationState.IDLE: "not registered and not searching",
    RegistrationState.HOME: "registered in the home network",
    RegistrationState.SEARCHING: "searching for a network",
    RegistrationState.DENIED: "denied by the network",
    RegistrationState.UNKNOWN: "the modem does not know whether it is registered",
    RegistrationState.ROAMING: "registered abroad (roaming)",
    RegistrationState.HOME_SMS_ONLY: "registered in the home network, messages only",
    RegistrationState.ROAMING_SMS_ONLY: "registered abroad (roaming), messages only",
    RegistrationState.EMERGENCY_ONLY: "emergency calls only",
    RegistrationState.HOME_CSFB_NOT_PREFERRED: "data only in the home network",
    RegistrationState.ROAMING_CSFB_NOT_PREFERRED: "data only abroad (roaming)",
    RegistrationState.ATTACHED_RLOS: "restricted local services only, no messages",
}

_REGISTRATIONS = ("+CREG", "+CGREG", "+CEREG", "+C5GREG")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """`which` is the prefix; `lac` and `ci` hexadecimal as told, "" for untold; `n` None in a URC.

    `intact` is False when the quoting is broken; then `lac` and `ci` are not to be believed.
    """

    which: str
    state: RegistrationState
    n: int | None = None
    lac: str = ""
    ci: str = ""
    act: int | None = None
    unsolicited: bool = False
    intact: bool = True

    @property
    def registered(self) -> bool:
        """True when messages can go out."""
        return self.state in _AT_HOME + _ROAMING

    @property
    def roaming(self) -> bool:
        """True in somebody else's network."""
        return self.state in _ROAMING

    @property
    def sentence(self) -> str:
        """The state for people."""
        return _SENTENCES[self.state]


def _is_state(field: Field) -> bool:
    """A bare number of at most three digits; a location area has four, or quotes."""
    number = field.number
    short = len(field.text.strip()) <= 3 and not field.quoted
    return short and number is not None and number <= max(RegistrationState)


def _access(field: Field) -> int | None:
    number = field.number
    return number if number is not None and number <= 15 and len(field.text.strip()) <= 3 else None


def _location(fields: tuple[Field, ...]) -> tuple[str, str, int | None]:
    """(lac, ci, act) of `lac,ci[,act[,rac]]`, or `lac,rac,ci,act` of TS 27.007 release 8."""
    if len(fields) == 4 and _access(fields[2]) is None and _access(fields[3]) is not None:
        fields = (fields[0], *fields[2:])
    texts = [field.text.strip() for field in fields[:2]] + ["", ""]
    return texts[0], texts[1], _access(fields[2]) if len(fields) > 2 else None


def registration(lines: Iterable[str]) -> Registration | None:
    """+CREG, +CGREG, +CEREG, +C5GREG, read or unsolicited; the first line that holds a state."""
    for line in lines:
        which, rest = split_prefix(line)
        fields = fields_of(rest)
        if which not in _REGISTRATIONS or not fields or not _is_state(fields[0]):
            continue
        intact = rest.count('"') % 2 == 0
        read = len(fields) > 1 and _is_state(fields[1]) and (len(fields) != 3 or not intact)
        stat = fields[1] if read else fields[0]
        lac, ci, act = _location(fields[2:] if read else fields[1:])
        return Registration(
            which=which,
            state=RegistrationState(stat.number or 0),
            n=fields[0].number if read else None,
            lac=lac,
            ci=ci,
            act=act if intact else None,
            # Six fields are no read form of +CREG: some modems put <n> into what they send unasked.
            unsolicited=not read or (which == "+CREG" and len(fields) == 6),
            intact=intact,
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """<rssi> 0 to 31 and <ber> 0 to 7; None for unknown and for values outside the standard."""

    rssi: int | None
    ber: int | None = None

    @property
    def dbm(self) -> int | None:
        """-113 (or less) to -51 (or more) dBm."""
        return None if self.rssi is None else 2 * self.rssi - 113


def signal(lines: Iterable[str]) -> Signal | None:
    """+CSQ (8.5)."""
    for rest in rests_of(lines, "+CSQ"):
        told = [each.number for each in fields_of(rest)[:2]]
        if told and told[0] is not None:
            ber = told[1] if len(told) > 1 else None
            return Signal(
                rssi=told[0] if told[0] <= 31 else None,
                ber=ber if ber is not None and ber <= 7 else None,
            )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """<mode>, <format>, <oper>, <AcT>; all but the mode None when not registered."""

    mode: int
    format: int | None = None
    name: str | None = None
    act: int | None = None


def operator(lines: Iterable[str]) -> Operator | None:
    """+COPS? (7.3)."""
    for rest in rests_of(lines, "+COPS"):
        fields = fields_of(rest)
        mode = fields[0].number if fields else None
        if mode is None:
            continue
        return Operator(
            mode=mode,
            format=fields[1].number if len(fields) > 1 else None,
            name=operator_name(fields[2].text) if len(fields) > 2 else None,
            act=_access(fields[3]) if len(fields) > 3 else None,
        )
    return None


def operator_name(told: str) -> str | None:
    """A name as people read it: UCS-2 digits decoded, padding behind it dropped; None for none."""
    return re.sub(r"[\x00-\x20\x7f-\x9f@\xff]+$", "", ucs2_text(told.strip())).strip() or None
