"""Answers about the modem and its SIM, each read into a value.

Pure; imports grammar. A function takes the information lines of a Reply, or (line,) of a Urc, and
returns None where they hold no such answer: nothing here raises on any text. The network is in
`network.py`, messages and their stores in `messages.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum

from airpost.at.grammar import fields_of, number_text, rests_of, split_prefix

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
            found.append(number_text(fields[1].text.strip()))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What ATI says under its own labels; `text` is all of it, for makers who use none."""

    text: str | None
    manufacturer: str | None = None
    model: str | None = None
    revision: str | None = None
    imei: str | None = None


def identification(lines: Iterable[str]) -> Identification:
    """ATI: `Manufacturer: …`, `Model: …`, `Revision: …`, `IMEI: …`, or words of any kind."""
    told = tuple(lines)
    named: dict[str, str] = {}
    for line in told:
        label, rest = split_prefix(line)
        # One telephone repeats labels inside; what stands behind the last is meant.
        said = re.split(r"\+GM[IMR]:|\bModel:", rest)[-1].strip()
        if said:
            named.setdefault(label, said)
    return Identification(
        text=" ".join(" ".join(told).split()) or None,
        manufacturer=named.get("MANUFACTURER"),
        model=named.get("MODEL"),
        revision=named.get("REVISION"),
        imei=imei((named.get("IMEI", ""),)),
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often a wrong PIN or PUK may still be entered; `asked` is for whichever is wanted now.

    None for what the modem does not tell.
    """

    pin: int | None = None
    puk: int | None = None
    asked: int | None = None

    def left(self, status: SimStatus) -> int | None:
        """For the code that `status` asks for; None too when it asks for neither."""
        if status not in (SimStatus.SIM_PIN, SimStatus.SIM_PUK):
            return None
        named = self.pin if status is SimStatus.SIM_PIN else self.puk
        return self.asked if named is None else named


def tries(lines: Iterable[str]) -> Tries | None:
    """+CPINR (8.65), or what the makers have: ^CPIN?, +QPINC?, #PCT; all ask, none costs a try."""
    told = tuple(lines)
    found: dict[SimStatus, int | None] = {}
    for rest in rests_of(told, "+CPINR"):
        fields = fields_of(rest)
        status = _SIM_STATUS.get(_squeezed(fields[0].text)) if fields else None
        if status and len(fields) > 1:
            found[status] = fields[1].number
    for rest in rests_of(told, "^CPIN"):  # <code>,[<tries>],<puk>,<pin>,<puk2>,<pin2>
        values = [field.number for field in fields_of(rest)]
        if len(values) > 3:
            found |= {SimStatus.SIM_PIN: values[3], SimStatus.SIM_PUK: values[2]}
    for rest in rests_of(told, "+QPINC"):  # "SC",<pin>,<puk>, then "P2" for the second ones
        fields = fields_of(rest)
        if len(fields) > 2 and fields[0].text.strip().upper() == "SC":
            found |= {SimStatus.SIM_PIN: fields[1].number, SimStatus.SIM_PUK: fields[2].number}
    asked = next((_first(rest) for rest in rests_of(told, "#PCT")), None)
    out = Tries(pin=found.get(SimStatus.SIM_PIN), puk=found.get(SimStatus.SIM_PUK), asked=asked)
    return None if out == Tries() else out


def _first(rest: str) -> int | None:
    fields = fields_of(rest)
    return fields[0].number if fields else None


# --- the modem itself (TS 27.007 8.1, 8.2) --------------------------------------------------------


class Activity(IntEnum):
    """<pas> of +CPAS."""

    READY = 0
    UNAVAILABLE = 1
    UNKNOWN = 2
    RINGING = 3
    CALL = 4
    ASLEEP = 5


def activity(lines: Iterable[str]) -> Activity | None:
    """+CPAS; None for values outside the standard too."""
    for rest in rests_of(lines, "+CPAS"):
        told = _first(rest)
        if told is not None and told <= max(Activity):
            return Activity(told)
    return None


def functionality(lines: Iterable[str]) -> int | None:
    """+CFUN: 1 is full, 0 and 4 cannot send (8.2)."""
    for rest in rests_of(lines, "+CFUN"):
        told = _first(rest)
        if told is not None:
            return told
    return None


class PortUse(Enum):
    """What an interface of a stick is for, as ^GETPORTMODE names it."""

    COMMANDS = "pcui"
    DATA = "modem"
    NETWORK = "net"
    DIAGNOSTICS = "diag"
    SHELL = "shell"
    GPS = "gps"
    BLUETOOTH = "bt"
    CDROM = "cdrom"
    CARD = "sd"


_PORT_USES = {each.value: each for each in PortUse} | {
    "mdm": PortUse.DATA,
    "ndis": PortUse.NETWORK,
    "ncm": PortUse.NETWORK,
    "rndis": PortUse.NETWORK,
    "mass": PortUse.CARD,
    "mass_two": PortUse.CARD,
}
_PORT = re.compile(r"(?:[34]g_|[ac]_)?([a-z][a-z_]*) *: *([0-9]{1,2}) *(?:,|$)", re.IGNORECASE)


def port_uses(lines: Iterable[str]) -> tuple[PortUse | None, ...]:
    """^GETPORTMODE: `TYPE: WCDMA: huawei,pcui:0,3g_modem:1`; in order, None for unknown names."""
    for rest in rests_of(lines, "^GETPORTMODE"):
        ports = [(int(number), name.lower()) for name, number in _PORT.findall(rest)]
        return tuple(_PORT_USES.get(name) for _, name in sorted(ports, key=lambda port: port[0]))
    return ()


# --- service centre (TS 27.005 3.3.1) -------------------------------------------------------------


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
        return Smsc(number=number_text(fields[0].text.strip()) or None, toa=toa)
    return None


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
