"""What a GSM modem can be asked, as short coroutines: identity, SIM, network, settings, USSD.

May import at, codec, L0 and session. It asks and sets; when, and what follows, the unit decides.
Differences between makes come from the profile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from airpost.at import command as at
from airpost.at import messages, network, replies
from airpost.at.command import Command
from airpost.at.network import Registration
from airpost.at.replies import SimStatus
from airpost.clock import Clock
from airpost.codec.causes import Phase, classify
from airpost.errors import CommandFailed, CommandTimeout, RemoteProtocolError
from airpost.modem.identity import (
    ModemIdentity,
    SimIdentity,
    clean_iccid,
    clean_imei,
    sim_identity,
)
from airpost.modem.profile import Profile, SmsHabits
from airpost.modem.session import Session
from airpost.outcome import OutcomeClass

log = logging.getLogger("airpost.driver")
T = TypeVar("T")

DS, DS_STORED = 3, 2  # where <ds> stands in AT+CNMI; the value for reports that are stored
REPORT_STORE = "SR"
ASK_BUSY_S = 2.0  # a refusal may look like "busy", and it goes on without an answer too
# TS 27.005 3.1: the SIM and the modem itself, and both seen as one.
SINGLE = ("SM", "ME")
COMBINED = ("MT",)
INIT_S = 5.0  # for a command of the profile
BUSY_S = 20.0  # after power, PIN or reset most commands fail for 5 to 25 s
FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 2.0
# +CPIN? may answer with an error that is as good as an answer (TS 27.007 9.2.2.1).
SIM_ERRORS = {
    10: SimStatus.NOT_INSERTED,
    11: SimStatus.SIM_PIN,
    12: SimStatus.SIM_PUK,
    13: SimStatus.NOT_INSERTED,
    15: SimStatus.NOT_INSERTED,
    310: SimStatus.NOT_INSERTED,
    311: SimStatus.SIM_PIN,
    316: SimStatus.SIM_PUK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was set up for messages, as the modem confirmed it.

    `store` is the memory that is read, None where AT+CPMS does not work; `report_store` is the one
    reports are kept in, where that is another; `others` are those in which messages may lie too:
    from before the choice, or because the chosen one was full. `acknowledges` is True when each
    direct delivery wants AT+CNMA. `complaints` say what does not work, for people.
    """

    store: str | None
    report_store: str | None
    others: tuple[str, ...]
    indications: tuple[int, ...] | None
    acknowledges: bool
    smsc: str | None
    complaints: tuple[str, ...]


