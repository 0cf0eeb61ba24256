"""What is left on prepaid SIMs: a USSD code now and then, and a pattern that finds the amount.

May import store.api, L0. The network's words may hold private data: the amount alone is kept, shown
and logged.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import AtError, ModemError, PortError, StoreUnavailable
from airpost.model import Credit, Lane, ModemView, Severity, SimId
from airpost.pool.kept import keep, recalled
from airpost.store.api import Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.credit")

CREDIT = "credit"  # what an event of a modem leads to
GROUP = "value"
MAX_PATTERN = 200  # characters
MAX_TEXT = 182  # characters looked at: no answer has more, 160 octets of 7 bits (TS 23.038 5)
# What a pattern may repeat. The worst that passes, `a?.*.*(?P<value>.*)x`, takes 0.7 s in all, and
# 15 to 25 ms at one place of the text; those that people write take microseconds.
MAX_WIDE = 3  # `*`, `+`, `{n,}`, `{n,m}`
MAX_OPTIONAL = 1  # `?`
AGAIN_S = 3600.0  # after a code that brought nothing
OVERDUE_S = 3600.0  # a modem that is never idle is asked between two messages

# The flag x hides signs, an empty alternative is a `?`.
_HIDING = re.compile(r"\(\?[a-zA-Z]*x|\(\||\|\||\|\)")
_PIECE = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?|(?P<repeat>[*+?]|\{[0-9]*,?[0-9]*\})[?+]?|.", re.DOTALL
)
_AMOUNT = re.compile(r"[-\u2212]?[0-9]+(?:[.,][0-9]+)*")
_GAPS = re.compile("[\\s'\u2019\u066c]")  # between thousands, beside . and ,


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSettings:
    """How one modem's SIM is asked; `low` is in the SIM's own currency, None: never low."""

    ussd: str
    pattern: str
    every_h: float = 24.0
    low: float | None = None


# -- patterns and amounts ------------------------------------------------------------------------
def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern; None for one that ends soon, whatever text comes."""
    if len(pattern) > MAX_PATTERN:
        return f"has more than {MAX_PATTERN} characters"
    try:
        named = re.compile(pattern).groupindex
    except re.error as error:
        return f"is no regular expression: {error}"
    if GROUP not in named:
        return f"needs the amount as a group of this name: (?P<{GROUP}>[0-9.,]+)"
    if _HIDING.search(pattern):
        return "must have no flag x and no empty alternative, which may take for ever"
    wide = optional = 0
    before = ""
    for piece in _PIECE.finditer(pattern):
        repeat = piece["repeat"]
        if repeat == "?":
            optional += 1
        elif repeat is not None:
            if before == ")":
                return "must not repeat a group, which may take for ever; [0-9.,]+ fits any amount"
            wide += repeat in "*+" or "," in repeat
        before = piece[0]
    if wide > MAX_WIDE or optional > MAX_OPTIONAL:
        return f"has more than {MAX_WIDE} of * + {{n,m}} or {MAX_OPTIONAL} of ?"
    return None


async def find_amount(pattern: str, text: str) -> float | None:
    """The amount in an answer; None where the pattern finds none.

    `re` lets no other thread run: the loop turns between two places of the text.
    """
    compiled, text = re.compile(pattern), text[:MAX_TEXT]
    for place in range(len(text) + 1):
        if found := compiled.match(text, place):
            return read_amount(found[GROUP] or "")
        await asyncio.sleep(0)
    return None


def read_amount(text: str) -> float | None:
    """The number in `12,34`, `1.234,56`, `1,234.56`, `1 234,56`; None for anything else.

    Of two kinds of signs the last is the decimal one. A kind that comes twice parts thousands, and
    so does one sign before three digits (`25.000`), but not in `0.125`.
    """
    plain = "".join(str(unicodedata.decimal(char, char)) for char in _GAPS.sub("", text))
    plain = plain.replace("\u066b", ".").rstrip(".,")
    if not _AMOUNT.fullmatch(plain):
        return None
    plain = plain.replace("\u2212", "-")
    at = max(plain.rfind("."), plain.rfind(","))
    if at < 0:
        return float(plain)
    whole, sign, rest = plain[:at], plain[at], plain[at + 1 :]
    digits = re.sub("[.,]", "", whole)
    alone = digits == whole
    if sign in whole or (alone and len(rest) == 3 and digits.strip("-0")):
        return float(digits + rest)
    return float(f"{digits}.{rest}")


# -- keeping watch -------------------------------------------------------------------------------
class Ward(Protocol):
    """What the pool does for the watch."""

    def modem(self, lane: Lane) -> ModemView | None:
        """One view."""
        ...

    def changed(self, view: ModemView) -> None:
        """What is known beside the modem itself has changed."""
        ...

    def idle(self, lane: Lane) -> bool:
        """True while no message waits for the modem or is on the air."""
        ...

    async def ussd(self, lane: Lane, code: str) -> str:
        """The network's words; ModemError, AtError or PortError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What is kept of a SIM over restarts; times are Instants."""

    value: float | None = None
    at: int | None = None  # when `value` was told
    low: bool = False  # and an event has said so
    asked_at: int = 0
    problem: str | None = None  # why the last answer brought nothing
    unmatched: str | None = None  # the pattern of which an event said that it does not fit

    @property
    def credit(self) -> Credit:
        """As people see it."""
        at = None if self.at is None else Instant(self.at)
        return Credit(value=self.value, at=at, low=self.low, problem=self.problem)


