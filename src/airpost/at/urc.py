"""Unsolicited lines: which are known, and which carry a second line.

Pure. A line of a known word or prefix is never taken for garbage; a line with an unknown prefix is
passed on too, because new firmware invents them, and nothing may fail for that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airpost.at.grammar import fields_of, rests_of, split_prefix

# In PDU mode the PDU follows on the next line (TS 27.005 3.4.1).
WITH_PDU = frozenset({"+CMT", "+CDS", "+CBM"})
MOST_PDU_HEADER_FIELDS = 2  # `[<alpha>],<length>`; text mode has more

# Text that may run over several lines, in quotes (TS 27.007 7.15).
WITH_LONG_TEXT = frozenset({"+CUSD"})

# Lines without a colon. Only those that do not end a command of ours.
WORDS = (
    "RING",
    "NO CARRIER",
    "BUSY",
    "NO ANSWER",
    "NO DIALTONE",
    "RDY",
    "CALL READY",
    "SMS READY",
    "SMS DONE",
    "PB DONE",
    "+PBREADY",
    "+SIM READY",
    "+SIM DROP",
    "+SMS FULL",
    "NORMAL POWER DOWN",
    "POWERED DOWN",
    "UNDER-VOLTAGE",
    "UNDER_VOLTAGE",
    "OVER-VOLTAGE",
    "OVER_VOLTAGE",
    "CHARGE-ONLY MODE",
    "^SYSSTART",
    "^SHUTDOWN",
    "MISSED_CALL",
    "VOICE CALL",
)  # fmt: skip
_NMEA = re.compile(r"\$G[A-Z]{4},")
_SYMBOLS = "+^*#$%&_"


def prefix_of(line: str) -> str | None:
    """The name of an unsolicited line, or None when it does not look like one."""
    upper = line.upper()
    for word in WORDS:
        if upper.startswith(word):
            return word
    prefix, _ = split_prefix(line)
    if prefix and (prefix[0] in _SYMBOLS or prefix in ("DST", "RING")):
        return prefix
    return "NMEA" if _NMEA.match(line) else None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls; `number` "" when withheld."""

    number: str
    toa: int | None = None


def caller(line: str) -> Caller | None:
    """+CLIP (TS 27.007 7.11)."""
    for rest in rests_of((line,), "+CLIP"):
        fields = fields_of(rest)
        if fields:
            toa = fields[1].number if len(fields) > 1 else None
            return Caller(number=fields[0].text.strip(), toa=toa)
    return None
