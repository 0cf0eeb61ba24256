"""What is done next to a modem that failed: rungs, limits and waits as tables and one value.

May import clock and profile. Pure: no time passes here, nothing is opened or reset.
The rungs are those of `modems.md` 8.5. A SIM or a network that does not serve is no failure here:
no reset heals a missing SIM, a PIN, a refusal or spent credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from airpost.clock import SECOND_US, Instant
from airpost.modem.profile import Rung


class Failure(Enum):
    """How a connection ended, or could not begin."""

    SILENT = "silent"  # no answer from the first AT on
    DESYNC = "desync"  # answered, then no more; ESC and three questions were tried
    PORT_LOST = "port lost"  # while its path is there
    RESTARTED = "restarted"  # by itself: it works, it wants its settings anew
    UNSET = "settings lost"  # it has restarted without a word, or another program uses it
    REOPEN_WANTED = "reopen wanted"  # by us: nothing is wrong with it, more is known of it now
    INIT = "init failed"  # it answers, and cannot be set up
    SMS_DEAD = "sms dead"  # it answers, and no message gets an answer
    CANNOT_OPEN = "cannot open"
    NOT_BACK = "not back"  # the path has been missing since a reset of ours
    WRONG_PORT = "wrong port"  # it answers like no modem
    HELD = "held"  # by another program
    REFUSED = "refused"  # permission, or no serial port: only a person helps


_R, _F = Rung, Failure
_ALL_BUT_SETUP = (_R.REOPEN, _R.OTHER_PORT, _R.RESET, _R.USB, _R.HUB_POWER)
# What may help, gentlest first. PROBE is missing where the session has asked already: everywhere.
HELPS: Mapping[Failure, tuple[Rung, ...]] = {
    _F.SILENT: _ALL_BUT_SETUP,
    _F.DESYNC: _ALL_BUT_SETUP,
    _F.PORT_LOST: _ALL_BUT_SETUP,
    _F.RESTARTED: (_R.REOPEN,),
    _F.UNSET: (_R.REOPEN,),
    _F.REOPEN_WANTED: (_R.REOPEN,),
    _F.INIT: (_R.REOPEN, _R.OTHER_PORT, _R.REINIT, _R.RESET, _R.USB, _R.HUB_POWER),
    # Each try costs a message that may be lost: nothing that leaves the modem as it is.
    _F.SMS_DEAD: (_R.REINIT, _R.RESET, _R.USB, _R.HUB_POWER),
    _F.CANNOT_OPEN: (_R.REOPEN, _R.OTHER_PORT, _R.USB, _R.HUB_POWER),
    _F.NOT_BACK: (_R.USB, _R.HUB_POWER),
    _F.WRONG_PORT: (_R.REOPEN, _R.OTHER_PORT),
    _F.HELD: (_R.REOPEN,),
    _F.REFUSED: (_R.REOPEN,),
}
# Nothing we could do to the modem would change these: they are looked at again, and no more.
OPENED_ONLY = frozenset({_F.RESTARTED, _F.UNSET, _F.REOPEN_WANTED, _F.HELD, _F.REFUSED})

PER_HOUR: Mapping[Rung, int] = {_R.RESET: 3, _R.USB: 2, _R.HUB_POWER: 1}
HOUR_US = 3600 * SECOND_US
FIRST_S = 1.0  # before any rung
REOPEN_S = (1.0, 2.0, 5.0)  # before each try of the first pass: rights may come after the path
STARTING_S = 5.0  # before each try while a modem may still be starting
STARTING_US = 90 * SECOND_US  # that long after a reset it may; impatience would keep it down
BETWEEN_S = (60.0, 120.0, 300.0, 900.0, 3600.0)  # after a pass that brought nothing
OPENED_ONLY_S = (15.0, 60.0)  # the same for what a person, or the modem itself, sets right
SETTLED_US = 300 * SECOND_US  # a failure later than that after a success is a new one
UNREST_US = 600 * SECOND_US
UNREST = 3  # restarts and losses within that time that point to the power
POWER = "it restarts again and again: its power is too weak; try a powered hub, a shorter cable"

WORDS: Mapping[Rung, str] = {
    _R.PROBE: "asked again",
    _R.REOPEN: "tried again",
    _R.OTHER_PORT: "tried over its other port",
    _R.REINIT: "set up again from its own defaults",
    _R.RESET: "reset by its own command",
    _R.USB: "its USB device is switched off and on",
    _R.HUB_POWER: "the power of its USB port is switched off and on",
}
ANEW = "opened anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What can be done to this modem here.

    `proven`: a modem has told its IMEI on this port. Before that it may be anything, and nothing
    that resets is done to it.
    """

    safe: frozenset[Rung]
    proven: bool = False
    other_port: bool = False
    usb: bool = False
    hub: bool = False


