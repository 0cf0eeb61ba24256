"""The hands of recovery: carries out what the ladder says, and keeps what came of it.

May import modem, at and L0. One object a modem, for as long as the unit lives. When a step is due
the unit decides; how often and in which order, `recovery` does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airpost.at.command import plain
from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import (
    CommandFailed,
    CommandTimeout,
    Desynced,
    ModemError,
    PortError,
    StoreUnavailable,
)
from airpost.model import Lane
from airpost.modem.api import Memory
from airpost.modem.health import SmsHealth
from airpost.modem.identity import ModemIdentity, identity_json, identity_of
from airpost.modem.owed import Owed
from airpost.modem.port import PortSettings, present
from airpost.modem.profile import Profile, Rung
from airpost.modem.recovery import OPENED_ONLY, Failure, Ladder, Means, Step, in_words, why_not
from airpost.modem.rungs import KEY, RungRecords, records_from_json
from airpost.modem.session import Session
from airpost.modem.trace import Trace
from airpost.modem.usbpower import UsbPower
from airpost.outcome import Outcome
from airpost.tasks import spawn

log = logging.getLogger("airpost.healing")

RESET_ANSWER_S = 5.0
LEAVE_S = 10.0  # a modem that leaves the bus for its reset has gone by then
BACK_S = 60.0  # and is back by then; sticks that become a CD-ROM first need 15 s
LOOK_S = 0.25

Pause = Callable[[float], Awaitable[bool]]
"""Waits so many seconds; False, and at once, when the unit is to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a modem is: its AT port, a second one, and its USB device by the kernel's name.

    `vid` and `pid` choose its profile; with `imei` no other modem is to be used there.
    """

    port: str
    other_port: str | None = None
    usb_path: str | None = None
    vid: str | None = None
    pid: str | None = None
    imei: str | None = None

    @property
    def here(self) -> bool:
        """True while its port is there."""
        return bool(self.port) and present(self.port)


NOWHERE = Place(port="")
STARTED_ANEW = frozenset({Failure.RESTARTED, Failure.NOT_BACK})
ProfileOf = Callable[[Place, ModemIdentity | None], Profile]
"""The profile of what is plugged in somewhere, once more when it has told who it is."""


class RungBook:
    """The records of all modems of one daemon, in the store's memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._turn = asyncio.Lock()  # it is read, changed and written

    async def read(self) -> RungRecords:
        """All of them; StoreUnavailable."""
        return records_from_json(await self._memory.recall(KEY))

    async def in_words(self) -> Mapping[str, Mapping[str, str]]:
        """What each rung has brought, by model; empty while the store cannot be asked."""
        try:
            records = await self.read()
        except StoreUnavailable:
            return {}
        return {
            model: {rung.value: record.words for rung, record in records.of(model).items()}
            for model in sorted(records.by_model)
        }

    async def note(self, model: str | None, rung: Rung, took_s: float | None) -> None:
        """One more try; a store that cannot write only costs the experience."""
        try:
            async with self._turn:
                records = (await self.read()).noted(model, rung, took_s)
                await self._memory.remember(KEY, records.to_json())
        except StoreUnavailable as error:
            log.info("healing.not_recorded rung=%s %s", rung.value, error.reason)


