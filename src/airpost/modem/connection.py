"""One opening of one modem, from the port to the last byte: probe, SIM, settings, network, care.

May import modem, at.events, at.network, at.replies, at.typed and L0. Single use. It tells the unit
what it finds; it raises what ends it (PortError, ModemError, AtError).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from airpost.at import network
from airpost.at.command import plain
from airpost.at.events import Late, Urc
from airpost.at.replies import SimStatus
from airpost.at.typed import typed
from airpost.clock import Clock
from airpost.errors import (
    CommandFailed,
    ModemError,
    PortBusy,
    PortError,
    PortRefused,
    RemoteProtocolError,
)
from airpost.model import ProofKind, SimId, UnitState
from airpost.modem.api import Intake, Memory
from airpost.modem.calls import Calls
from airpost.modem.centre import ServiceCentre
from airpost.modem.chatter import Chatter
from airpost.modem.driver import Driver, Settings
from airpost.modem.identity import ModemIdentity, SimIdentity
from airpost.modem.inbox import Inbox
from airpost.modem.lifecycle import DEADLINE_S, UnitEvent
from airpost.modem.missed import Missed
from airpost.modem.notices import ALL, DIRECT
from airpost.modem.owed import Owed
from airpost.modem.pin import Pin
from airpost.modem.profile import Profile, Sign
from airpost.modem.recovery import Failure
from airpost.modem.refusals import Refusals
from airpost.modem.sender import Sender
from airpost.modem.session import NOT_ALONE, Session
from airpost.modem.simcard import EXCHANGED, SENTENCES, SimCard
from airpost.modem.trace import Trace
from airpost.modem.unitsettings import UnitSettings
from airpost.modem.ussd import UssdDialogue
from airpost.outcome import Outcome, Scope
from airpost.tasks import until_first

log = logging.getLogger("airpost.connection")

LOOK_GAP_S = 0.2  # between two looks at the least
LONGEST_LOOK_GAP_S = 5.0  # where what is asked brings the line that asks for the next look
NETWORK_LOOK_S = 5.0  # while there is no network
ASK_S = 30.0  # for a message on the air to end, and for the modem to come into step afterwards
EARLY = 100  # direct deliveries kept until the SIM is known
SMSC_LOST = "CMS 330"
CIRCUIT_SWITCHED = "+CREG"
NETWORK_LINES = frozenset({CIRCUIT_SWITCHED, "+CGREG", "+CEREG", "+C5GREG"})

LOST_SETTINGS = "has lost its settings: it restarted, or another program uses it"
STORE_BACK = "a memory for messages can be chosen now"
RESTARTED = "the modem has restarted by itself"
STARVED = "power: {line}; use a powered hub, a shorter cable, or a stronger supply"
OTHERWISE = "it is to be spoken to as {profile}"
CURE_S = 10.0  # for each command that comes before all others


class Tell(Protocol):
    """How the unit is told: an event of the table, and what of its view changed."""

    def __call__(self, event: UnitEvent | None, **changes: Any) -> None:
        """Apply both."""
        ...


class Connection:
    """`serve()` once; `close()` ends it. `cure` are commands before all others, to heal it.

    Without `lists` messages are read place by place; `list_hangs` is told that the list never came.
    """

    def __init__(
        self,
        settings: UnitSettings,
        profile: Profile,
        intake: Intake,
        memory: Memory,
        trace: Trace,
        clock: Clock,
        *,
        tell: Tell,
        met: Callable[[ModemIdentity], Profile],
        identified: Callable[[str, SimId], None],
        checked_sim: Callable[[SimId | None], None],
        late: Callable[[Late], None],
        earlier: Callable[[int | None, Outcome], None],
        called: Callable[[str | None], None],
        probed: Callable[[float | None], None],
        lists: bool,
        list_hangs: Callable[[], None],
        owed: Owed,
        proved: Callable[[ProofKind], None],
        cure: tuple[str, ...] = (),
    ) -> None:
        self._settings, self._tell_proved = settings, proved
        self._profile = profile
        self._intake = intake
        self._clock = clock
        self._tell = tell
        self._met = met
        self._told_identity = identified
        self._session = session = Session(
            settings.port, trace, urc=self._unsolicited, late=late, probed=probed,
            guard_s=profile.timing.guard_ms / 1000,
        )  # fmt: skip
        self._lists = lists
        self._list_hangs = list_hangs
        self._cure = cure
        self._opened = False
        self._ended_as: Failure | None = None  # where more is known than the exception says
        self._driver = Driver(session, clock, profile)
        self._look = asyncio.Event()
        self._sim = SimCard(
            self._driver, Pin(settings.lane, settings.pin, settings.pin_mark, memory), memory,
            self._look, check=checked_sim, say=lambda words: tell(None, detail=words),
            pause=self._pause,
        )  # fmt: skip
        self._centre = ServiceCentre(self._driver, memory, settings.lane)
        self._ussd = UssdDialogue(session, profile.flags.ussd)
        hang_up = profile.flags.hang_up if settings.hang_up else ()
        calls = Calls(session, clock, lane=settings.lane, hang_up=hang_up, called=called)
        self._chatter = Chatter(
            self._driver, calls, clock, lane=settings.lane, profile=profile,
            tell=lambda words: tell(None, last_error=words),
        )  # fmt: skip
        self._inbox: Inbox | None = None
        self._early: deque[Urc] = deque(maxlen=EARLY)
        self._prepared: Settings | None = None
        self._gap_s = LOOK_GAP_S
        self._refusals = Refusals()
        self._registered = False
        self._roaming = False
        self._reports: int | None = None  # <n> of AT+CREG?, as it was last
        self._woken = False  # a line of starting came: are the settings still there?
        self._sweep_due = False
        self._knows_modem = False
        self._last_send_s = -profile.timing.poll_s
        timing = profile.timing
        self._missed = Missed(timing.reports_late_s, timing.settings_check_s)
        self._owed = owed
        self.sender = Sender(session, clock, profile.timing, owed, self._garbled, earlier)
        self.starved: str | None = None  # it has complained of its supply

    # -- the whole -------------------------------------------------------------------------------
    async def serve(self) -> None:
        """Until the port is lost, the modem fails or `close()` is called; raises why."""
        await self._session.open(self._settings.line)
        self._opened = True
        self._tell(UnitEvent.OPENED)
        await until_first(
            self._session.until_lost(), self._live(), name=f"connection {self._settings.lane}"
        )

    async def _live(self) -> None:
        try:
            modem = await self._probe()
        except CommandFailed:  # some modems tell nothing before the PIN
            await self._sim.open()
            modem = await self._probe()
        while True:
            await self._sim.open()
            sim = await self._sim.identify(modem.imei)
            before = await self._centre.recall(sim)
            self._prepared = await self._driver.prepare(self._settings.smsc, before)
            await self._centre.keep(sim, self._prepared.smsc)
            number = self._settings.number or await self._driver.own_number()
            self._tell(UnitEvent.SIM_READY, sim_id=sim.id, imsi=sim.imsi, number=number,
                       smsc=self._prepared.smsc)  # fmt: skip
            self._told_identity(modem.imei, sim.id)
            await self._in_service(sim, number, self._prepared)
            self._owed.sim_gone()
            self._tell(UnitEvent.SIM_GONE, sim_id=None, detail=SENTENCES[SimStatus.NOT_READY])

    def give_up(self, failure: Failure, reason: str) -> None:
        """End it because of what the modem did, or a person wants."""
        self._ended_as = failure
        self._session.abort(reason)

    def failure(self, error: Exception) -> Failure:
        """What kind of end `error`, raised by `serve()`, was."""
        if self._ended_as is not None:
            return self._ended_as
        if self._session.unanswered:
            return Failure.DESYNC if self._knows_modem else Failure.SILENT
        match error:
            case PortBusy():
                return Failure.HELD
            case PortRefused():
                return Failure.REFUSED
            case PortError():
                return Failure.PORT_LOST if self._opened else Failure.CANNOT_OPEN
            case RemoteProtocolError():
                return Failure.WRONG_PORT
        return Failure.INIT

    async def close(self) -> None:
        """Close the port."""
        self._ussd.close()
        self._chatter.close()
        await self._session.close()

    async def ussd(self, code: str) -> str:
        """Run one USSD code."""
        return await self._ussd.run(code)

    async def ask(self, text: str) -> tuple[str, ...]:
        """The lines of a command that somebody typed, between two segments."""
        command = typed(text)
        try:
            async with asyncio.timeout(ASK_S + command.timeout_s):
                return await self._session.run(command)
        except TimeoutError:
            raise ModemError("a message has been on the air for long; try again later") from None

    def sent(self, outcome: Outcome, to: str, *, want_report: bool) -> Outcome:
        """A segment's dialogue has ended; its outcome, of the SIM where that is to blame."""
        self._last_send_s = self._clock.mono()
        if want_report and outcome.ok:
            self._missed.asked(self._last_send_s)
        before, self._refusals = self._refusals, self._refusals.sent(outcome, to)
        if self._refusals.blocked is not before.blocked:
            self._look.set()
        outcome = self._refusals.judged(outcome)
        if outcome.code == SMSC_LOST and self._prepared is not None and self._prepared.smsc:
            self._centre.restore(self._prepared.smsc)
        if outcome.scope in (Scope.SIM, Scope.MODEM) and not outcome.ok:
            self._look.set()  # it may be the SIM or the network: ask before the next one
        return outcome

    # -- steps -----------------------------------------------------------------------------------
    async def _probe(self) -> ModemIdentity:
        limit_s = DEADLINE_S[UnitState.PROBING]
        try:
            async with asyncio.timeout(limit_s):
                await self._session.wake()
                for text in self._cure:
                    await self._driver.optional(plain(text, CURE_S))
                modem = await self._driver.identify()
                await self._driver.power_on()
        except TimeoutError:
            raise ModemError(f"did not tell who it is within {limit_s:g} s") from None
        self._knows_modem = True
        profile = self._met(modem)
        if profile.name != self._profile.name:
            self.give_up(Failure.REOPEN_WANTED, OTHERWISE.format(profile=profile.title))
            await self._session.until_lost()
        self._tell(UnitEvent.IDENTIFIED, imei=modem.imei, manufacturer=modem.manufacturer,
                   model=modem.model)  # fmt: skip
        return modem

    async def _in_service(self, sim: SimIdentity, number: str | None, done: Settings) -> None:
        """Receive and watch over the modem; returns when the SIM is gone."""
        self._inbox = inbox = Inbox(
            self._session,
            self._intake,
            self._clock,
            lane=self._settings.lane,
            sim_id=sim.id,
            number=number,
            store=done.store,
            report_store=done.report_store,
            others=done.others,
            acknowledges=done.acknowledges,
            list_all=self._lists and self._profile.sms.list_all,
            list_hangs=self._list_hangs,
            troubled=self._look.set,
            proof=self._proved,
            counted=lambda memory: self._tell(None, memory=memory.filled),
        )
        while self._early:
            inbox.notices.take(self._early.popleft())
        inbox.notices.sweep()
        try:
            await until_first(
                inbox.run(), self._care(inbox, done), name=f"service {self._settings.lane}"
            )
        finally:
            self._inbox = None

    def _proved(self, kind: ProofKind) -> None:
        if kind is ProofKind.REPORT:
            self._missed.came()
        self._tell_proved(kind)

    # -- care ------------------------------------------------------------------------------------
    async def _care(self, inbox: Inbox, done: Settings) -> None:
        """Ask how it is when something happened, else seldom; returns when the SIM is gone."""
        mono, timing = self._clock.mono, self._profile.timing
        polled_s = checked_s = mono()
        asked = self._registered = False
        self._reports = None
        while not asked or (await self._driver.sim_status()).usable:
            self._look.clear()
            self._registered = await self._look_at_network(inbox, done)
            # A timer may fire a little early: then not another whole pause.
            polls = mono() - polled_s >= timing.poll_s - LOOK_GAP_S
            if polls or self._sweep_due:
                self._sweep_due = False
                inbox.notices.sweep()
            if polls:
                polled_s = mono()
                self._tell(None, signal_dbm=await self._driver.signal_dbm())
                if done.store is None and await self._driver.chooses_store():
                    self.give_up(Failure.REOPEN_WANTED, STORE_BACK)
            # Without an acknowledgement a modem passes nothing on any more (TS 27.005 3.4.1).
            check_s = timing.poll_s if done.acknowledges else timing.settings_check_s
            late = self._missed.due(mono())
            if self._woken or inbox.unannounced or late or mono() - checked_s >= check_s:
                checked_s, self._woken, inbox.unannounced = mono(), False, 0
                await self._check_settings(done)
                if late:
                    self._missed.looked()
            await self._rest(polled_s)
            asked = self._look.is_set()
            self._gap_s = min(2 * self._gap_s, LONGEST_LOOK_GAP_S) if asked else LOOK_GAP_S
            asked = asked or not self._registered  # it may be the SIM, and no line has said so

    async def _rest(self, polled_s: float) -> None:
        """Until a look is asked for or due; nothing is asked while messages go out."""
        mono, timing = self._clock.mono, self._profile.timing
        if not self._registered:
            await self._pause(NETWORK_LOOK_S)
            return
        while True:
            await self._pause(timing.poll_s)
            if self._look.is_set() or self._missed.due(mono()):
                return
            sending = mono() - self._last_send_s < timing.poll_s
            if not sending or mono() - polled_s >= timing.poll_latest_s:
                return

    async def _look_at_network(self, inbox: Inbox, done: Settings) -> bool:
        found = await self._driver.registration()
        if found is not None and found.which == CIRCUIT_SWITCHED:
            # We have set it: another value means that the modem has restarted without a word.
            self._woken = self._woken or self._reports not in (None, found.n)
            self._reports = found.n
        words = "the modem does not say whether it is registered"
        if found is None or not found.registered:
            self._sim.doubted = True  # it may be exchanged before anybody asks again
            sentence = words if found is None else found.sentence
            self._tell(UnitEvent.UNREGISTERED, registration=sentence, operator=None,
                       detail=f"no network: {sentence}")  # fmt: skip
            return False
        if not await self._sim.is_same():
            self.give_up(Failure.RESTARTED, EXCHANGED)
            return False
        if not self._registered or found.roaming is not self._roaming:
            self._tell(None, operator=await self._driver.operator(),
                       signal_dbm=await self._driver.signal_dbm())  # fmt: skip
        self._roaming = found.roaming
        self._tell(UnitEvent.REGISTERED, registration=found.sentence, roaming=found.roaming)
        refused = self._refusals.complaint
        complaints = (*done.complaints, *inbox.complaints, *((refused,) if refused else ()))
        if complaints:
            self._tell(UnitEvent.IMPAIRED, detail="; ".join(complaints))
        else:
            self._tell(UnitEvent.WELL)
        return True

    async def _check_settings(self, done: Settings) -> None:
        """When AT+CNMI is not as it was set, then nothing is: all begins anew."""
        wanted = done.indications
        held = None if wanted is None else await self._driver.indications()
        if wanted is not None and held and held[: len(wanted)] != wanted:
            self.give_up(Failure.UNSET, LOST_SETTINGS)

    async def _pause(self, pause_s: float) -> None:
        """Wait, or until something asks for a look; some modems would ask all the time."""
        with suppress(TimeoutError):  # that is what was waited for
            async with asyncio.timeout(pause_s):
                await self._clock.sleep(self._gap_s)
                await self._look.wait()

    def _garbled(self) -> None:
        log.warning("modem.garbled modem=%s %s", self._settings.lane, NOT_ALONE)
        self._tell(None, last_error=NOT_ALONE)

    # -- unsolicited lines -----------------------------------------------------------------------
    def _unsolicited(self, urc: Urc) -> None:
        if urc.prefix in ALL:
            if self._inbox is not None:
                self._inbox.notices.take(urc)
            elif urc.prefix in DIRECT:
                self._early.append(urc)
        elif urc.prefix == "+CUSD":
            self._ussd.take(urc)
        elif urc.prefix in NETWORK_LINES:
            told = network.registration((urc.line,))
            if (
                told is None
                or told.registered is not self._registered
                or (told.registered and told.roaming is not self._roaming)
            ):
                self._look.set()
        else:
            if urc.prefix == "+CMGS":  # the answer to a message of an earlier opening
                self._session.noise += 1
            self._sign(urc)
            self._chatter.hear(urc.line)

    def _sign(self, urc: Urc) -> None:
        sign = self._profile.sign_of(urc.line)
        if sign is None or not self._knows_modem:
            return
        log.info("modem.%s modem=%s line=%s", sign.value, self._settings.lane, urc.line)
        if sign is Sign.RESTART:
            self.give_up(Failure.RESTARTED, RESTARTED)
        elif sign is Sign.POWER:
            self.starved = STARVED.format(line=urc.line)
            self._tell(None, last_error=self.starved)
        else:  # the SIM has come or gone, the settings may have gone, messages may wait: ask
            self._woken = self._woken or sign is Sign.WOKEN
            self._sim.doubted = self._sim.doubted or sign in (Sign.SIM_GONE, Sign.WOKEN)
            self._sweep_due = self._sweep_due or sign is not Sign.SIM_GONE
            self._look.set()
