"""What the last lines on a modem's wire say: refusals in a row, silence after a message, restarts.

Pure, stdlib and `finding`. The lines are the service's redacted trace, oldest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from airpost.daemon.doctor.finding import Finding, error, warning

SENT, RECEIVED, NOTE = ">>", "<<", "--"
Wire = tuple[tuple[str, str], ...]
"""(which way, the line)."""

IN_A_ROW = 3
RESTARTS = 2
# What networks say to a SIM without credit or right (`modems.md` fault 22; TS 24.011 table 8.4).
REFUSED_CODES = frozenset({8, 10, 21, 29, 30, 50, 69})
_CMGS = re.compile(r"AT\+CMGS=", re.IGNORECASE)
_CMS = re.compile(r"\+CMS ERROR: ?(\d+)")
_VOLTAGE = re.compile(r"UNDER[-_]VOLTAGE", re.IGNORECASE)
_STARTS = ("RDY", "^SYSSTART", "*ATREADY", "CALL READY", "SMS READY")


class Fate(Enum):
    """What became of one message on the wire."""

    SENT = "sent"
    REFUSED = "refused"  # by a code of REFUSED_CODES
    ERROR = "error"
    SILENT = "silent"


def fates(wire: Wire) -> list[tuple[Fate, str]]:
    """(fate, the line that tells it) of each `AT+CMGS` whose end is on the wire, oldest first."""
    found: list[tuple[Fate, str]] = []
    open_ = False
    for way, line in wire:
        if way == SENT and _CMGS.match(line):
            if open_:
                found.append((Fate.SILENT, ""))
            open_ = True
        elif open_ and (fate := _fate(way, line)) is not None:
            found.append((fate, line))
            open_ = False
    return found


def _fate(way: str, line: str) -> Fate | None:
    if way == NOTE:
        return Fate.SILENT if line.startswith(("gave up", "closed")) else None
    if way == SENT:
        return None
    if line.startswith("+CMGS:"):
        return Fate.SENT
    if found := _CMS.match(line):
        return Fate.REFUSED if int(found[1]) in REFUSED_CODES else Fate.ERROR
    return Fate.ERROR if line == "ERROR" or line.startswith("+CME ERROR") else None


def check_sending(subject: str, wire: Wire) -> Iterator[Finding]:
    """A SIM the network refuses, a modem that answers and sends nothing."""
    last = fates(wire)[-IN_A_ROW:]
    if len(last) < IN_A_ROW:
        return
    kinds = {fate for fate, _ in last}
    if kinds == {Fate.REFUSED}:
        yield error(
            "credit",
            subject,
            f"the network has refused the last {IN_A_ROW} messages ({last[-1][1]}): the SIM has no "
            "credit, or may not send; top it up, or ask the operator",
        )
    elif kinds == {Fate.SILENT}:
        yield error(
            "sending",
            subject,
            f"answers commands, and the last {IN_A_ROW} messages had no result: its message "
            "service is dead; restart it",
            f"printf 'AT+CFUN=1,1\\n' | airpost at console {subject} --force",
        )
    elif kinds <= {Fate.ERROR, Fate.SILENT}:
        yield warning("sending", subject, f"the last {IN_A_ROW} messages were not taken "
                      f"({last[-1][1] or 'no answer'})")  # fmt: skip


def check_supply(subject: str, wire: Wire) -> Iterator[Finding]:
    """A modem that complains of its supply, or restarts again and again."""
    received = [line for way, line in wire if way == RECEIVED]
    complaints = sum(_VOLTAGE.search(line) is not None for line in received)
    restarts = starts(received)
    if complaints:
        again = f" and has restarted {restarts} times" if restarts else ""
        yield error(
            "power",
            subject,
            f"says that its voltage is too low{again}: use a hub with a power supply of its own, a "
            "shorter cable, or a stronger supply",
        )
    elif restarts >= RESTARTS:
        yield warning(
            "power",
            subject,
            f"has restarted {restarts} times by itself: most often its power supply is too weak",
        )


def starts(received: Sequence[str]) -> int:
    """How often a modem has begun anew: several lines of one start count once."""
    seen: set[str] = set()
    count = 0
    for line in received:
        upper = line.upper()
        begun = next((each for each in _STARTS if upper.startswith(each)), None)
        if begun is None:
            continue
        if not seen or begun in seen:
            count += 1
            seen.clear()
        seen.add(begun)
    return count
