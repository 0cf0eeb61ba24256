"""What a make of modem does its own way, as data: one TOML file each in `personalities/`.

Stdlib only. The interpreter never asks for a name; it reads fields.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "personalities"
_GROUP = re.compile(r"\(([^()]*)\)")


def read_ranges(spec: str) -> tuple[frozenset[int], ...]:
    """The values of "(0-2),(0,1)" group by group."""
    groups = []
    for inside in _GROUP.findall(spec):
        values: set[int] = set()
        for piece in inside.split(","):
            low, _, high = piece.partition("-")
            if low.strip():
                values.update(range(int(low), int(high or low) + 1))
        groups.append(frozenset(values))
    return tuple(groups)


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a host can set and a restart resets."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    cmee: int = 0
    cmgf: int = 0
    cscs: str = "GSM"
    csms: int = 0
    csdh: int = 0
    cmms: int = 0
    cfun: int = 1
    clip: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    mems: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    creg: dict[str, int] = field(default_factory=dict)  # "+CREG" → n
    csmp: str = "17,167,0,0"
    s: dict[str, str] = field(default_factory=dict)  # registers, and what `commands` were set to

    @property
    def phase2plus(self) -> bool:
        """Direct deliveries wait for AT+CNMA."""
        return self.csms == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """One make of modem. Errors are written as "CMS 303", "CME 4" or a literal line."""

    name: str
    evidence: str
    # identity
    manufacturer: str
    model: str
    revision: str
    info: tuple[str, ...]  # ATI
    # wire
    echo: bool = True
    cmee: int = 0
    prompt: str = "\r\n> "
    escape_ok: bool = True  # ESC in the prompt is answered OK
    unknown: str = "ERROR"  # a command it does not know
    refused: Mapping[str, str] = field(default_factory=dict)  # command → error, though known
    without_ok: tuple[str, ...] = ()  # commands after which no OK comes
    boot: tuple[tuple[float, str], ...] = ()  # seconds after a restart, line
    reset: str = "soft"  # "soft" restarts in place, "usb" leaves the bus
    back_s: float = 5.0  # until it is on the bus again
    resets: tuple[str, ...] = ("+CFUN=1,1",)  # commands that do so
    power_offs: tuple[str, ...] = ()  # commands after which only power brings it back
    # bus; a port is interface, role ("at", "spare", "ppp", "diag", "nmea", "parrot", "silent") and
    # class, subclass and protocol
    usb_vid: str = "1a86"
    usb_pid: str = "7523"
    usb_cdrom: str = "2000"  # product while it is a CD-ROM
    usb_product: str = ""  # "": the model
    usb_driver: str = "ch341"
    usb_ports: tuple[tuple[int, str, str], ...] = ((0, "at", "ff0102"),)
    # card and network
    pin_first: bool = False  # before the PIN, +CPIN, +CFUN and +CMEE alone are answered
    settle_s: float = 0.0  # after the PIN and AT+CFUN=1
    settling: str = ""  # what message commands say then, and after a restart until it has booted
    settling_all: bool = False  # ... and all others but +CPIN
    location: str = '"00C3","01A2B3C4",7'  # behind <stat> at AT+CREG=2
    creg_told: bool = False  # AT+CREG=1 or 2 is followed by the state as a line of its own
    # messages
    cnmi: str = "(0-2),(0-3),(0,2),(0-2),(0,1)"
    cnmi_taken: str = ""  # what is obeyed where that is less than offered
    cnmi_default: tuple[int, ...] = (0, 0, 0, 0, 0)
    cnmi_refused: str = "CMS 303"
    csms: str = "(0,1)"
    stores: tuple[tuple[str, ...], ...] = (("SM", "ME"), ("SM", "ME"), ("SM", "ME"))
    stores_default: tuple[str, ...] = ("SM", "SM", "SM")
    stores_shown: str = ""  # what AT+CPMS=? says where it is not the groups of `stores`
    stores_refused: str = "CMS 302"
    sizes: Mapping[str, int] = field(default_factory=lambda: {"SM": 20, "ME": 50, "SR": 10})
    first_index: int = 1
    empty_slot: str = "CMS 321"  # "OK" shows nothing and says OK
    delete_flags: bool = True
    cds_lead: str = ""  # what stands between +CDS: and the length of a report
    report_state: bool = True  # a stored report has a <stat>; where not, the field is empty
    report_store: str = "SR"  # where <ds> 2 puts a report
    report_announced: str = "SR"  # what +CDSI calls it
    full_line: str = ""  # told when a message finds no room
    csmp_erases_smsc: bool = False
    smsc_shown: bool = True  # AT+CSCA? says "" where it is lost; where not, OK alone
    # strings
    ucs2: bool = True  # strings follow AT+CSCS
    ussd: str = "plain"  # or "packed": GSM 7-bit in hexadecimal both ways
    # commands, as typed or by name, answered from here; {fields} of the modem are filled in
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def cnmi_offer(self) -> tuple[frozenset[int], ...]:
        """The values that AT+CNMI= takes, field by field."""
        return read_ranges(self.cnmi_taken or self.cnmi)

    def defaults(self) -> Settings:
        """Settings as after power-up."""
        return Settings(
            echo=self.echo,
            cmee=self.cmee,
            cnmi=list(self.cnmi_default),
            mems=list(self.stores_default),
            creg={"+CREG": 0, "+CGREG": 0, "+CEREG": 0},
        )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def read(text: str) -> Personality:
    """A personality from TOML text: tables group for readers, their keys are the fields.

    ValueError names an unknown key.
    """
    raw = tomllib.loads(text)
    known = {each.name for each in fields(Personality)}
    flat: dict[str, Any] = {}
    for key, value in raw.items():
        if isinstance(value, dict) and key not in known:
            flat.update(value)
        else:
            flat[key] = value
    if wrong := sorted(set(flat) - known):
        raise ValueError(f"unknown keys: {', '.join(wrong)}")
    commands = {name: _frozen(lines) for name, lines in flat.pop("commands", {}).items()}
    values = {key: _frozen(value) for key, value in flat.items()}
    return Personality(**values, commands=commands)


def names() -> list[str]:
    """The personalities there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Personality:
    """The personality of this name; ValueError where there is none."""
    path = FOLDER / f"{name}.toml"
    if name not in names():
        raise ValueError(f"no personality is called {name}; there are {', '.join(names())}")
    return read(path.read_text(encoding="utf-8"))
