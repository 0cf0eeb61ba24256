"""A transcript of a modem that can be shown to anybody: what was asked, what came, numbers blanked.

May import the trace, whose table of redactions says what is blanked. Blanked digits stay digits and
lengths stay, so that a transcript can be parsed and played back (`hw-sim` transcripts).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from airpost.at import urc
from airpost.at.grammar import split_prefix
from airpost.clock import Clock
from airpost.daemon.cli.client import Json
from airpost.daemon.doctor.line import ModemLine
from airpost.errors import AtError, CommandFailed, ModemError
from airpost.model import Lane
from airpost.modem.port import PTY_MAJORS
from airpost.modem.profile import Profile
from airpost.modem.trace import REDACTIONS, Trace

# Who it is and how it is set: only what asks. Free words first, then the forms of the standards.
QUESTIONS = (
    "ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CPIN?", "AT+CIMI", "AT+CCID",
    "AT+CFUN?", "AT+CREG?", "AT+CGREG?", "AT+CEREG?", "AT+COPS?", "AT+CSQ", "AT+CSCA?",
    "AT+CSCS?", "AT+CMGF?", "AT+CMGF=?", "AT+CSMS?", "AT+CSMS=?", "AT+CPMS=?", "AT+CPMS?",
    "AT+CNMI=?", "AT+CNMI?", "AT+CSMP?", "AT+CMMS=?", "AT+CMGL=?", "AT+CMGD=?", "AT+CNMA=?",
    "AT+CUSD=?", "AT+CLAC",
)  # fmt: skip
_FIRST = 3  # characters of a number that stay: its country or network
_LONGEST = 23  # characters of a number; what is longer is a PDU
_HEX = re.compile(r"[0-9A-Fa-f]+")
_PLACES = frozenset({"+CREG", "+CGREG", "+CEREG", "+C5GREG"})
_HEX_IN_QUOTES = re.compile(r'"[0-9A-Fa-f]{2,}"')
_LINE = re.compile(r"[^\r\n]+")


def blanked(text: str) -> str:
    """Text of a modem, line ends and all, with what the trace masks turned into zeros."""
    body_follows = False

    def line(found: re.Match[str]) -> str:
        nonlocal body_follows
        told = found[0]
        prefix, _ = split_prefix(told)
        if body_follows and prefix not in urc.WITH_PDU:
            body_follows = False
            return _blank(told)
        body_follows = prefix in urc.WITH_PDU
        if prefix in _PLACES:
            told = _HEX_IN_QUOTES.sub(lambda place: re.sub(r"[^\"]", "0", place[0]), told)
        return _redacted(told)

    return _LINE.sub(line, text)


def _redacted(text: str) -> str:
    for pattern, _ in REDACTIONS:
        text = pattern.sub(_zeros, text)
    return text


def _zeros(found: re.Match[str]) -> str:
    if found.re.groups:  # a command that is kept, then its secret
        return found[1] + _blank(found[0][len(found[1]) :])
    told = found[0]
    kept = 0 if re.search("[A-Fa-f]", told) or len(told) > _LONGEST else _FIRST
    return told[:kept] + _blank(told[kept:])


def _blank(text: str) -> str:
    if _HEX.fullmatch(text):
        return "0" * len(text)
    return re.sub(r"[^\d\",]", "x", re.sub(r"\d", "0", text))


class Tape(Trace):
    """A trace that keeps what went over the wire while `running`."""

    def __init__(self, port: str, clock: Clock) -> None:
        super().__init__(Lane(port), clock)
        self.running = False
        self._steps: list[tuple[str, str]] = []

    def sent(self, data: bytes) -> None:
        """Bytes handed to the port."""
        super().sent(data)
        self._keep_step("send", data)

    def received(self, data: bytes) -> None:
        """Bytes that came."""
        super().received(data)
        self._keep_step("recv", data)

    def _keep_step(self, kind: str, data: bytes) -> None:
        text = data.decode("latin-1")
        if not self.running:
            return
        if self._steps and self._steps[-1][0] == kind:
            text = self._steps.pop()[1] + text  # a number may come in two pieces
        self._steps.append((kind, text))

    def steps(self) -> list[Json]:
        """The transcript so far, blanked."""
        shown: list[Json] = []
        for kind, text in self._steps:
            clean = blanked(text)
            shown.append({"send": clean} if kind == "send" else {"recv": [clean]})
        return shown


async def ask_all(line: ModemLine, profile: Profile | None) -> list[Json]:
    """Ask every question; the steps as lines, blanked, for whoever has no bytes.

    A modem that stops answering ends it: what was asked until then is kept.
    """
    steps: list[Json] = []
    for text in _questions(profile):
        try:
            lines = [*await line.ask(text), "OK"]
        except CommandFailed as error:
            told = error.text if error.code is None else str(error.code)
            lines = ["ERROR" if error.kind == "ERROR" else f"+{error.kind} ERROR: {told}"]
        except (ModemError, AtError) as error:
            steps += [{"send": f"{text}\r"}, {"event": f"no answer: {error}"}]
            break
        came = "".join(f"\r\n{each}\r\n" for each in lines)
        steps += [{"send": f"{text}\r"}, {"recv": [blanked(came)]}]
    return steps


def _questions(profile: Profile | None) -> Iterable[str]:
    own = () if profile is None else (profile.flags.pin_tries.ask,)
    return dict.fromkeys((*QUESTIONS, *own))


class Basis(Enum):
    """What was recorded; only a device is evidence for what hardware does."""

    DEVICE = "device"
    SIMULATED = "simulated"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """For who reads the record."""
        return "" if self is Basis.DEVICE else f"; {self.value}: no evidence for any hardware"


def basis_of(port: str) -> Basis:
    """Of a simulator the port is a pseudo-terminal; one that is not on this machine tells nothing.

    A program may also pass a real modem on through a pseudo-terminal: that cannot be told apart.
    """
    try:
        kind = Path(port).stat()
    except OSError:
        return Basis.UNKNOWN
    if not stat.S_ISCHR(kind.st_mode):
        return Basis.UNKNOWN
    return Basis.SIMULATED if os.major(kind.st_rdev) in PTY_MAJORS else Basis.DEVICE


def record(name: str, maker: str | None, model: str | None, fidelity: str,
           steps: list[Json], basis: Basis) -> Json:  # fmt: skip
    """One record in the form of recorded exchanges."""
    return {
        "id": name,
        "kind": "exchange",
        "vendor": maker,
        "model": model,
        "basis": basis.value,
        "fidelity": fidelity,
        "steps": steps,
        "notes": f"recorded by airpost; numbers, identities and texts are blanked{basis.words}",
    }
