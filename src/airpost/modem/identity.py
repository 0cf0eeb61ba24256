"""Which modem and which SIM this is, stably: IMEI, ICCID, IMSI.

May import model. Pure. Keys no behaviour on model strings: rebrands lie.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from airpost.model import SimId


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemIdentity:
    """What the modem says about itself, before any SIM is looked at."""

    imei: str
    manufacturer: str | None = None
    model: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimIdentity:
    """The SIM in it; `id` is the ICCID, or `imsi:…`, or `imei:…` where the modem tells none."""

    id: SimId
    iccid: str | None = None
    imsi: str | None = None


def identity_json(modem: ModemIdentity) -> str:
    """A modem's identity as it is remembered."""
    return json.dumps(asdict(modem))


def identity_of(text: str | None) -> ModemIdentity | None:
    """What `identity_json` made; None where there is nothing, or nothing that can be read."""
    try:
        return None if text is None else ModemIdentity(**json.loads(text))
    except (ValueError, TypeError):
        return None


def clean_imei(told: str) -> str | None:
    """The IMEI out of what CGSN told (serial or software version behind it go); None for none."""
    found = re.search(r"(?<!\d)(\d{14,16})(?!\d)", told)
    if found is None:
        return None
    digits = found[1]
    # Sixteen digits are an IMEISV (TS 23.003 6.2.2): software version instead of check digit.
    return digits[:14] + check_digit(digits[:14]) if len(digits) != 15 else digits


def check_digit(fourteen: str) -> str:
    """TS 23.003 annex B: Luhn over the first fourteen digits."""
    total = 0
    for at, char in enumerate(fourteen):
        value = int(char) * (1 + at % 2)
        total += value // 10 + value % 10
    return str(-total % 10)


def clean_iccid(told: str) -> str | None:
    """The ICCID (ITU-T E.118: begins with 89) without its padding; None when there is none."""
    found = re.search(r"(?<![0-9A-Fa-f])([0-9]{18,20}[Ff]{0,2})(?![0-9A-Fa-f])", told)
    if found is None:
        swapped = re.search(r"(?<![0-9A-Fa-f])(98[0-9A-Fa-f]{18})(?![0-9A-Fa-f])", told)
        return _unswapped(swapped[1]) if swapped else None
    digits = found[1].rstrip("Ff")
    return _unswapped(found[1]) if digits.startswith("98") else digits


def _unswapped(stored: str) -> str:
    """EF-ICCID as stored has the digits of each octet in reverse order (TS 51.011 10.1.1)."""
    return "".join(stored[at : at + 2][::-1] for at in range(0, len(stored), 2)).rstrip("Ff")


def sim_identity(imei: str, iccid: str | None, imsi: str | None) -> SimIdentity:
    """The best name the SIM has."""
    if iccid:
        return SimIdentity(id=SimId(iccid), iccid=iccid, imsi=imsi)
    if imsi:
        return SimIdentity(id=SimId(f"imsi:{imsi}"), imsi=imsi)
    return SimIdentity(id=SimId(f"imei:{imei}"))


def same_sim(one: SimIdentity, other: SimIdentity) -> bool:
    """False when they are known to be two: a busy SIM may leave out one of its numbers."""
    told = ((one.iccid, other.iccid), (one.imsi, other.imsi))
    return all(left == right for left, right in told if left and right)