class Healing:
    """Ladder, health and records of one modem."""

    def __init__(
        self, lane: Lane, place: Place, line: PortSettings, profile_of: ProfileOf, memory: Memory,
        book: RungBook, power: UsbPower, trace: Trace, clock: Clock,
    ) -> None:  # fmt: skip
        self.place = place
        self.profile = profile_of(place, None)
        self._profile_of = profile_of
        self._known: ModemIdentity | None = None  # who was here last
        self._finds_device = place.usb_path is None
        self.model: str | None = None
        self._lane = lane
        self._line = line
        self._memory = memory
        self._book = book
        self._power = power
        self._trace = trace
        self._clock = clock
        self._ladder = Ladder()
        self._health = SmsHealth()
        self._proven: str | None = None  # where a modem has told its IMEI
        self._doing: Rung | None = None  # what the next opening is to be
        self._patient = False  # the newest rung gets more time
        self._acting = False  # a rung is being done: what it takes off the bus comes back
        self._begun_s = clock.mono()  # when the newest rung began
        self.owed = Owed()  # outlives a connection
        self._owed_kept = ""  # and this run, as it stands in the memory
        self._writing: set[asyncio.Task[None]] = set()

    # -- what is known ---------------------------------------------------------------------------
    async def recall(self) -> None:
        """What outlives a restart of the daemon: resets of the last hour, and what was proven."""
        try:
            spent = await self._memory.recall(self._spent_key)
            self._proven = await self._memory.recall(self._proven_key)
            self._known = identity_of(await self._memory.recall(self._known_key))
            owed = await self._memory.recall(f"owed {self._lane}")
        except StoreUnavailable as error:
            log.warning("healing.not_recalled modem=%s %s", self._lane, error.reason)
            return
        self._ladder = Ladder(spent=_spent_from_json(spent))
        self._owed_kept = owed or ""
        self.owed.take_up(owed, self._clock.mono(), self._clock.now() / SECOND_US)
        self._choose_profile()

    @property
    def _known_key(self) -> str:
        return f"modem {self._lane}"

    def _choose_profile(self) -> None:
        known = self._known
        if known is not None and self.place.imei not in (None, known.imei):
            known = None
        self.profile = self._profile_of(self.place, known)

    def met(self, modem: ModemIdentity) -> Profile:
        """A modem says who it is: how it wants to be spoken to, remembered for the next opening."""
        if modem != self._known:
            self._known = modem
            self._keep(self._known_key, identity_json(modem))
        self._choose_profile()
        return self.profile

    @property
    def _spent_key(self) -> str:
        return f"resets {self._lane}"

    @property
    def _proven_key(self) -> str:
        return f"proven {self._lane}"

    @property
    def _where(self) -> str:
        return self.place.usb_path or self.place.port

    @property
    def port(self) -> str:
        """The port to open next."""
        if self._doing is Rung.OTHER_PORT and self.place.other_port is not None:
            return self.place.other_port
        return self.place.port

    @property
    def cure(self) -> tuple[str, ...]:
        """Commands before all others of the next opening."""
        return self.profile.reinit if self._doing is Rung.REINIT else ()

    @property
    def means(self) -> Means:
        """What can be done to this modem here."""
        commands = {Rung.REINIT: self.profile.reinit, Rung.RESET: self.profile.reset}
        safe = {rung for rung, may in self.profile.safe.items() if may and commands.get(rung, True)}
        usb_path = self.place.usb_path
        return Means(
            safe=frozenset(safe),
            proven=self._proven == self._where,
            other_port=self.place.other_port is not None,
            usb=usb_path is not None,
            hub=usb_path is not None and self._power.no_hub_power(usb_path) is None,
        )

    def why_not(self, rung: Rung) -> str | None:
        """Why what a person asks for cannot be done now; None where it can."""
        needs_port = rung not in (Rung.USB, Rung.HUB_POWER)  # those may be what brings it back
        if needs_port and not self.place.here:
            return "there is no port; plug it in"
        return why_not(rung, self.means)

    # -- what happens ----------------------------------------------------------------------------
    def opening(self) -> int:
        """The port is about to be opened; the number of this opening."""
        if self._finds_device:
            self.place = replace(self.place, usb_path=self._power.device_of(self.place.port))
        self._ladder = self._ladder.opened()
        return self._ladder.opening

    def identified(self, model: str | None) -> None:
        """A modem has told who it is: from now on it may be reset."""
        self.model = model
        if self._proven != self._where:
            self._proven = self._where
            self._keep(self._proven_key, self._where)

    def serves(self) -> None:
        """It is ready. After dead messages only a message that goes out shows that it is healed."""
        if not self._ladder.wants_message:
            self._healed()

    def sent(self, outcome: Outcome, *, begun: bool) -> bool:
        """A dialogue is over; True when messages do not get through any more."""
        self._health = self._health.sent(outcome, begun=begun)
        if outcome.ok:
            self._healed()
        self._keep_owed()
        return self._health.dead

    def _keep_owed(self) -> None:
        if not (self.owed.count or self._owed_kept):
            return
        kept = self.owed.kept(self._clock.mono(), self._clock.now() / SECOND_US)
        if kept != self._owed_kept:
            self._owed_kept = kept
            self._keep(f"owed {self._lane}", kept)

    def answered_late(self) -> None:
        """A message that had no answer went out all the same."""
        self._health = self._health.proved()

    def probed(self, took_s: float | None) -> None:
        """The session asked a modem that had fallen out of step; None when nothing helped."""
        self._note(Rung.PROBE, took_s)

    def failed(self, failure: Failure, opening: int, reason: str) -> Step | None:
        """What is done next, and said in words; None when a later opening has overtaken this."""
        before = self._ladder
        now = self._clock.now()
        self._ladder, step = before.failed(failure, opening, reason, self.means, now)
        if step is None:
            log.info("healing.stale modem=%s %s", self._lane, reason)
            return None
        self._patient = step.patient
        unplugged = failure is Failure.PORT_LOST and not self.place.here
        if failure in STARTED_ANEW or unplugged:
            self.owed.forget()
        # A rung is over when it is climbed on; until then it may still help.
        if before.rung is not None and not step.patient and failure not in OPENED_ONLY:
            self._note(before.rung, None)
        if failure is Failure.SMS_DEAD:
            self._health = self._health.suspected()
        self._changed(before)
        return step

    def after_trouble(self, failure: Failure) -> Failure:
        """What is the matter after a rung that has not helped: as before, or it is gone."""
        return failure if self.place.here else Failure.NOT_BACK

    def pulled(self, *, by_itself: bool = False) -> None:
        """It is off the bus, and not by our doing."""
        self.owed.forget()
        ladder = self._ladder.pulled()
        self._ladder = ladder.uneasy(self._clock.now()) if by_itself else ladder
        self._doing = None

    def moved(self, place: Place) -> None:
        """It is somewhere else now, or nowhere, and begins anew; not where a rung has done that."""
        if not place.port:  # the power of a port that is empty now may be what brings it back
            self.place = replace(self.place, port="", other_port=None)
        else:
            self._finds_device = place.usb_path is None
            self.place = place
            self._choose_profile()
        if not self._acting:
            self.pulled()

    def blamed(self, reason: str) -> str:
        """`reason`, with the power named where it is to blame."""
        return self._ladder.blamed(reason)

    def forced(self, rung: Rung) -> None:
        """A person asked for `rung`."""
        before = self._ladder
        self._ladder = before.forced(rung, self._clock.now())
        self._patient = False
        self._changed(before)

    def not_done(self, rung: Rung) -> None:
        """What a person asked for could not be done, or the modem has not come back from it."""
        self._ladder = self._ladder.undone()
        self._note(rung, None)

    async def written(self) -> None:
        """Everything that is to be remembered is."""
        self._keep_owed()
        if self._writing:
            await asyncio.wait(self._writing)

    # -- what is done ----------------------------------------------------------------------------
    async def carry_out(self, rung: Rung, say: Callable[[str], None], pause: Pause) -> str | None:
        """Do `rung` and wait for the modem to be back; why it could not be done, or None.

        What is only another way of opening is done by the opening that follows.
        """
        self._doing = rung
        if not self._patient:
            self._begun_s = self._clock.mono()
        self._acting = True
        try:
            return await self._carry_out(rung, say, pause)
        finally:
            self._acting = False

    async def _carry_out(self, rung: Rung, say: Callable[[str], None], pause: Pause) -> str | None:
        try:
            match rung:
                case Rung.RESET:
                    words = await self._reset()
                case Rung.USB:
                    words = await self._power.restart(self._usb_path())
                case Rung.HUB_POWER:
                    await self._power.cycle(self._usb_path())
                    self.owed.forget()
                    words = "the power of its USB port was off"
                case _:
                    return None
        except (ModemError, PortError) as error:
            log.warning("healing.not_done modem=%s rung=%s %s", self._lane, rung.value, error)
            return str(error)
        log.warning("healing.done modem=%s rung=%s %s", self._lane, rung.value, words)
        say(f"{words}; waiting for it to come back")
        if rung is Rung.RESET:
            if not await self._until(lambda: not self.place.here, LEAVE_S, pause):
                await pause(max(0.0, self.profile.timing.boot_s - LEAVE_S))  # it starts in place
                return None
            self.owed.forget()
        if not await self._until(lambda: self.place.here, BACK_S, pause):
            return f"{words}, and it has not come back within {in_words(BACK_S)}"
        return None

    def _usb_path(self) -> str:
        if self.place.usb_path is None:
            raise ModemError("it is not known which USB device it is")
        return self.place.usb_path

    async def _reset(self) -> str:
        """The family's reset commands, until one is taken; one without an answer may be."""
        session = Session(self.place.port, self._trace, urc=_nothing, late=_nothing)
        await session.open(self._line)
        try:
            for text in self.profile.reset:
                try:
                    await session.run(plain(text, RESET_ANSWER_S))
                except CommandFailed as error:
                    log.info("healing.reset_refused modem=%s %s %s", self._lane, text, error)
                except (CommandTimeout, Desynced, PortError):
                    return f"reset by {text}, without an answer"
                else:
                    self.owed.forget()
                    return f"reset by {text}"
        finally:
            await session.close()
        raise ModemError(f"it takes none of {', '.join(self.profile.reset)}")

    async def _until(self, true: Callable[[], bool], limit_s: float, pause: Pause) -> bool:
        end_s = self._clock.mono() + limit_s
        while not true():
            if self._clock.mono() >= end_s:
                return False
            if not await pause(LOOK_S):
                return False
        return True

    # -- inside ----------------------------------------------------------------------------------
    def _healed(self) -> None:
        before = self._ladder
        if before.serves:
            return
        self._ladder = before.healed(self._clock.now())
        if before.rung is not None and self._ladder.rung is None:
            took_s = self._clock.mono() - self._begun_s
            log.info("healing.healed modem=%s rung=%s in %.1f s",
                     self._lane, before.rung.value, took_s)  # fmt: skip
            self._note(before.rung, took_s)
            self._health = SmsHealth()

    def _changed(self, before: Ladder) -> None:
        if self._ladder.spent != before.spent:
            plainly = [[rung.value, at] for rung, at in self._ladder.spent]
            self._keep(self._spent_key, json.dumps(plainly))

    def _note(self, rung: Rung, took_s: float | None) -> None:
        self._write(self._book.note(self.model, rung, took_s))

    def _keep(self, key: str, value: str) -> None:
        self._write(self._remember(key, value))

    def _write(self, work: Coroutine[Any, Any, None]) -> None:
        task = spawn(work, name=f"healing {self._lane}")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _remember(self, key: str, value: str) -> None:
        try:
            await self._memory.remember(key, value)
        except StoreUnavailable as error:
            log.warning("healing.not_remembered modem=%s %s", self._lane, error.reason)


def _spent_from_json(text: str | None) -> tuple[tuple[Rung, Instant], ...]:
    """What `Healing` remembered; nothing where it cannot be read."""
    try:
        return tuple((Rung(name), Instant(int(at))) for name, at in json.loads(text or "[]"))
    except (ValueError, TypeError):
        return ()


def _nothing(_event: object) -> None:
    """Unsolicited lines of a modem that is being reset."""
