"""What the pool sees of a modem, and what a modem sees of the pool.

May import L0. No state, no I/O: protocols and the values that pass between them.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from airpost.model import Claimed, Lane, ModemView, SimId, WireLine
from airpost.outcome import Outcome
from airpost.received import RawPart, RawReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of one segment on the air.

    `begun` is False when the PDU was never written: then nothing can have gone out, and `outcome`
    says why; the intent may have been committed all the same. With `begun`, `outcome` is ok,
    transient, permanent or unknown; `mr` is TP-MR when `+CMGS` told it; `air_s` is the time from
    Ctrl-Z to the result, `prompt_s` that from `AT+CMGS` to the prompt, None where none came.
    `refused`: the modem answered with an error in place of the prompt.
    """

    begun: bool
    outcome: Outcome
    mr: int | None
    air_s: float
    refused: bool = False
    prompt_s: float | None = None


class Committed(Protocol):
    """What became of an intent."""

    @property
    def attempt_id(self) -> int | None:
        """The attempt that has begun. None: do not send (cancelled, expired)."""
        ...


CommitIntent = Callable[[bytes], Awaitable[Committed] | Callable[[], Committed]]
"""Given the exact TPDU octets, commit the intent. The commit is under way when the call returns,
and is awaited once the prompt is there, right before the PDU. Where one was prepared, what is
returned is called instead, as the prompt is read: it begins only then, and waits for nothing.
Without a prompt either is left alone."""


class Intake(Protocol):
    """Where a modem hands what it received; the pool implements it on the store.

    Each returns after its commit; only then may the modem delete or acknowledge. StoreUnavailable
    means: leave it on the SIM.
    """

    async def part(self, part: RawPart) -> None:
        """One received SMS-DELIVER."""
        ...

    async def report(self, report: RawReport) -> None:
        """One delivery report."""
        ...

    def report_later(self, report: RawReport) -> Future[Any]:
        """One delivery report that no modem waits for; done after its commit, which many share."""
        ...

    async def unreadable(
        self, sim_id: SimId, lane: Lane, raw: bytes, field: str, offset: int, reason: str
    ) -> None:
        """A PDU that could not be parsed; it is kept, then deleted like any other."""
        ...


class Memory(Protocol):
    """What a modem must know again after a restart of the daemon; StoreUnavailable when it cannot.

    For what may be done once only: a PIN that was tried is not tried again.
    """

    async def recall(self, key: str) -> str | None:
        """What was remembered under `key`."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keep `value`; returns after its commit."""
        ...


class UnitListener(Protocol):
    """What a unit tells the pool about itself; all calls are on the loop and return at once."""

    def changed(self, view: ModemView) -> None:
        """The state, or anything people see, changed."""
        ...

    def identified(self, lane: Lane, imei: str, sim_id: SimId) -> None:
        """IMEI and SIM were read after an open, before anything is sent."""
        ...

    def late(self, lane: Lane, segment_id: int, mr: int | None, outcome: Outcome) -> None:
        """The modem answered for a segment whose `send` had already returned `unknown`."""
        ...

    def called(self, lane: Lane, number: str | None) -> None:
        """Somebody calls; told once a call. `number` None: withheld, or the modem does not say."""
        ...


RESETS = ("reopen", "reinit", "reset", "usb", "hub_power")
"""What a person may ask for, from the gentlest to the harshest."""


class ModemUnit(Protocol):
    """One modem with its own task. Everything it does is serialised inside it."""

    @property
    def lane(self) -> Lane:
        """Its name."""
        ...

    @property
    def view(self) -> ModemView:
        """A snapshot."""
        ...

    async def run(self) -> None:
        """Open, initialise, serve, recover; returns after `stop()`."""
        ...

    async def send(self, segment: Claimed, commit: CommitIntent) -> SendResult:
        """Send one segment; one call at a time.

        `AT+CMGS` is written first, `commit` runs while the prompt is on its way, the PDU follows
        when both are there. It runs in the caller's task, so that no turn of the loop lies between
        a result and the next command: a caller that may be cancelled shields it. Never raises for
        what a modem does; StoreUnavailable from `commit` ends the dialogue with ESC and is raised
        again. Past the class's patience it returns `unknown` while the modem stays on the dialogue
        (`view.stalled`); a result that comes after that goes to `UnitListener.late`.
        """
        ...

    def compose(self, segment: Claimed) -> bytes | None:
        """The TPDU that `send` would hand to `commit` if it began now; None when it cannot."""
        ...

    async def ussd(self, code: str) -> str:
        """Run one USSD code; ModemError when it cannot be done now."""
        ...

    async def ask(self, text: str) -> tuple[str, ...]:
        """The information lines of one AT command, asked between two segments.

        CommandFailed for the modem's error, LocalProtocolError for what is no command; ModemError,
        AtError or PortError where it does not answer, or cannot be asked now.
        """
        ...

    async def reset(self, how: str) -> None:
        """One of RESETS now; what is on the air is waited for, and is `unknown` after a minute.

        Returns when the modem is back on its port; ModemError says why it cannot be done, or has
        brought nothing.
        """
        ...

    def wire(self) -> tuple[WireLine, ...]:
        """What last went over its wire, redacted, oldest first."""
        ...

    def crashed(self, reason: str) -> None:
        """`run()` failed again and again: out of service until the daemon starts anew."""
        ...

    async def stop(self, on_air_s: float = 60.0) -> None:
        """Finish the dialogue on the air, `on_air_s` at most; close the port and end `run()`.

        A dialogue that is cut ends as `unknown`.
        """
        ...