class CreditWatch:
    """Asks for the credit of the lanes that are configured; `look()` is called again and again."""

    def __init__(
        self, store: Store, ward: Ward, clock: Clock, settings: Mapping[Lane, CreditSettings]
    ) -> None:
        self._store = store
        self._ward = ward
        self._clock = clock
        self._settings = dict(settings)
        self._records: dict[SimId, _Record] = {}
        self._asking: set[Lane] = set()

    def known(self, sim_id: SimId | None) -> Credit | None:
        """What is known of a SIM."""
        record = None if sim_id is None else self._records.get(sim_id)
        return None if record is None else record.credit

    async def look(self) -> None:
        """Ask where it is due; StoreUnavailable when what was kept cannot be read."""
        for lane, settings in self._settings.items():
            view = self._ward.modem(lane)
            if view is None or view.sim_id is None or lane in self._asking:
                continue
            record = self._records.get(view.sim_id)
            if record is None:
                record = await recalled(self._store, _key(view.sim_id), _Record)
                self._show(lane, view.sim_id, record)
            if view.ready and self._is_due(lane, settings, record):
                self._asking.add(lane)
                spawn(self._ask(lane, view.sim_id, settings), name=f"credit {lane}")

    def _is_due(self, lane: Lane, settings: CreditSettings, record: _Record) -> bool:
        every_s = settings.every_h * 3600
        if record.problem is not None:
            every_s = min(every_s, AGAIN_S)
        over_s = (self._clock.now() - record.asked_at) / SECOND_US - every_s
        corrected = record.unmatched not in (None, settings.pattern)
        ahead = record.asked_at > self._clock.now()  # the clock was wrong, then or now
        if over_s < 0 and not corrected and not ahead:
            return False
        return self._ward.idle(lane) or over_s >= OVERDUE_S

    async def _ask(self, lane: Lane, sim_id: SimId, settings: CreditSettings) -> None:
        try:
            text = await self._ward.ussd(lane, settings.ussd)
        except (ModemError, AtError, PortError) as error:
            log.warning("credit.no_answer modem=%s %s", lane, error)
            await self._told(lane, sim_id, settings, None, str(error))
        else:
            value = await find_amount(settings.pattern, text)
            await self._told(lane, sim_id, settings, value, None)
        finally:
            self._asking.discard(lane)

    async def _told(
        self,
        lane: Lane,
        sim_id: SimId,
        settings: CreditSettings,
        value: float | None,
        failure: str | None,
    ) -> None:
        now = int(self._clock.now())
        before = self._records[sim_id]
        after = replace(before, asked_at=now, problem=failure)
        words = None
        if value is not None:
            after = replace(after, value=value, at=now, unmatched=None)
            low = settings.low is not None and value < settings.low
            words = _change(before.low, low, value, settings)
            after = replace(after, low=low)
        elif failure is None:
            problem = f"no amount is found in the answer to {settings.ussd}: correct `pattern`"
            after = replace(after, problem=problem, unmatched=settings.pattern)
            words = None if before.unmatched == settings.pattern else _to_do(settings)
        try:
            if words is not None:
                log.warning("credit.event modem=%s %s", lane, words)
                well = value is not None and not after.low
                severity = Severity.INFO if well else Severity.WARNING
                subject = f"modem {lane}"
                await self._store.note(subject, None, CREDIT, words, Instant(now), severity)
            await keep(self._store, _key(sim_id), after)
        except StoreUnavailable as error:
            log.warning("credit.not_stored modem=%s %s", lane, error.reason)
            # What no event has said is said after the next answer.
            after = replace(after, low=before.low, unmatched=before.unmatched)
        self._show(lane, sim_id, after)

    def _show(self, lane: Lane, sim_id: SimId, record: _Record) -> None:
        self._records[sim_id] = record
        view = self._ward.modem(lane)
        if view is not None:
            self._ward.changed(view)


def _change(was_low: bool, low: bool, value: float, settings: CreditSettings) -> str | None:
    """What an event says, once until it is the other way round."""
    if low and not was_low:
        return f"the credit is low: {value:g} is left, less than {settings.low:g}; top it up"
    if was_low and not low:
        return f"the credit is {value:g} again"
    return None


def _to_do(settings: CreditSettings) -> str:
    return (
        f"no amount is found in what the network answers to {settings.ussd}: call it with a phone, "
        f"and correct `pattern` in `credit` of this modem to fit what it shows"
    )


def _key(sim_id: SimId) -> str:
    return f"credit {sim_id}"
