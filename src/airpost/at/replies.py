"""Answers about the modem, its SIM and its network, each read into a value.

Pure; imports grammar. A function takes the information lines of a Reply, or (line,) of a Urc, and
returns None where they hold no such answer: nothing here raises on any text. Messages and their
stores are in `messages.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum

from airpost.at.grammar import Field, fields_of, rests_of, split_prefix, ucs2_text

# --- identification (TS 27.007 5.1 to 5.4, 5.6) ---------------------------------------------------

_LABEL = re.compile(
    r"\s*(?:\+C?GM[IMR]|\+C?GSN|MANUFACTURER|MODEL|REVISION)\s*[:=]\s*", re.IGNORECASE
)


def _words(lines: Iterable[str]) -> str | None:
    """The lines without labels, quotes and blanks at the edges, joined by a space."""
    words = []
    for line in lines:
        rest = _LABEL.sub("", line, count=1) if _LABEL.match(line) else line
        if rest.lstrip().startswith('"'):
            rest = ", ".join(each.text for each in fields_of(rest))
        if rest.strip():
            words.append(" ".join(rest.split()))
    return " ".join(words) or None


def manufacturer(lines: Iterable[str]) -> str | None:
    """+CGMI: the maker, in the modem's words."""
    return _words(lines)


def revision(lines: Iterable[str]) -> str | None:
    """+CGMR: the firmware; one modem spreads it over five lines."""
    return _words(lines)


def model(lines: Iterable[str]) -> str | None:
    """+CGMM: the model; in a list of bands and features it is what `MODEL=` names."""
    told = _words(lines)
    named = re.search(r"\bMODEL=([^,]+)", told or "", re.IGNORECASE)
    return named[1].strip() if named else told


def _run(lines: Iterable[str], pattern: str) -> str | None:
    """The first run of characters that fits and is not part of a longer word."""
    for line in lines:
        found = re.search(rf"(?<![0-9A-Za-z])({pattern})(?![0-9A-Za-z])", line)
        if found:
            return found[1]
    return None


def imei(lines: Iterable[str]) -> str | None:
    """+CGSN: 14 to 16 digits (TS 23.003 6.2); what else is told (`IMEI,serial`) is left out."""
    return _run(lines, "[0-9]{14,16}")


def imsi(lines: Iterable[str]) -> str | None:
    """+CIMI: at most 15 digits (TS 23.003 2.2)."""
    return _run(lines, "[0-9]{10,15}")


def iccid(lines: Iterable[str]) -> str | None:
    """+CCID, +ICCID, ^ICCID: as told, padding and all; `modem.identity` puts it in order."""
    return _run(lines, "[0-9A-Fa-f]{18,22}")


def numbers(lines: Iterable[str]) -> tuple[str, ...]:
    """+CNUM: the SIM's own numbers, as far as somebody has written them there (7.1)."""
    found = []
    for rest in rests_of(lines, "+CNUM"):
        fields = fields_of(rest)
        if len(fields) > 1 and fields[1].text.strip():
            found.append(ucs2_text(fields[1].text.strip()))
    return tuple(found)


# --- SIM (TS 27.007 8.3) --------------------------------------------------------------------------


class SimStatus(Enum):
    """What the SIM, or the modem that is bound to one, is waiting for."""

    READY = "READY"
    SIM_PIN = "SIM PIN"
    SIM_PUK = "SIM PUK"
    SIM_PIN2 = "SIM PIN2"
    SIM_PUK2 = "SIM PUK2"
    PH_SIM_PIN = "PH-SIM PIN"
    PH_SIM_PUK = "PH-SIM PUK"
    PH_FSIM_PIN = "PH-FSIM PIN"
    PH_FSIM_PUK = "PH-FSIM PUK"
    PH_NET_PIN = "PH-NET PIN"
    PH_NET_PUK = "PH-NET PUK"
    PH_NETSUB_PIN = "PH-NETSUB PIN"
    PH_NETSUB_PUK = "PH-NETSUB PUK"
    PH_SP_PIN = "PH-SP PIN"
    PH_SP_PUK = "PH-SP PUK"
    PH_CORP_PIN = "PH-CORP PIN"
    PH_CORP_PUK = "PH-CORP PUK"
    NOT_READY = "NOT READY"
    NOT_INSERTED = "NOT INSERTED"

    @property
    def usable(self) -> bool:
        """True when messages can be sent: PIN2 and PUK2 guard other things."""
        return self in (SimStatus.READY, SimStatus.SIM_PIN2, SimStatus.SIM_PUK2)


