"""Whether a message may leave now: the hours of its recipient, what recipient and key have had.

May import store.api, L0. A message counts once, when it is given to a modem; the count is written
in that commit. What is known of a recipient is read when it is first asked for, many at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from zoneinfo import ZoneInfo

from airpost.apikey import ApiKey
from airpost.clock import SECOND_US, Clock, Instant
from airpost.model import MessageClass, Waiting, Waits
from airpost.pool.budget import Budget, first_needed
from airpost.pool.limits import LimitProfile, LimitSettings, OnLimit
from airpost.pool.simbudgets import URGENT

QUIET = "quiet_hours"
RATE = "rate_limited_local"
QUOTA = "quota_exhausted"
KNOWN = 20_000  # recipients kept in memory
_ALL = "all classes"


class ChargeStore(Protocol):
    """The store as allowances know it."""

    async def charges(
        self, numbers: Sequence[str], key_ids: Sequence[str], since: Instant
    ) -> list[tuple[str, Instant, MessageClass]]:
        """(number or key, when, class) of what was counted for these since, oldest first."""
        ...


class KeyStore(Protocol):
    """The store as the names of keys need it."""

    async def keys(self) -> list[ApiKey]:
        """All keys."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A message may not leave now. `reject`: it fails instead of waiting."""

    waits: Waits
    reject: bool