class Driver:
    """The operations of one session."""

    def __init__(self, session: Session, clock: Clock, profile: Profile) -> None:
        self._session = session
        self._clock = clock
        self._profile = profile

    # -- asking ----------------------------------------------------------------------------------
    async def patient(
        self, command: Command, limit_s: float = BUSY_S, *, plain: bool = True
    ) -> tuple[str, ...]:
        """As `run`, again and again while the modem says it is busy; CommandFailed after that.

        An error without a code may mean that too, unless not `plain`.
        """
        end_s = self._clock.mono() + limit_s
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await self._session.run(command)
            except CommandFailed as error:
                judged = classify(error.kind, error.code, error.text, Phase.BEFORE_PDU)
                busy = judged.cls is OutcomeClass.TRANSIENT and (plain or error.code is not None)
                if not busy or self._clock.mono() >= end_s:
                    raise
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def optional(self, command: Command) -> tuple[str, ...] | None:
        """The lines, or None where the modem does not know the command or does not answer it."""
        try:
            return await self._session.run(command)
        except (CommandFailed, CommandTimeout) as error:
            log.debug("driver.not_done command=%s %s", command.text, error)
            return None

    async def _told(
        self, command: Command, read: Callable[[tuple[str, ...]], T | None]
    ) -> T | None:
        lines = await self.optional(command)
        return None if lines is None else read(lines)

    async def _offered(
        self, command: Command, read: Callable[[tuple[str, ...]], T | None]
    ) -> T | None:
        """As `_told`, where an answer that is missing would be missed as long as it is open."""
        try:
            return read(await self.patient(command, ASK_BUSY_S, plain=False))
        except (CommandFailed, CommandTimeout) as error:
            log.debug("driver.not_told command=%s %s", command.text, error)
            return None

    # -- who it is -------------------------------------------------------------------------------
    async def identify(self) -> ModemIdentity:
        """Echo off, numeric errors, what the profile wants first, then who it is.

        RemoteProtocolError when it tells no IMEI. A port that says OK to everything has none: it is
        not the AT port (`modems.md` 8.1).
        """
        await self.optional(at.ECHO_OFF)
        await self.optional(at.VERBOSE_ERRORS)
        for text in self._profile.init:
            await self.optional(at.raw(text, INIT_S))
        told = await self.patient(at.IMEI)
        imei = clean_imei(replies.imei(told) or "")
        if imei is None:
            raise RemoteProtocolError("AT+CGSN tells no IMEI; this is not the AT port of a modem")
        return ModemIdentity(
            imei=imei,
            manufacturer=await self._told(at.MANUFACTURER, replies.manufacturer),
            model=await self._told(at.MODEL, replies.model),
            revision=await self._told(at.REVISION, replies.revision),
        )

    async def silence(self, text: str) -> None:
        """A command of the profile that stops lines which flood the port."""
        await self.optional(at.raw(text, INIT_S))

    async def power_on(self) -> None:
        """Full functionality where it is not on: otherwise neither SIM nor radio are there."""
        if await self._offered(at.FUNCTIONALITY, replies.functionality) in (None, 1):
            return
        try:
            await self.patient(at.FULL_FUNCTIONALITY)
        except (CommandFailed, CommandTimeout) as error:
            log.info("driver.not_switched_on %s", error)

    # -- the SIM ---------------------------------------------------------------------------------
    async def sim_status(self) -> SimStatus:
        """What the SIM waits for; NOT_READY where the modem cannot say."""
        try:
            lines = await self._session.run(at.PIN_STATE)
        except CommandFailed as error:
            return SIM_ERRORS.get(error.code or 0, SimStatus.NOT_READY)
        return replies.sim_status(lines) or SimStatus.NOT_READY

    async def enter_pin(self, pin: str) -> None:
        """AT+CPIN, once; CommandFailed when it is wrong. Never to be repeated."""
        await self._session.run(at.enter_pin(pin))

    async def pin_tries(self) -> int | None:
        """How often a PIN may still be wrong; None where the modem does not tell."""
        how = self._profile.flags.pin_tries
        return await self._told(at.raw(how.ask, INIT_S), how.read)

    async def sim_identity(self, imei: str) -> SimIdentity:
        """ICCID and IMSI, as far as the modem tells them."""
        # Every modem knows AT+CIMI: a SIM that is busy after its PIN is waited for here, or it
        # would be taken for one that has no name.
        try:
            imsi = replies.imsi(await self.patient(at.IMSI))
        except (CommandFailed, CommandTimeout):
            imsi = None
        return sim_identity(imei, await self.iccid(), imsi)

    async def iccid(self) -> str | None:
        """The number of the SIM, before its PIN too where the modem does that; None for none."""
        for command in (at.ICCID, *at.ICCID_OTHERWISE):
            told = await self._told(command, replies.iccid)
            iccid = clean_iccid(told or "")
            if iccid is not None:
                return iccid
        return None

    async def own_number(self) -> str | None:
        """The first number the SIM has of itself."""
        found = await self._told(at.OWN_NUMBER, replies.numbers)
        return found[0] if found else None

    # -- the network -----------------------------------------------------------------------------
    async def registration(self) -> Registration | None:
        """Where it is registered: circuit switched first, then LTE; None when it does not say."""
        best = await self._told(at.REGISTRATION, network.registration)
        if best is None or not best.registered:
            eps = await self._told(at.EPS_REGISTRATION, network.registration)
            if eps is not None and eps.registered:
                return eps
        return best

    async def signal_dbm(self) -> int | None:
        """The signal; None for unknown."""
        found = await self._told(at.SIGNAL, network.signal)
        return None if found is None else found.dbm

    async def operator(self) -> str | None:
        """The operator's name."""
        found = await self._told(at.OPERATOR, network.operator)
        return None if found is None else found.name

    # -- settings for messages -------------------------------------------------------------------
    async def prepare(self, smsc: str | None, before: str | None = None) -> Settings:
        """Everything a restart of the modem forgets. CommandFailed when there is no PDU mode.

        `smsc` is the service centre that is wanted; `before` the one to write where the modem tells
        none any more.
        """
        await self.patient(at.PDU_MODE)
        complaints: list[str] = []
        offered = await self._offered(at.STORES_OFFERED, messages.stores_offered) or ()
        store = await self._choose_store(offered, complaints)
        acknowledges = await self._choose_service()
        indications = await self._choose_indications(complaints)
        known = await self._set_smsc(smsc, before, complaints)
        await self.optional(at.REGISTRATION_REPORTS)
        await self.optional(at.OPERATOR_NAMES)
        await self.optional(at.CALLER_SHOWN)
        if 2 in (await self._told(at.MORE_TO_SEND_OFFERED, messages.more_to_send_offered) or ()):
            await self.optional(at.MORE_TO_SEND)
        return Settings(
            store=store,
            report_store=_report_store(indications, offered),
            others=_other_stores(store, offered),
            indications=indications,
            acknowledges=acknowledges,
            smsc=known,
            complaints=tuple(complaints),
        )

    async def chooses_store(self) -> bool:
        """True when a memory can be chosen now: a SIM that was busy all the time refuses each."""
        offered = await self._told(at.STORES_OFFERED, messages.stores_offered) or ()
        return await self._choose_store(offered, [], limit_s=0.0) is not None

    async def _choose_store(
        self, offered: Sequence[Sequence[str]], complaints: list[str], limit_s: float = BUSY_S
    ) -> str | None:
        """All three uses on one memory, so that what is announced is what is read; else one."""
        groups = [group for group in offered if group]
        names = self._profile.sms.stores
        alike = [name for name in names if all(name in group for group in groups)]
        choices = [(name,) * max(1, len(groups)) for name in alike]
        choices += [(name,) for name in names if any(name in group for group in groups)]
        end_s = self._clock.mono() + limit_s
        while True:
            for choice in choices:
                if await self._offered(at.use_stores(*choice), tuple) is not None:
                    return choice[0]
            if not choices or self._clock.mono() >= end_s:
                break
            await self._clock.sleep(LONGEST_WAIT_S)
        complaints.append("no memory for messages could be chosen (AT+CPMS)")
        return None

    async def _choose_service(self) -> bool:
        """Phase 2: what comes needs no acknowledgement of ours. True where it does all the same.

        With phase 2+ a report that comes while a message is 15 s on the air could not be
        acknowledged in time, and the modem would stop delivering (TS 27.005 3.4.1).
        """
        await self.optional(at.PHASE_2)
        told = await self._told(at.SERVICE, messages.services)
        return told is not None and told[:1] == (1,)

    async def _choose_indications(self, complaints: list[str]) -> tuple[int, ...] | None:
        """The first that is offered, field by field, taken and read back (`modems.md` 5.1)."""
        offered = await self._offered(at.INDICATIONS_OFFERED, messages.indications_offered) or ()
        for wanted in indication_choices(self._profile.sms, offered):
            try:
                await self.patient(at.set_indications(wanted), ASK_BUSY_S)
            except (CommandFailed, CommandTimeout):
                continue
            held = await self.indications()
            if held and held[: len(wanted)] != wanted:
                continue
            if len(wanted) > DS and wanted[DS] == 0:
                complaints.append("the modem offers no delivery reports (AT+CNMI)")
            return wanted
        complaints.append("the modem announces no messages (AT+CNMI); they are looked for instead")
        return None

    async def indications(self) -> tuple[int, ...] | None:
        """AT+CNMI as it is set now."""
        return await self._told(at.INDICATIONS, messages.indications)

    async def _set_smsc(
        self, wanted: str | None, before: str | None, complaints: list[str]
    ) -> str | None:
        """The service centre: ours where we have one, else what the SIM holds, or has held."""
        known = await self._offered(at.SMSC, replies.smsc)
        number = None if known is None else known.full
        wanted = wanted or (before if number is None else None)
        if wanted is not None and number != wanted:
            await self.restore_smsc(wanted)
            return wanted
        if number is None:
            complaints.append("no service centre (AT+CSCA) is known; set `smsc`")
        return number

    async def restore_smsc(self, number: str) -> None:
        """Write the service centre's number: some firmware loses it (`modems.md` fault 23)."""
        await self.optional(at.set_smsc(number))


