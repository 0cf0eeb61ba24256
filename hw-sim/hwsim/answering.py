"""An answer as bytes: framing by the settings, and the faults that put something in between.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hwsim.faults import Faults
from hwsim.personality import Settings

NUMERIC = {"OK": "0", "ERROR": "4", "NO CARRIER": "3"}  # ATV0

GARBAGE = bytes([0x00, 0xFF, *range(0x80, 0xFF)])


def garbage(faults: Faults, rng: Random, verb: str) -> bytes:
    """Stray bytes before the answer of `verb`, if that fault strikes."""
    fault = faults.take("garbage", verb)
    if fault is None:
        return b""
    return bytes(rng.choice(GARBAGE) for _ in range(int(fault.number("octets"))))


def line_of_its_own(text: str) -> bytes:
    """An unsolicited line."""
    return f"\r\n{text}\r\n".encode("latin-1", "replace")


def framed(
    faults: Faults,
    settings: Settings,
    verb: str,
    lines: Sequence[str],
    final: str | None,
    *,
    inside: bytes = b"",
    doubled: bool = False,
) -> bytes:
    """The answer of `verb`: information lines, what is to stand `inside`, and `final`.

    `final` None where no final result is said; `doubled` lines come twice.
    """
    out = b""
    if lines:
        lead = "\r\n" if settings.verbose else ""
        out = (lead + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace")
    out = out * (2 if doubled else 1) + inside
    stray = faults.take("urc_inside", verb)
    if stray is not None:
        out += line_of_its_own(stray.words("line"))
    if final is not None and not settings.quiet:
        numeric = NUMERIC.get(final)
        plain = not settings.verbose and numeric is not None
        out += (f"{numeric}\r" if plain else f"\r\n{final}\r\n").encode("latin-1", "replace")
    glued = faults.take("glued", verb)
    if glued is not None:
        out += line_of_its_own(glued.words("line"))
    return out
