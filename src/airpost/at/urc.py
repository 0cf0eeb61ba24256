"""Unsolicited lines: which are known, what each is about, and which carry a second line.

Pure; imports grammar. A line of a known word or prefix is never taken for garbage; a line with an
unknown prefix is passed on too, because new firmware invents them, and nothing may fail for that.
What a modem's family means by one of them is in its profile; here is what the field calls it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from airpost.at.grammar import fields_of, number_text, rests_of, split_prefix

# In PDU mode the PDU follows on the next line (TS 27.005 3.4.1).
WITH_PDU = frozenset({"+CMT", "+CDS", "+CBM"})
MOST_PDU_HEADER_FIELDS = 2  # `[<alpha>],<length>`; text mode has more

# Text that may run over several lines, in quotes (TS 27.007 7.15).
WITH_LONG_TEXT = frozenset({"+CUSD"})


class Kind(Enum):
    """What an unsolicited line is about."""

    ANNOUNCED = "announced"  # a message or a report lies in a store
    PUSHED = "pushed"  # a message or a report itself
    CALL = "call"
    USSD = "ussd"
    NETWORK = "network"
    SIGNAL = "signal"
    STORE = "store"  # it is full
    START = "start"  # a step of starting, or the SIM came or went
    POWER = "power"
    NOISE = "noise"  # nobody needs it


# Lines without a sign in front, and lines without a colon, by their beginning. Only those that do
# not end a command of ours.
_WORDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CALL: (
        "RING", "NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "CONNECT", "HANGUP",
        "VOICE CALL", "MISSED_CALL",
    ),
    Kind.NETWORK: ("+PACSP0", "+PACSP1"),
    Kind.STORE: ("+SMS FULL",),
    Kind.START: (
        "RDY", "^SYSSTART", "CALL READY", "SMS READY", "SMS DONE", "PB DONE", "+PBREADY",
        "+SIM READY", "+SIM DROP",
    ),
    Kind.POWER: (
        "NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE", "UNDER_VOLTAGE", "OVER-VOLTAGE",
        "OVER_VOLTAGE", "^SHUTDOWN", "CHARGE-ONLY MODE",
    ),
    Kind.NOISE: ("DST", "+CUSATEND", "+ZEND"),
}  # fmt: skip
_WORD_KINDS = {word: kind for kind, words in _WORDS.items() for word in words}
_WORD = re.compile(
    "(?:" + "|".join(map(re.escape, sorted(_WORD_KINDS, key=len, reverse=True))) + ")"
    r"(?![A-Z0-9_])",
    re.IGNORECASE,
)  # fmt: skip

_PREFIXES: Mapping[Kind, tuple[str, ...]] = {
    Kind.ANNOUNCED: ("+CMTI", "+CDSI"),
    Kind.PUSHED: ("+CMT", "+CDS", "+CBM"),
    Kind.CALL: (
        "+CRING", "+CLIP", "+CCWA", "+CLCC", "^ORIG", "^CONF", "^CONN", "^CEND", "^DSCI", "+WIND",
    ),
    Kind.USSD: ("+CUSD",),
    Kind.NETWORK: (
        "+CREG", "+CGREG", "+CEREG", "+C5GREG", "^SRVST", "^MODE", "^SIMST", "+ZDONR", "+ZPASR",
        "+CNSMOD", "+QNWINFO", "*PSNWID", "+SPNWNAME", "+PSBEARER", "+PACSP", "+BEARTYPE",
    ),
    Kind.SIGNAL: (
        "^RSSI", "^HCSQ", "^CSNR", "^RSSILVL", "^HRSSILVL", "+CSQ", "+CSQN", "+CIEV", "^CIEV",
        "_OSIGQ", "+ZRSSI", "^LTERSRP",
    ),
    Kind.STORE: ("^SMMEMFULL",),
    Kind.START: ("*ATREADY", "+CFUN", "+CPIN", "+QIND", "+QUSIM", "+SIM", "*EMRDY", "#QSS"),
    Kind.POWER: ("+CMTE",),
    Kind.NOISE: (
        "^BOOT", "^DSFLOWRPT", "^STIN", "^DSDORMANT", "^NDISSTAT", "^NDISSTATQRY", "^EONS",
        "^LWURC", "^ECCLIST", "^CSCHANNELINFO", "+CUSATP", "*PSUTTZ", "+NITZ", "^NWTIME", "^TIME",
        "+CTZV", "+CGEV", "+ZUSIMR", "#STN", "*E2NAP", "*EMWI", "*ESTKSMENU", "_OBS", "^SCN",
        "+MBAN", "+CLASS0", "+QGPSURC", "+QLWURC", "NMEA",
    ),
}  # fmt: skip
_KINDS = _WORD_KINDS | {name: kind for kind, names in _PREFIXES.items() for name in names}
_FULL = re.compile(r'\+QIND: ?"?SMS"?, ?"?FULL', re.IGNORECASE)  # of all +QIND lines, this one
_NMEA = re.compile(r"\$[A-Z]{4,6},")
_SYMBOLS = "+^*#$%&_"


def prefix_of(line: str) -> str | None:
    """The name of an unsolicited line, or None when it does not look like one."""
    prefix, _ = split_prefix(line)
    if prefix and prefix[0] in _SYMBOLS:
        return prefix
    if word := _WORD.match(line):
        return word[0].upper()
    return "NMEA" if _NMEA.match(line) else None


def kind_of(line: str) -> Kind | None:
    """What the line is about; None for a line nobody knows."""
    name = prefix_of(line)
    if name is None:
        return None
    return Kind.STORE if _FULL.match(line) else _KINDS.get(name)


def has_pdu(prefix: str, line: str) -> bool:
    """True when the PDU comes on a line of its own."""
    if prefix not in WITH_PDU:
        return False
    fields = fields_of(split_prefix(line)[1])
    return 0 < len(fields) <= MOST_PDU_HEADER_FIELDS and fields[-1].number is not None


def looks_like_pdu(line: str) -> bool:
    """True for hexadecimal digits only."""
    return re.fullmatch(r"[0-9A-Fa-f]{2,}", line) is not None


def text_is_open(text: str) -> bool:
    """True while the quotes of a long text have not closed: `+CUSD: 1,"line one`."""
    begin = text.find('"')
    return begin != -1 and re.search(r'"\s*(?:,\s*\d*\s*)?$', text[begin + 1 :]) is None


# --- calls ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody calls; `number` None when it is withheld, and while it is not told."""

    number: str | None = None
    toa: int | None = None