def _report_store(
    indications: tuple[int, ...] | None, offered: Sequence[Sequence[str]]
) -> str | None:
    stored = indications is not None and indications[DS : DS + 1] == (DS_STORED,)
    return REPORT_STORE if stored and offered and REPORT_STORE in offered[0] else None


def _other_stores(store: str | None, offered: Sequence[Sequence[str]]) -> tuple[str, ...]:
    if store is None or store in COMBINED or not offered:
        return ()
    return tuple(each for each in SINGLE if each in offered[0] and each != store)


def indication_choices(
    habits: SmsHabits, offered: Sequence[Sequence[int]]
) -> Iterator[tuple[int, ...]]:
    """What to try for AT+CNMI, best first: only what AT+CNMI=? offers, all where it says nothing.

    Modems advertise modes and reports that they refuse, so <mode> and <ds> have alternatives.
    """

    def allowed(place: int, wishes: Sequence[int]) -> list[int]:
        if not offered:
            return list(wishes)
        if place >= len(offered) or not offered[place]:
            return []
        return [wish for wish in wishes if wish in offered[place]] or [offered[place][0]]

    fields = (habits.cnmi_mode, habits.cnmi_mt, habits.cnmi_bm, habits.cnmi_ds, habits.cnmi_bfr)
    wishes = [allowed(place, field) for place, field in enumerate(fields)]
    best = [wish[0] for wish in wishes if wish]
    if len(best) <= DS:
        yield tuple(best)
        return
    for ds, mode in product(wishes[DS], wishes[0]):
        yield (mode, *best[1:DS], ds, *best[DS + 1 :])