def _squeezed(words: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", words.upper())


_SIM_STATUS = {_squeezed(each.value): each for each in SimStatus} | {
    "SIMNOTREADY": SimStatus.NOT_READY,
    "BUSY": SimStatus.NOT_READY,
    "SIMBUSY": SimStatus.NOT_READY,
    "SIMNOTINSERTED": SimStatus.NOT_INSERTED,
    "REMOVED": SimStatus.NOT_INSERTED,
    "SIMREMOVED": SimStatus.NOT_INSERTED,
}


def sim_status(lines: Iterable[str]) -> SimStatus | None:
    """+CPIN: quotes, blanks and hyphens do not matter; None also for words nobody knows."""
    for rest in rests_of(lines, "+CPIN"):
        found = _SIM_STATUS.get(_squeezed(rest))
        if found:
            return found
    return None


def functionality(lines: Iterable[str]) -> int | None:
    """+CFUN: 1 is full, 0 and 4 cannot send (8.2)."""
    for rest in rests_of(lines, "+CFUN"):
        fields = fields_of(rest)
        if fields and fields[0].number is not None:
            return fields[0].number
    return None


# --- network (TS 27.007 7.2, 7.3, 8.5, 10.1.20, 10.1.22, 10.1.47) ---------------------------------


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


# --- service centre (TS 27.005 3.3.1) -------------------------------------------------------------

MOST_DIGITS = 20  # of a number; more are the hexadecimal form of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsc:
    """The service centre; `number` None when none is set, `toa` the type of address octet."""

    number: str | None
    toa: int | None = None

    @property
    def full(self) -> str | None:
        """The number with the `+` that the type of address stands for."""
        if self.number and self.toa == 145 and not self.number.startswith("+"):
            return f"+{self.number}"
        return self.number


def smsc(lines: Iterable[str]) -> Smsc | None:
    """+CSCA; the number may be in UCS-2 or ASCII hexadecimal, as the character set has it."""
    for rest in rests_of(lines, "+CSCA"):
        fields = fields_of(rest)
        if not fields:
            continue
        toa = fields[1].number if len(fields) > 1 else None
        return Smsc(number=_number_text(fields[0].text.strip()) or None, toa=toa)
    return None


def _number_text(told: str) -> str:
    if re.fullmatch(r"(?:00(?:2[AaBb3]|3[0-9]))+", told):
        return bytes.fromhex(told).decode("utf-16-be")
    if re.fullmatch(r"(?:2[AaBb3]|3[0-9])+", told) and (
        len(told) > MOST_DIGITS or not told.isdigit()
    ):
        return bytes.fromhex(told).decode("ascii")
    return told


# --- unstructured services (TS 27.007 7.15) -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ussd:
    """`m` 0 done, 1 a reply is wanted, 2 ended, 3 another client, 4 unsupported, 5 timed out.

    `text` is raw: plain, UCS-2 or packed septets in hexadecimal, as `dcs` and the maker will.
    """

    m: int
    text: str = ""
    dcs: int | None = None
    quoted: bool = True


def ussd(text: str) -> Ussd | None:
    """+CUSD, all its lines in one text: quotes and commas may stand inside the answer."""
    prefix, rest = split_prefix(text)
    found = re.match(r"\s*([0-9])\s*(?:,\s*|$)", rest)
    if prefix != "+CUSD" or found is None:
        return None
    body, dcs = rest[found.end() :], None
    quoted = body.startswith('"') or not body
    before = '"' if quoted else "[0-9A-Fa-f]"
    coding = re.search(rf"(?<={before})\s*,\s*([0-9]{{0,3}})\s*$", body)
    if coding:
        body = body[: coding.start()]
        dcs = int(coding[1]) if coding[1] else None
    if body.startswith('"'):
        body = body[1:-1] if body.endswith('"') and len(body) > 1 else body[1:]
    return Ussd(m=int(found[1]), text=body, dcs=dcs, quoted=quoted)
