"""A recording without a port, cut into echo, answer, final result and what came unasked.

May import at. Pure: text in, a value out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airpost.at.channel import final_of
from airpost.at.events import Final, FinalKind
from airpost.at.grammar import split_prefix

# How a call ends (ITU-T V.250 5.7.1); for the service, which never calls, they are unsolicited.
_CALL_RESULTS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE")
_GARBAGE = "\x00\xff"
_ECHO = re.compile(r"AT(?:[+^*#$%&][A-Z]|[A-Z]?[0-9]?\s*$)", re.IGNORECASE)
_ALIASES = {"+GMM": "+CGMM", "+CCID": "+ICCID", "+ICCID": "+CCID", "^ICCID": "+ICCID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One recording, cut up. `command` None where it neither was told nor was echoed."""

    command: str | None
    echoed: bool
    lines: tuple[str, ...]  # what belongs to the answer, or all there is
    unasked: tuple[str, ...]
    final: Final | None


def cut(stream: str, command: str | None) -> Wire:
    """Echo, answer, final result and what came unasked, in any order a modem sends them."""
    texts = [text.strip(_GARBAGE) for text in re.split(r"[\r\n]+", stream)]
    texts = [text for text in texts if text.strip()]
    asked = command.strip() if command and command.strip() else None
    if asked is None:
        asked = next((text.strip() for text in texts if _ECHO.match(text)), None)
    rest = [text for text in texts if asked is None or text.strip().upper() != asked.upper()]
    end, final = next(
        ((at, final) for at, text in enumerate(rest) if (final := _final(text, asked))),
        (len(rest), None),
    )
    ours = [text for text in rest[:end] if asked is None or _belongs(text, asked)]
    mine = set(ours)
    return Wire(
        command=asked,
        echoed=len(rest) < len(texts),
        lines=tuple(ours),
        unasked=tuple(text for text in rest[:end] if text not in mine) + tuple(rest[end + 1 :]),
        final=final,
    )


def _final(text: str, command: str | None) -> Final | None:
    found = final_of(text.strip())
    if found is None and command is None and text.strip().upper() in _CALL_RESULTS:
        return Final(kind=FinalKind.ERROR, text=text.strip())
    return found


def _belongs(text: str, command: str) -> bool:
    """False for a line with the prefix of something else."""
    prefix = split_prefix(text.lstrip())[0]
    name = re.match(r"AT([+^#][A-Z0-9]+)", command.upper())
    if name is None or not prefix.startswith(("+", "^", "*", "#")):
        return True
    return prefix in (name[1], _ALIASES.get(name[1]))
