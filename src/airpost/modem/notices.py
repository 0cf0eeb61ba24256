"""What a modem has told of and nobody has looked at yet: announced, given directly, to be swept.

May import at, L0 and handover. What came directly (`+CMT`, `+CDS`) exists nowhere else: the end of
a session does not lose it. A delivery report whose modem wants no word for it waits at most for
what came directly before it: it goes to the store beside what is under way, and comes back where
that cannot write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

from airpost.at import messages
from airpost.at.events import Urc
from airpost.model import Lane
from airpost.modem.handover import Handover, Place
from airpost.tasks import spawn

ANNOUNCING = frozenset({"+CMTI", "+CDSI"})
DIRECT = frozenset({"+CMT", "+CDS"})
ALL = ANNOUNCING | DIRECT


class Sweep:
    """The notice that everything stored is to be read."""


Notice = Urc | Sweep


class Notices:
    """Of one session, in the order in which they came. `home`: the memory that is read."""

    def __init__(
        self, handover: Handover, *, lane: Lane, home: str | None, acknowledges: bool
    ) -> None:
        self._arrived = asyncio.Event()
        self._handover = handover
        self._lane = lane
        self._home = home
        self._acknowledges = acknowledges
        self._waiting: deque[Notice] = deque()
        self._ended = False
        self._left: deque[Urc] = deque()  # at the end, and not in the store yet
        self._rescuing = False

    def take(self, urc: Urc) -> None:
        """+CMTI, +CDSI, +CMT or +CDS."""
        behind = any(isinstance(each, Urc) and each.prefix in DIRECT for each in self._waiting)
        if behind or self._ended or not self.pass_on(urc):
            self._keep(urc)

    def sweep(self) -> None:
        """Ask for everything stored to be read; once is enough while one waits."""
        if not any(isinstance(each, Sweep) for each in self._waiting):
            self._waiting.append(Sweep())
            self._arrived.set()

    def pass_on(self, urc: Urc) -> bool:
        """Have the store take it, where it is a report that its modem wants no word for.

        False where it is not, or the store cannot be asked; what that does not take waits again.
        """
        if urc.prefix != "+CDS" or self._acknowledges:
            return False
        record = messages.pushed(urc.line, urc.payload)
        if record is None or not record.pdu:
            return False
        return self._handover.report_later(record, failed=partial(self._keep, urc))

    def _keep(self, urc: Urc) -> None:
        if self._ended:
            self._rescue_later([urc])
            return
        self._waiting.append(urc)
        self._arrived.set()

    # -- the first of them -----------------------------------------------------------------------
    @property
    def first(self) -> Notice | None:
        """The one whose turn it is."""
        return self._waiting[0] if self._waiting else None

    @property
    def announced(self) -> Urc | None:
        """The first, where it names a place of a memory."""
        first = self.first
        return first if isinstance(first, Urc) and first.prefix in ANNOUNCING else None

    async def another(self, unless: Callable[[], bool]) -> None:
        """Until there is one, or `look()` was called; at once where there is one, or `unless`."""
        self._arrived.clear()
        if not self._waiting and not unless():
            await self._arrived.wait()

    def look(self) -> None:
        """Have whoever waits look at what there is."""
        self._arrived.set()

    def done(self) -> None:
        """The first was worked through, or is about to be."""
        self._waiting.popleft()

    # -- by place --------------------------------------------------------------------------------
    def drop(self, place: Place) -> int:
        """Take out what announces this place; how many that were."""
        before = len(self._waiting)
        self._waiting = deque(each for each in self._waiting if not self._names(each, place))
        return before - len(self._waiting)

    def count_in(self, store: str | None) -> int:
        """How many announce a place of this memory."""
        return sum(self._store_of(each) == store for each in self._waiting)

    def _names(self, notice: Notice, place: Place) -> bool:
        if self._store_of(notice) != place.store:
            return False
        where = messages.announced(notice.line) if isinstance(notice, Urc) else None
        return where is not None and where.index == place.index

    def _store_of(self, notice: Notice) -> str | None:
        """The memory in which something was announced."""
        if not isinstance(notice, Urc) or notice.prefix not in ANNOUNCING:
            return None
        where = messages.announced(notice.line)
        return None if where is None or where.index is None else where.store or self._home

    # -- the end ---------------------------------------------------------------------------------
    def end(self) -> None:
        """The session is over: what came directly still goes to the store."""
        self._ended = True
        self._rescue_later([each for each in self._waiting if isinstance(each, Urc)])

    def _rescue_later(self, left: list[Urc]) -> None:
        self._left.extend(each for each in left if each.prefix in DIRECT)
        if self._left and not self._rescuing:
            self._rescuing = True
            spawn(self._rescue(), name=f"inbox {self._lane}")

    async def _rescue(self) -> None:
        try:
            while self._left:
                urc = self._left.popleft()
                record = messages.pushed(urc.line, urc.payload)
                if record is None or not record.pdu:
                    continue
                if self.pass_on(urc):
                    await asyncio.sleep(0)
                else:
                    await self._handover.at_last(record)
        finally:
            self._rescuing = False