class Allowances:
    """What is asked for every message that is about to be given to a modem.

    `zones` are those in which a number may be. `know()` first, for all of a round, then `verdict()`
    and `count()` one by one.
    """

    def __init__(
        self,
        store: ChargeStore,
        keys: KeyStore,
        clock: Clock,
        settings: LimitSettings,
        zones: Callable[[str], Sequence[ZoneInfo]],
    ) -> None:
        self._store = store
        self._key_store = keys
        self._clock = clock
        self._settings = settings
        self._zones = zones
        self._recipients: OrderedDict[str, list[tuple[str, Budget]]] = OrderedDict()
        self._keys: dict[str, Budget | None] = {}
        per_recipient = [each.per_recipient for each in settings.classes.values()]
        self._profiles = [each for each in per_recipient if each is not None]
        self.counts = bool(self._profiles or settings.keys)
        windows = any(each.window for each in settings.classes.values())
        self.none = not self.counts and not windows  # nothing limits a message
        profiles = [*self._profiles, *settings.keys.values()]
        self.rejects = any(each.on_limit is OnLimit.REJECT for each in profiles) or any(
            each.on_quiet is OnLimit.REJECT for each in settings.classes.values()
        )  # something lets a message fail

    async def know(self, messages: Iterable[Waiting]) -> None:
        """Read what is not known of their recipients and keys; StoreUnavailable."""
        if not self.counts:
            return
        asked = [each for each in messages if not each.charged]
        numbers = [each.to for each in asked] if self._profiles else []
        unknown = [to for to in dict.fromkeys(numbers) if to not in self._recipients]
        given = [each.key_id for each in asked if each.key_id and self._settings.keys]
        key_ids = [key for key in dict.fromkeys(given) if key not in self._keys]
        for to in {to for to in numbers if to in self._recipients}:
            self._recipients.move_to_end(to)
        if not unknown and not key_ids:
            return
        now = self._clock.now()
        profiles = await self._profiles_of(key_ids)
        limited = [key for key in key_ids if profiles.get(key) is not None]
        every = [*self._profiles, *(each for each in profiles.values() if each is not None)]
        since = min([now, *(first_needed(each, now) for each in every)])
        since = min(since, Instant(now - 86_400 * SECOND_US))  # of all classes together
        found: dict[str, list[tuple[Instant, MessageClass]]] = {}
        for subject, at, class_ in await self._store.charges(unknown, limited, since):
            found.setdefault(subject, []).append((at, class_))
        # What somebody else has read meanwhile may have been counted since.
        for to in unknown:
            if to not in self._recipients:
                self._recipients[to] = self._recipient(now, found.get(to, []))
        for key in key_ids:
            if key not in self._keys:
                profile = profiles.get(key)
                past = [(at, "") for at, _ in found.get(key, [])]
                self._keys[key] = None if profile is None else Budget(profile, now, past)
        while len(self._recipients) > max(KNOWN, len(set(numbers))):
            self._recipients.popitem(last=False)

    async def _profiles_of(self, key_ids: Sequence[str]) -> dict[str, LimitProfile | None]:
        if not key_ids:
            return {}
        names = {key.id: key.name for key in await self._key_store.keys()}
        return {key: self._settings.keys.get(names.get(key, "")) for key in key_ids}

    def _recipient(
        self, now: Instant, past: Sequence[tuple[Instant, MessageClass]]
    ) -> list[tuple[str, Budget]]:
        """By class, and of all together where some profile has a count for that."""
        made = []
        for class_, limits in self._settings.classes.items():
            if limits.per_recipient is not None:
                own = [(at, "") for at, of in past if of is class_]
                made.append((class_.value, Budget(limits.per_recipient, now, own)))
        totals = [each.all_per_day for each in self._profiles if each.all_per_day is not None]
        if totals:
            profile = LimitProfile(name=_ALL, per_day=min(totals))
            made.append((_ALL, Budget(profile, now, [(at, "") for at, _ in past])))
        return made

    # -- one by one ------------------------------------------------------------------------------
    def verdict(self, message: Waiting, now: Instant) -> Verdict | None:
        """What stands against the message now; None: it may leave."""
        found = [self.hours(message.class_, message.to, now)]
        if not message.charged:
            found += [self._key(message, now), self._recipients_verdict(message, now)]
        against = [each for each in found if each is not None]
        if not against:
            return None
        rejected = next((each for each in against if each.reject), None)
        waits = together([each.waits for each in against])
        return rejected or Verdict(waits=waits, reject=False)

    def hours(self, class_: MessageClass, number: str, now: Instant) -> Verdict | None:
        """What the hours of the recipient say alone."""
        limits = self._settings.classes.get(class_)
        if limits is None or limits.window is None:
            return None
        zones = [ZoneInfo(limits.zone)] if limits.zone else self._zones(number)
        until = limits.window.opens_at(now, zones)
        if until <= now:
            return None
        words = f"the hours of class {class_.value} in {zones[len(zones) // 2].key}"
        waits = Waits(reason=QUIET, words=words, until=until)
        return Verdict(waits=waits, reject=limits.on_quiet is OnLimit.REJECT)

    def _key(self, message: Waiting, now: Instant) -> Verdict | None:
        budget = None if message.key_id is None else self._keys.get(message.key_id)
        return None if budget is None else _against(budget, message, now, QUOTA, "with this key")

    def _recipients_verdict(self, message: Waiting, now: Instant) -> Verdict | None:
        for name, budget in self._recipients.get(message.to, ()):
            if name == _ALL:
                whom = "to this number in all classes"
            elif name == message.class_.value:
                whom = f"of class {name} to this number"
            else:
                continue
            found = _against(budget, message, now, RATE, whom)
            if found is not None:
                own = self._settings.classes.get(message.class_)
                if name == _ALL and own is not None and own.per_recipient is not None:
                    rejects = own.per_recipient.on_limit is OnLimit.REJECT
                    found = Verdict(waits=found.waits, reject=rejects)
                return found
        return None

    def count(self, message: Waiting, now: Instant) -> Instant | None:
        """The message is given to a modem: when it counts, None where it does not, or did."""
        if not self.counts or message.charged:
            return None
        for name, budget in self._recipients.get(message.to, ()):
            if name in (_ALL, message.class_.value):
                budget.spend(now, "")
        if message.key_id is not None and (own := self._keys.get(message.key_id)) is not None:
            own.spend(now, "")
        return now

    def read_anew(self) -> None:
        """The clock was wrong, or a commit failed: so may be what is in memory."""
        self._recipients.clear()
        self._keys.clear()


def together(waits: Sequence[Waits]) -> Waits:
    """All of one or more at once, as one: what lasts longest gives reason and time."""
    longest = max(waits, key=lambda each: each.until)
    words = dict.fromkeys(part for each in waits for part in each.words.split("; "))
    return replace(longest, words="; ".join(words))


def _against(
    budget: Budget, message: Waiting, now: Instant, reason: str, whom: str
) -> Verdict | None:
    block = budget.block(now, "", urgent=message.class_ in URGENT)
    if block is None:
        return None
    waits = Waits(reason=reason, words=f"{block.words} {whom}", until=block.until)
    return Verdict(waits=waits, reject=budget.profile.on_limit is OnLimit.REJECT)
