"""One modem with its own task: the life of `lifecycle.py` run against a port, again and again.

May import modem, at.events and L0. A connection is used once; what ends it is here an event of the
table and a step of the ladder, and never reaches another modem.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airpost.at.events import Late
from airpost.clock import Clock
from airpost.errors import AtError, ModemError, PortError
from airpost.model import Claimed, Lane, ModemView, Severity, SimId, UnitState, WireLine
from airpost.modem.api import CommitIntent, Intake, Memory, SendResult, UnitListener
from airpost.modem.connection import Connection
from airpost.modem.healing import NOWHERE, Healing, Place, ProfileOf, RungBook
from airpost.modem.identity import ModemIdentity
from airpost.modem.lifecycle import ABSENT_LOOK_S, ASKED_IN, UnitEvent, advance, sentence
from airpost.modem.pace import Pace
from airpost.modem.profile import Profile, Rung
from airpost.modem.recovery import WORDS, Failure
from airpost.modem.sender import STILL_SENDING, UNANSWERED
from airpost.modem.trace import Trace
from airpost.modem.unitsettings import UnitSettings
from airpost.modem.usbpower import UsbPower
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.tasks import set_within, spawn

log = logging.getLogger("airpost.unit")

LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING,
          Severity.HIGH: logging.ERROR}  # fmt: skip
FORCED = "a person asked for it"
STOPPING = "airpost is stopping"
ON_AIR_S = 60.0  # so long a reset that a person asked for waits for what is on the air
UNPLUGGED = "the modem was unplugged"
SMS_DEAD = "answers, but no message gets an answer any more"
CRASHED = "out of service after repeated faults of airpost; see the log"


class Unit:
    """A ModemUnit on a serial port. `strayed` is told when another modem or SIM is in its place."""

    def __init__(
        self,
        settings: UnitSettings,
        profile_of: ProfileOf,
        intake: Intake,
        memory: Memory,
        listener: UnitListener,
        clock: Clock,
        *,
        place: Place | None = None,
        power: UsbPower | None = None,
        book: RungBook | None = None,
        strayed: Callable[[Lane], None] = lambda _lane: None,
        belongs: Callable[[Lane, SimId | None], bool] = lambda _lane, _sim: True,
    ) -> None:
        self.trace = Trace(settings.lane, clock)
        self._settings = settings
        self._intake, self._memory = intake, memory
        self._listener, self._clock = listener, clock
        self._strayed, self._belongs = strayed, belongs
        self._healing = Healing(
            settings.lane, place or Place(port=settings.port), settings.line, profile_of, memory,
            book or RungBook(memory), power or UsbPower(clock), self.trace, clock,
        )  # fmt: skip
        self._forced: tuple[Rung, asyncio.Future[str | None]] | None = None
        self._connection: Connection | None = None
        self._quiet = asyncio.Event()  # set while no dialogue is under way
        self._quiet.set()
        self._lists = True  # until AT+CMGL has hung once: it would again
        self._missing: str | None = None  # what to do while it is nowhere
        self._open_fate: int | None = None  # the segment whose answer may still come late
        self._late_answer: tuple[int | None, Outcome] | None = None  # before its dialogue was over
        self._pace = Pace(self._show, clock)
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._view = ModemView(
            lane=settings.lane,
            port=settings.port,
            state=UnitState.ABSENT,
            since=clock.now(),
            detail=sentence(UnitState.ABSENT, settings.port),
            number=settings.number,
            routes=settings.routes,
        )

    @property
    def lane(self) -> Lane:
        """Its name."""
        return self._settings.lane

    @property
    def view(self) -> ModemView:
        """A snapshot."""
        return self._view

    # -- life ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Open, serve, recover; returns after `stop()`."""
        self._ended.clear()
        try:
            await self._healing.recall()
            while not self._stopping.is_set():
                if self._forced is not None:
                    await self._carry_out_forced(self._forced[0])
                elif not self._healing.place.here:
                    self._tell(UnitEvent.PATH_GONE)
                    await self._pause(ABSENT_LOOK_S)
                else:
                    self._tell(UnitEvent.PATH_FOUND)
                    self._tell(UnitEvent.WAITED, port=self._healing.port)
                    await self._open_and_recover()
            self._tell(UnitEvent.STOPPED, detail="stopped")
        except Exception as error:
            words = f"airpost failed: {error!r}"
            self._tell(UnitEvent.FAILED, detail=f"{words}; see the log", last_error=words)
            raise
        finally:
            self._force_over(STOPPING)
            await self._healing.written()
            self._ended.set()

    async def _open_and_recover(self) -> None:
        """One opening to its end, and what is done about that end."""
        opening = self._healing.opening()
        failure, reason = await self._connect()
        if self._stopping.is_set() or self._forced is not None:
            return
        if not self._healing.place.here:
            self._healing.pulled(by_itself=True)
            self._tell(None, last_error=self._healing.blamed(reason))
            return
        while (step := self._healing.failed(failure, opening, reason)) is not None:
            if failure is Failure.REOPEN_WANTED:
                self._tell(UnitEvent.REOPEN, detail=step.words)
            else:
                event = UnitEvent.GAVE_UP if step.quarantined else UnitEvent.FAILED
                self._tell(event, detail=step.words, last_error=reason)
            if failure is Failure.NOT_BACK and step.rung not in (Rung.USB, Rung.HUB_POWER):
                self._tell(UnitEvent.PATH_GONE, detail=f"{reason}; plug it in anew")
                return
            if not await self._cool_down(step.wait_s, watched=failure is not Failure.NOT_BACK):
                self._healing.pulled()  # what comes next is another try
                return
            if self._stopping.is_set() or self._forced is not None:
                return
            trouble = await self._healing.carry_out(step.rung, self._say, self._pause)
            if trouble is None or self._stopping.is_set():
                return
            failure = self._healing.after_trouble(failure)
            reason = f"{reason}; {trouble}"

    async def _connect(self) -> tuple[Failure, str]:
        """One connection to its end: what kind of end it was, and in words."""
        connection = Connection(
            replace(self._settings, port=self._healing.port),
            self._healing.profile,
            self._intake,
            self._memory,
            self.trace,
            self._clock,
            tell=self._tell,
            met=self._met,
            identified=lambda imei, sim_id: self._listener.identified(self.lane, imei, sim_id),
            checked_sim=self._checked_sim,
            late=self._late,
            earlier=self._credit,
            called=lambda number: self._listener.called(self.lane, number),
            probed=self._healing.probed,
            lists=self._lists,
            list_hangs=self._list_hangs,
            owed=self._healing.owed,
            proved=self._pace.proved,
            cure=self._healing.cure,
        )
        self._connection = connection
        self._open_fate = None
        failure, reason = Failure.PORT_LOST, "closed"
        try:
            await connection.serve()
        except (ModemError, AtError, PortError) as error:
            reason = error.reason if isinstance(error, PortError) else str(error)
            failure = connection.failure(error)
            if connection.starved is not None:
                reason = f"{reason}; {connection.starved}"
        finally:
            self._connection = None
            self._pace.flush()
            await connection.close()
        return failure, reason

    # -- by a person's word ----------------------------------------------------------------------
    async def reset(self, how: str) -> None:
        """Do a rung by a person's word, whatever the ladder says; see ModemUnit."""
        rung = Rung(how)
        refused = self._healing.why_not(rung)
        if refused is None and (self._forced is not None or self._stopping.is_set()):
            refused = STOPPING if self._stopping.is_set() else "it is being reset"
        if refused is not None:
            raise ModemError(f"{WORDS[rung]}: {refused}")
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._forced = rung, done
        self._tell(None, stalled=True, detail=f"{FORCED}: {WORDS[rung]}")
        await self._until_quiet(ON_AIR_S)
        if self._connection is not None:
            self._connection.give_up(Failure.REOPEN_WANTED, f"{FORCED}: {WORDS[rung]}")
        trouble = await asyncio.shield(done)
        if trouble is not None:
            raise ModemError(trouble)

    async def _carry_out_forced(self, rung: Rung) -> None:
        self._tell(UnitEvent.FAILED, detail=f"{FORCED}: {WORDS[rung]}")
        self._healing.forced(rung)
        trouble = await self._healing.carry_out(rung, self._say, self._pause)
        if self._stopping.is_set():
            trouble = STOPPING  # nobody has waited for it to come back
        elif trouble is not None:
            self._healing.not_done(rung)
        self._force_over(trouble)

    def _force_over(self, trouble: str | None) -> None:
        forced, self._forced = self._forced, None
        if forced is not None and not forced[1].done():
            if self._view.state is UnitState.ABSENT:  # as before: no other state says so anew
                words = sentence(UnitState.ABSENT, self._healing.port, self._missing)
                self._tell(None, stalled=False, detail=words)
            forced[1].set_result(trouble)

    def move(self, place: Place | None, words: str | None = None) -> None:
        """Its modem is at `place` now; None: nowhere, and `words` say what to do."""
        before, after, self._missing = self._healing.place, place or NOWHERE, words
        if self._view.state is UnitState.ABSENT and words is not None:
            self._say(words)
        if after == before:
            return
        self._healing.moved(after)
        if after.port == before.port and after.imei in (None, self._view.imei):
            return  # more is known of where it is, and it is the same modem
        words = f"is on {after.port} now" if place is not None else UNPLUGGED
        log.info("modem.moved modem=%s %s", self.lane, words)
        if place is not None:
            self._tell(None, port=after.port)
        if self._connection is not None:
            self._connection.give_up(Failure.PORT_LOST, words)

    async def stop(self, on_air_s: float = 60.0) -> None:
        """Finish the dialogue on the air, `on_air_s` at most; close the port and end `run()`."""
        self._tell(UnitEvent.STOP)
        self._stopping.set()
        await self._until_quiet(on_air_s)
        if self._connection is not None:
            await self._connection.close()
        await self._quiet.wait()
        await self._ended.wait()

    async def _until_quiet(self, on_air_s: float) -> None:
        """Until the dialogue on the air is over, `on_air_s` at most."""
        if not await set_within(self._quiet, on_air_s):
            log.warning("modem.cut modem=%s after %g s on the air", self.lane, on_air_s)

    def crashed(self, reason: str) -> None:
        """airpost itself failed here again and again: out of service, and seen to be."""
        self._tell(UnitEvent.CRASHED, last_error=reason, detail=CRASHED)

    async def _pause(self, pause_s: float) -> bool:
        """Wait; False, and at once, when it is to stop."""
        return not await set_within(self._stopping, pause_s)

    async def _cool_down(self, wait_s: float, *, watched: bool) -> bool:
        """Wait; False, and soon, when the port goes away meanwhile and that is `watched`.

        It may have come back between two looks: then it is said to be at a new place.
        """
        place, end_s = self._healing.place, self._clock.mono() + wait_s
        while (left_s := end_s - self._clock.mono()) > 0:
            if self._stopping.is_set() or self._forced is not None:
                break
            if watched and not (self._healing.place is place and place.here):
                return False
            await self._pause(min(left_s, ABSENT_LOOK_S))
        return True

    # -- what people see -------------------------------------------------------------------------
    def _tell(self, event: UnitEvent | None, **changes: Any) -> None:
        before = self._view
        state = before.state if event is None else advance(before.state, event)
        if state is not before.state:
            changes.setdefault("detail", sentence(state, self._healing.port, self._missing))
            changes["since"] = self._clock.now()
        if state not in (UnitState.READY, UnitState.DEGRADED) and state is not before.state:
            changes.setdefault("stalled", False)
        if changes.get("sim_id", before.sim_id) != before.sim_id:
            changes |= {"last_proof_at": None, "last_proof": None}  # it was proved with another
            self._pace.proved_at = None
        after = replace(before, state=state, **changes)
        if (state, after.detail) != (before.state, before.detail):
            level = LEVELS[state.severity]
            log.log(level, "modem.%s modem=%s %s", state.value, self.lane, after.detail)
        if after != before:
            self._view = after
            self._listener.changed(after)
        if event is UnitEvent.IDENTIFIED:
            self._healing.identified(after.model)
        elif event is UnitEvent.REGISTERED:
            self._healing.serves()

    def _say(self, words: str) -> None:
        self._tell(None, detail=words)

    def _met(self, modem: ModemIdentity) -> Profile:
        """How it wants to be spoken to; ModemError when another one is to be here."""
        place = self._healing.place
        if place.imei is not None and modem.imei != place.imei:
            asyncio.get_running_loop().call_soon(self._strayed, self.lane)
            raise ModemError(f"another modem answers here: its IMEI is {modem.imei}")
        return self._healing.met(modem)

    def _list_hangs(self) -> None:
        self._lists = False

    def _checked_sim(self, sim_id: SimId | None) -> None:
        """ModemError when the SIM in it, None for one that tells no number, is not to be here."""
        if not self._belongs(self.lane, sim_id):
            asyncio.get_running_loop().call_soon(self._strayed, self.lane)
            raise ModemError("the SIM in it is not the one of this name")

    # -- sending ---------------------------------------------------------------------------------
    async def send(self, segment: Claimed, commit: CommitIntent) -> SendResult:
        """Send one segment; see ModemUnit."""
        connection = self._connection
        if connection is None or not self._quiet.is_set() or not self._view.ready:
            outcome = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.MODEM, code="not ready",
                              text=self._view.detail)  # fmt: skip
            return SendResult(begun=False, outcome=outcome, mr=None, air_s=0.0)
        self._quiet.clear()
        self._late_answer = None
        begun_s = self._clock.mono()
        stalled = False
        try:
            done = await connection.sender.send(
                segment, commit, self._settings.classes[segment.class_].patience_s
            )
            stalled = done.outcome is STILL_SENDING
            if stalled:
                self._tell(None, stalled=True)
                spawn(self._rest(connection, segment, begun_s), name=f"dialogue {self.lane}")
                return done
            return self._over(connection, segment, done, begun_s)
        finally:
            if not stalled:
                self._quiet.set()

    def compose(self, segment: Claimed) -> bytes | None:
        """The TPDU as it would go out now; see ModemUnit."""
        return None if self._connection is None else self._connection.sender.compose(segment)

    async def _rest(self, connection: Connection, segment: Claimed, begun_s: float) -> None:
        """A dialogue whose `send` has returned: what comes of it is told as late."""
        try:
            done = self._over(connection, segment, await connection.sender.rest(), begun_s)
        finally:
            self._quiet.set()
        self._listener.late(self.lane, segment.segment_id, done.mr, done.outcome)

    def _over(
        self, connection: Connection, segment: Claimed, done: SendResult, begun_s: float
    ) -> SendResult:
        if self._late_answer is not None and done.outcome.cls is OutcomeClass.UNKNOWN:
            mr, outcome = self._late_answer
            done = replace(done, mr=mr, outcome=outcome)
        outcome = connection.sent(done.outcome, segment.to, want_report=segment.want_report)
        if outcome is not done.outcome:
            done = replace(done, outcome=outcome)
        if self._healing.sent(done.outcome, begun=done.begun):
            connection.give_up(Failure.SMS_DEAD, SMS_DEAD)
        took_s = self._clock.mono() - begun_s
        if done.outcome.ok and self._view.stalled is (self._forced is not None):
            self._pace.took(took_s)
        else:  # what people see can wait until the next command is on the wire
            asyncio.get_running_loop().call_soon(self._note, done, took_s)
        if done.outcome.code in UNANSWERED and done.begun and self._connection is connection:
            self._open_fate = segment.segment_id
        return done

    def _note(self, done: SendResult, took_s: float) -> None:
        stalled = self._forced is not None
        if done.outcome.ok:
            self._pace.took(took_s)
            self._pace.flush()
        else:
            told = done.outcome.scope in (Scope.SIM, Scope.MODEM)
            words = f"{done.outcome.code}: {done.outcome.text}" if told else self._view.last_error
            self._tell(None, stalled=stalled, last_error=words)

    def _show(self) -> None:
        shown = self._pace.shown(self._view.last_proof_at)
        self._tell(None, stalled=self._forced is not None, **shown)

    def _late(self, late: Late) -> None:
        """An answer to a dialogue that was given up: it belongs to that segment alone."""
        connection = self._connection
        if not late.command.prompts or connection is None:
            return
        over = self._quiet.is_set() or late.command is not connection.sender.command
        settled = connection.sender.settles(late, over=over)
        if settled is not None and over:
            self._credit(*settled)
        elif settled is not None:
            self._late_answer = settled

    def _credit(self, mr: int | None, outcome: Outcome) -> None:
        """What has become of the message whose answer was owed."""
        segment_id, self._open_fate = self._open_fate, None
        if segment_id is not None:
            self._healing.answered_late()
            self._listener.late(self.lane, segment_id, mr, outcome)

    async def ussd(self, code: str) -> str:
        """Run one USSD code; ModemError when it cannot be done now."""
        connection = self._connection
        if connection is None or not self._view.ready:
            stalled = "a message has been on the air for long; try again later"
            raise ModemError(stalled if self._view.stalled else self._view.detail)
        return await connection.ussd(code)

    async def ask(self, text: str) -> tuple[str, ...]:
        """The information lines of one AT command; see ModemUnit."""
        if self._connection is None or self._view.state not in ASKED_IN:
            raise ModemError(self._view.detail)
        return await self._connection.ask(text)

    def wire(self) -> tuple[WireLine, ...]:
        """What last went over its wire, redacted."""
        return self.trace.lines()
