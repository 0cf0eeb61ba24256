"""What services see of the pool: views, and hints to it. Never a modem.

May import L0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from airpost.clock import Instant
from airpost.model import Lane, Message, MessageId, ModemView, Waiting, Waits, WireLine
from airpost.pool.budget import Block, Use
from airpost.pool.tally import Tally

OWN = "own"  # instead of a number: another SIM of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """The budget of a SIM. `blocked`: what stands against an ordinary message now."""

    profile: str
    uses: tuple[Use, ...]
    blocked: Block | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The largest rate of urgent segments of which `share` begin within `wait_s`, for one route.

    By modems that take messages now and the time a segment takes them; the second where bulk keeps
    busy what is not reserved. None: not known yet, such as in the first seconds.
    """

    route: str
    modems: int
    reserved: int
    service_s: float
    urgent_per_minute: float | None
    under_bulk_per_minute: float | None
    wait_s: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Where a message that waits would go now; `lane` None: nowhere. `others`: why not to each.

    `another_until`: so long it waits for another SIM than the one that was refused it.
    """

    lane: Lane | None
    reason: str
    others: Mapping[Lane, str]
    group: int | None = None
    another_until: Instant | None = None


class Pool(Protocol):
    """The pool as the services know it."""

    def modems(self) -> tuple[ModemView, ...]:
        """A view of every modem, by lane name."""
        ...

    def modem(self, lane: Lane) -> ModemView | None:
        """One view, or None for an unknown name."""
        ...

    async def ask(self, lane: Lane, text: str) -> tuple[str, ...]:
        """The information lines of one AT command, asked between two messages of the modem.

        CommandFailed for its error; ModemError, AtError or PortError where it does not answer or
        cannot be asked now. KeyError for an unknown name.
        """
        ...

    async def ussd(self, lane: Lane, code: str) -> str:
        """The network's words to a USSD code; ModemError where there are none. KeyError."""
        ...

    async def reset(self, lane: Lane, how: str) -> None:
        """Reset a modem: `reopen`, `reinit`, `reset`, `usb` or `hub_power`, and wait for it.

        What is on the air is waited for, and becomes uncertain after a minute. ModemError says why
        it cannot be done, or has brought nothing; KeyError.
        """
        ...

    def wire(self, lane: Lane) -> tuple[WireLine, ...]:
        """What last went over the modem's wire, redacted, oldest first; KeyError."""
        ...

    def budget(self, lane: Lane) -> BudgetView | None:
        """What the SIM in a modem has had and may have; None where nothing limits it."""
        ...

    def waits(self, message: Message, *, listed: bool = False) -> Waits | None:
        """Which limit a message that is not final waits for, where it is known.

        `listed`: it is one of many, for which no budget of a SIM is reckoned.
        """
        ...

    async def refuses(self, message: Waiting, due: Instant) -> Waits | None:
        """The limit by which a message that comes in now, to go at `due`, is known to fail.

        None where none is known to. StoreUnavailable.
        """
        ...

    async def selftest(self, lane: Lane, to: str | None) -> MessageId:
        """Begin a self-test `to` a number or OWN; None: as configured.

        ModemError says why there can be none now: not ready, one under way, the cap of the month.
        """
        ...

    async def pause(self, lane: Lane, actor: str, *, drain: bool = False) -> None:
        """The modem takes nothing more, also after the next start; KeyError.

        What it has not begun goes back to the backlog; with `drain` it is sent first.
        """
        ...

    async def resume(self, lane: Lane, actor: str) -> None:
        """The modem takes messages again, and its SIM is in doubt no more; KeyError."""
        ...

    def tallies(self) -> Mapping[Lane, Tally]:
        """What each modem has done since the start."""
        ...

    def promises(self) -> tuple[Promise, ...]:
        """What urgent traffic each route can take now, by name."""
        ...

    def outlook(self, message: Waiting) -> Outlook:
        """Where a message that waits would go now, and why not elsewhere."""
        ...

    def routes(self) -> frozenset[str]:
        """The names of all routes that some modem serves."""
        ...

    def watch(self, callback: Callable[[ModemView], None]) -> Callable[[], None]:
        """Call `callback` on the loop at every change of a view; returns what ends it."""
        ...

    @property
    def last_progress_mono(self) -> float:
        """When the dispatcher last went round, seconds of the clock's `mono()`."""
        ...