def why_not(rung: Rung, means: Means) -> str | None:
    """Why a rung is left out, for people; None when it may be tried."""
    if rung in PER_HOUR and not means.proven:
        return "no modem has told its IMEI on this port yet"
    if rung is Rung.OTHER_PORT and not means.other_port:
        return "it has no second AT port"
    if rung is Rung.USB and not means.usb:
        return "it is not known which USB device it is"
    if rung is Rung.HUB_POWER and not means.hub:
        return "no hub that switches power is configured for it"
    if rung not in means.safe:
        return "its profile says that this does harm"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Wait `wait_s`, then do `rung`; `words` say so.

    `quarantined`: out of service until then. `patient`: the rung before it is not over yet.
    """

    rung: Rung
    wait_s: float
    words: str
    quarantined: bool = False
    patient: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How far one modem has been climbed; one value a unit, replaced at each change.

    `opening` counts the openings of its port: what is told about an earlier one is stale and
    changes nothing. `spent` are the resets of the last hour; they outlive everything else.
    """

    opening: int = 0
    tried: tuple[Rung, ...] = ()  # in this pass, the newest last
    passes: int = 0  # that brought nothing
    looks: int = 0  # in a row at what only opening again can tell
    failure: Failure | None = None
    rung: Rung | None = None  # whose success is still open
    healed_at: Instant | None = None
    spent: tuple[tuple[Rung, Instant], ...] = ()
    unrest: tuple[Instant, ...] = ()

    def opened(self) -> Ladder:
        """The port is about to be opened again."""
        return replace(self, opening=self.opening + 1)

    def failed(
        self, failure: Failure, opening: int, reason: str, means: Means, now: Instant
    ) -> tuple[Ladder, Step | None]:
        """After a failure of opening number `opening`; what to do next, None for a stale one."""
        if opening != self.opening:
            return self, None
        before = self._since_healed(now)
        if failure in OPENED_ONLY:
            if failure in (Failure.RESTARTED, Failure.UNSET):
                before = before.uneasy(now)
                reason = before.blamed(reason)
            # What is open stays open: a modem that restarts on the way has not been healed by it.
            after = replace(before, failure=before.failure or failure, looks=before.looks + 1)
            words = ANEW if failure is Failure.REOPEN_WANTED else WORDS[Rung.REOPEN]
            return after, _step(Rung.REOPEN, _look_s(before.looks), reason, words=words)
        return replace(before, failure=failure, looks=0)._climbed(failure, reason, means, now)

    def healed(self, now: Instant) -> Ladder:
        """The modem serves again: what comes soon is the same failure, what comes later is not."""
        return self if self.serves else replace(self, rung=None, healed_at=now)

    @property
    def serves(self) -> bool:
        """True while nothing is to be healed."""
        return self.rung is None and (self.failure is None or self.healed_at is not None)

    @property
    def wants_message(self) -> bool:
        """True while only a message that goes out shows that it is healed."""
        return self.failure is Failure.SMS_DEAD and self.healed_at is None

    def pulled(self) -> Ladder:
        """It was pulled out: whatever is plugged in next begins anew."""
        return self._fresh()

    def uneasy(self, now: Instant) -> Ladder:
        """It restarted or went off the bus by itself."""
        recent = tuple(at for at in self.unrest if 0 <= now - at < UNREST_US)
        return replace(self, unrest=(*recent, now))

    def blamed(self, reason: str) -> str:
        """`reason`, with the power named where it is to blame."""
        return f"{reason}; {POWER}" if len(self.unrest) >= UNREST else reason

    def forced(self, rung: Rung, now: Instant) -> Ladder:
        """A person asked for `rung`: it is done whatever the limits, and counted."""
        return replace(self._since_healed(now), rung=rung)._with_spent(rung, now)

    def undone(self) -> Ladder:
        """What a person asked for could not be done: no success of it is waited for."""
        return replace(self, rung=None)

    def resets_left(self, rung: Rung, now: Instant) -> int | None:
        """How often `rung` may be done within the hour; None for without limit."""
        if rung not in PER_HOUR:
            return None
        return PER_HOUR[rung] - sum(each is rung for each, _ in self._recent(now))

    # -- inside ----------------------------------------------------------------------------------
    def _fresh(self) -> Ladder:
        return Ladder(opening=self.opening, spent=self.spent, unrest=self.unrest)

    def _since_healed(self, now: Instant) -> Ladder:
        """What was healed is over; how far it was climbed counts for a while longer."""
        if self.healed_at is None:
            return self
        if abs(now - self.healed_at) >= SETTLED_US:
            return self._fresh()
        return replace(self, failure=None, healed_at=None, looks=0)

    def _recent(self, now: Instant) -> tuple[tuple[Rung, Instant], ...]:
        # A clock that was set back makes them seem to come: then they count too.
        return tuple((rung, at) for rung, at in self.spent if abs(now - at) < HOUR_US)

    def _with_spent(self, rung: Rung, now: Instant) -> Ladder:
        if rung not in PER_HOUR:
            return self
        return replace(self, spent=(*self._recent(now), (rung, now)))

    def _climbed(
        self, failure: Failure, reason: str, means: Means, now: Instant
    ) -> tuple[Ladder, Step]:
        if self.passes >= len(BETWEEN_S):
            return self._next_pass(reason)
        if failure is Failure.SILENT and self._may_be_starting(now):
            step = _step(Rung.REOPEN, STARTING_S, f"{reason}; it may still be starting")
            return self, replace(step, patient=True)
        reached = max((list(Rung).index(rung) for rung in self.tried), default=-1)
        notes: list[str] = []
        for rung in HELPS[failure]:
            if rung is Rung.REOPEN and self._may_reopen(reached):
                wait_s = REOPEN_S[len(self.tried)]
                return self._stepped(rung), _step(rung, wait_s, reason)
            if list(Rung).index(rung) <= reached or rung is Rung.REOPEN:
                continue
            if why_not(rung, means) is not None:
                continue
            if self.resets_left(rung, now) == 0:
                notes.append(f"not {WORDS[rung]}: {PER_HOUR[rung]} times an hour at the most")
                continue
            done = self._stepped(rung)._with_spent(rung, now)
            return done, _step(rung, FIRST_S, reason)
        return self._next_pass("; ".join((reason, *notes)))

    def _may_be_starting(self, now: Instant) -> bool:
        return self.rung in PER_HOUR and any(
            rung is self.rung and 0 <= now - at < STARTING_US for rung, at in self.spent
        )

    def _may_reopen(self, reached: int) -> bool:
        tries = len(REOPEN_S) if self.passes == 0 else 1
        return reached <= list(Rung).index(Rung.REOPEN) and len(self.tried) < tries

    def _next_pass(self, reason: str) -> tuple[Ladder, Step]:
        """Nothing more to try: wait, and begin with the gentlest again."""
        passes = min(self.passes + 1, len(BETWEEN_S))
        wait_s = BETWEEN_S[passes - 1]
        after = replace(self, passes=passes, tried=(Rung.REOPEN,), rung=Rung.REOPEN)
        return after, _step(Rung.REOPEN, wait_s, reason, quarantined=passes == len(BETWEEN_S))

    def _stepped(self, rung: Rung) -> Ladder:
        return replace(self, tried=(*self.tried, rung), rung=rung)


def _look_s(looks: int) -> float:
    waits = (*REOPEN_S, *OPENED_ONLY_S)
    return waits[min(looks, len(waits) - 1)]


def _step(
    rung: Rung, wait_s: float, reason: str, *, quarantined: bool = False, words: str | None = None
) -> Step:
    words = f"{reason}; {words or WORDS[rung]} in {in_words(wait_s)}"
    if quarantined:
        words = f"out of service, nothing has helped: {words}, or when it is plugged in anew"
    return Step(rung=rung, wait_s=wait_s, words=words, quarantined=quarantined)


def in_words(wait_s: float) -> str:
    """A wait for people: "5 s", "15 min"."""
    return f"{wait_s:g} s" if wait_s <= 60 else f"{wait_s / 60:g} min"
