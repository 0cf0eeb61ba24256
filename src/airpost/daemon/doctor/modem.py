"""What one modem says of itself, its SIM, its memories and the network, asked without a change.

May import at, modem.profiles and line. `modem_facts` asks; `signs.py` judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from airpost.at import messages, network, replies
from airpost.at.messages import Fill
from airpost.at.network import Registration
from airpost.at.replies import SimStatus
from airpost.daemon.doctor.line import ModemLine
from airpost.daemon.doctor.wire import Wire
from airpost.errors import AtError, CommandFailed, ModemError, PortError
from airpost.modem.driver import SIM_ERRORS
from airpost.modem.identity import clean_imei
from airpost.modem.profile import Profile
from airpost.modem.profiles import Profiles

T = TypeVar("T")
PARROT = "AT+AIRPOST?"  # a command no modem has: who says OK to it says OK to everything


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemFacts:
    """One modem. What was not asked or not told is None or ().

    `state`, `since_s`, `detail`, `last_error` and `wire` are the running service's; `unasked` says
    why it could not be asked, `fell_silent` that it stopped answering on the way.
    """

    name: str
    port: str
    state: str | None = None
    since_s: float = 0.0
    detail: str = ""
    last_error: str | None = None
    stalled: bool = False
    unasked: str | None = None
    busy: bool = False  # ... because another program holds the port
    fell_silent: str | None = None
    imei: str | None = None
    parrot: bool = False
    manufacturer: str | None = None
    model: str | None = None
    functionality: int | None = None
    sim: SimStatus | None = None
    pin_tries: int | None = None
    smsc_known: bool | None = None
    smsc: str | None = None
    fills: tuple[Fill, ...] = ()
    offered: tuple[tuple[int, ...], ...] = ()
    indications: tuple[int, ...] = ()
    circuit: Registration | None = None
    packet: Registration | None = None
    signal_dbm: int | None = None
    operator: str | None = None
    profile: Profile | None = None
    wire: Wire = ()

    @property
    def subject(self) -> str:
        """For people."""
        return self.name


class _Asking:
    """Questions to one modem; once it is silent nothing more is asked."""

    def __init__(self, line: ModemLine) -> None:
        self._line = line
        self.silence: str | None = None

    async def lines(self, text: str) -> tuple[str, ...] | None:
        """What it told; None for an error and for silence."""
        try:
            return await self.told(text)
        except CommandFailed:
            return None

    async def told(self, text: str) -> tuple[str, ...] | None:
        """As `lines`, but raises CommandFailed."""
        if self.silence is not None:
            return None
        try:
            return await self._line.ask(text)
        except CommandFailed:
            raise
        except (ModemError, AtError, PortError) as error:
            self.silence = str(error)
            return None

    async def value(self, text: str, read: Callable[[tuple[str, ...]], T], otherwise: T) -> T:
        """What `read` finds in the answer."""
        told = await self.lines(text)
        return otherwise if told is None else read(told)


async def modem_facts(known: ModemFacts, line: ModemLine, profiles: Profiles) -> ModemFacts:
    """`known` and what the modem tells besides; never raises for what a modem does."""
    ask = _Asking(line)
    imei_lines = await ask.lines("AT+CGSN")
    if ask.silence is not None:
        return replace(known, unasked=ask.silence)
    imei = clean_imei(replies.imei(imei_lines or ()) or "")
    parrot = imei is None and await ask.lines(PARROT) is not None and ask.silence is None
    maker = await ask.value("AT+CGMI", replies.manufacturer, None)
    model = await ask.value("AT+CGMM", replies.model, None)
    profile = profiles.for_modem(manufacturer=maker, model=model)
    sim = await _sim(ask)
    smsc = await ask.value("AT+CSCA?", replies.smsc, None)
    signal = await ask.value("AT+CSQ", network.signal, None)
    operator = await ask.value("AT+COPS?", network.operator, None)
    facts = replace(
        known,
        imei=imei,
        parrot=parrot,
        manufacturer=maker,
        model=model,
        profile=profile,
        functionality=await ask.value("AT+CFUN?", replies.functionality, None),
        sim=sim,
        pin_tries=await _pin_tries(ask, profile, profiles.generic),
        smsc_known=None if smsc is None else smsc.number is not None,
        smsc=None if smsc is None else smsc.full,
        fills=await ask.value("AT+CPMS?", messages.stores, ()),
        offered=await ask.value("AT+CNMI=?", messages.indications_offered, ()),
        indications=await ask.value("AT+CNMI?", messages.indications, ()),
        circuit=await ask.value("AT+CREG?", network.registration, None),
        packet=await ask.value("AT+CEREG?", network.registration, None),
        signal_dbm=None if signal is None else signal.dbm,
        operator=None if operator is None else operator.name,
    )
    return replace(facts, fell_silent=ask.silence)


async def _sim(ask: _Asking) -> SimStatus | None:
    try:
        told = await ask.told("AT+CPIN?")
    except CommandFailed as error:
        return SIM_ERRORS.get(error.code or 0)
    return None if told is None else replies.sim_status(told)


async def _pin_tries(ask: _Asking, *profiles: Profile) -> int | None:
    """As the family tells it, else as the standard has it (TS 27.007 8.65)."""
    for how in dict.fromkeys(each.flags.pin_tries for each in profiles):
        tries = await ask.value(how.ask, how.read, None)
        if tries is not None:
            return tries
    return None