_RINGS = ("RING", "+CRING")
_SETTING = re.compile(r"[0-9]")  # of `+CLIP: <n>,<m>`, the answer to AT+CLIP?
_MISSED = re.compile(r"MISSED_CALL: ?\S+ +(\+?[0-9]+)", re.IGNORECASE)  # `11:01AM 0771…`
_VOICE_ENDS = re.compile(r"VOICE CALL: ?END|\+WIND: ?6\b", re.IGNORECASE)
_CALL_ENDS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE", "HANGUP", "^CEND", "MISSED_CALL")


def call(line: str) -> Call | None:
    """RING, +CRING (6.11), +CLIP (7.6), +CCWA (7.12 of TS 27.007) and what SIMCom says afterwards.

    The number comes after the ringing has begun: one call gives several of these.
    """
    name = prefix_of(line)
    if name in _RINGS:
        return Call()
    if name == "MISSED_CALL":
        missed = _MISSED.match(line)
        return Call(number=missed[1] if missed else None)
    for rest in rests_of((line,), "+CLIP", "+CCWA"):
        fields = fields_of(rest)
        told = fields[0].text.strip() if fields else ""
        if fields and (fields[0].quoted or not _SETTING.fullmatch(told)):
            toa = fields[1].number if len(fields) > 1 else None
            return Call(number=number_text(told) or None, toa=toa)
    return None


def call_ended(line: str) -> bool:
    """True for a line that says that a call is over, however it went."""
    return prefix_of(line) in _CALL_ENDS or _VOICE_ENDS.match(line) is not None
