"""What one subject has had, what is left, and when it may have more.

Pure: no clock, no asyncio. May import L0. A budget is nothing but the times of what was begun, so
it is made anew from the store at any moment, and moves with its SIM from stick to stick.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airpost.clock import SECOND_US, Instant
from airpost.pool.limits import SPAN_S, LimitProfile, Span

RECIPIENTS = "recipients a month"
_EVERY = 256  # spendings between two looks at what need not be kept any more
_A = {Span.MINUTE: "a minute", Span.HOUR: "an hour", Span.DAY: "a day", Span.MONTH: "a month"}
_SHORT = ("burst", Span.MINUTE.value)  # come and go: no event is written of them
_USED = ("", "nearly all", "all but {} kept for otp and alarm", "all")  # words of a count's level
_NEARLY, _KEPT, _ALL = 1, 2, 3  # by `warn_percent`; but for the reserve; to the last
_FALL = 10  # percent below the first that is told, at which it is forgotten
_FLAT = {Span.MINUTE: timedelta(minutes=1), Span.HOUR: timedelta(hours=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A limit that stands against one more, until when, and in words."""

    until: Instant
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One line of a budget: "day" 120 of 200. `reserved` of them are for otp and alarm alone."""

    limit: str
    used: int
    of: int
    reserved: int
    resets_at: Instant | None  # None: it rolls, some come free all the time

    @property
    def left(self) -> int:
        """What is left for urgent classes."""
        return max(0, self.of - self.used)


class Budget:
    """The budget of one subject by one profile.

    `past` is (when, to whom) of what was begun before, oldest first, as far back as
    `first_needed()` says; later times than `now` count as now, for the clock was wrong then.
    """

    def __init__(
        self, profile: LimitProfile, now: Instant, past: Iterable[tuple[Instant, str]] = ()
    ) -> None:
        self.profile = profile
        self._zone = ZoneInfo(profile.zone)
        self._counts = profile.counts
        self._edges: dict[Span, tuple[Instant, Instant]] = {}
        self._times: list[Instant] = []
        self._met: set[str] = set()  # of the month of `_met_since`, only where they are counted
        self._met_since: Instant | None = None
        self._bucket_full_at = 0  # when a burst will have been made up for
        self._since_trim = 0
        month = edges(Span.MONTH, now, self._zone)[0]
        for at, whom in past:
            self._add(min(at, now), whom, met=at >= month)
        self._told = {use.limit: self._level(use) for use in self.uses(now)}

    # -- asking ----------------------------------------------------------------------------------
    def block(self, now: Instant, whom: str | None, *, urgent: bool) -> Block | None:
        """What stands against one more to `whom` now; None where nothing does.

        `whom` None: somebody who has counted this month.
        """
        found: Block | None = None
        for until, words in self._blocks(now, whom, urgent=urgent):
            if until > now and (found is None or until > found.until):
                found = Block(until=until, words=words)
        return found

    def _blocks(
        self, now: Instant, whom: str | None, *, urgent: bool
    ) -> Iterable[tuple[Instant, str]]:
        profile = self.profile
        times = self._seen(now)
        if profile.gap_s and times:
            until = Instant(times[-1] + round(profile.gap_s * SECOND_US))
            yield until, f"a gap of {profile.gap_s:g} s"
        if profile.burst and profile.per_minute:
            room = profile.burst - 1 - self._reserved(profile.burst, urgent=urgent)
            until = Instant(self._bucket_full_at - room * self._step_us)
            words = f"{profile.per_minute} a minute, {profile.burst} at once"
            yield until, words + _kept(profile.burst - 1 - room)
        for span, count in self._counts.items():
            allowed = count - self._reserved(count, urgent=urgent)
            begin, end = self._edges_of(span, now)
            if len(times) - bisect_left(times, begin) < allowed:
                continue
            if self._rolls(span):
                # It is free again when the oldest of the last `allowed` has left the span.
                end = Instant(times[-allowed] + SPAN_S[span] * SECOND_US)
            yield end, f"{count} {_A[span]}{_kept(count - allowed)}"
        limit = profile.recipients_per_month
        if limit is None or whom is None or whom in (met := self._this_month(now)):
            return
        kept = self._reserved(limit, urgent=urgent)
        if len(met) >= limit - kept:
            yield self._edges_of(Span.MONTH, now)[1], f"{limit} {RECIPIENTS}{_kept(kept)}"

    def uses(self, now: Instant) -> list[Use]:
        """Every count that is limited, the shortest span first."""
        times = self._seen(now)
        found = []
        profile = self.profile
        if profile.burst and profile.per_minute:
            behind = -(-max(0, self._bucket_full_at - now) // self._step_us)
            found.append(self._use("burst", behind, profile.burst, None))
        for span, count in self._counts.items():
            begin, end = self._edges_of(span, now)
            used = len(times) - bisect_left(times, begin)
            found.append(self._use(span.value, used, count, None if self._rolls(span) else end))
        if profile.recipients_per_month is not None:
            end = self._edges_of(Span.MONTH, now)[1]
            met = len(self._this_month(now))
            found.append(self._use(RECIPIENTS, met, profile.recipients_per_month, end))
        return found

    def _use(self, limit: str, used: int, of: int, resets_at: Instant | None) -> Use:
        reserved = self._reserved(of, urgent=False)
        return Use(limit=limit, used=used, of=of, reserved=reserved, resets_at=resets_at)

    def _reserved(self, count: int, *, urgent: bool) -> int:
        return 0 if urgent else count * self.profile.reserve_percent // 100

    # -- spending --------------------------------------------------------------------------------
    def spend(self, now: Instant, whom: str) -> list[str]:
        """One more has begun; in words, limits that are nearly or all used since."""
        self._seen(now)
        self._add(now, whom)
        self._since_trim += 1
        if self._since_trim >= _EVERY:
            self._trim(now)
        found = []
        for use in self.uses(now):
            level, before = self._level(use), self._told[use.limit]
            if level > before:
                word = _USED[level].format(use.reserved)
                found.append(f"{word} used up: {use.used} of {use.of} ({use.limit})")
            # What rolls goes up and down by one all the time: told again only after a real fall.
            if level > before or use.used * 100 < use.of * self._forgotten_percent:
                self._told[use.limit] = level
        return found

    def _add(self, at: Instant, whom: str, *, met: bool = True) -> None:
        self._times.append(at)
        if met and self.profile.recipients_per_month is not None:
            self._this_month(at).add(whom)
        if self.profile.burst and self.profile.per_minute:
            self._bucket_full_at = max(self._bucket_full_at, at) + self._step_us

    @property
    def _forgotten_percent(self) -> int:
        first = min(self.profile.warn_percent, 100 - self.profile.reserve_percent)
        return first - _FALL

    def _level(self, use: Use) -> int:
        if use.limit in _SHORT:
            return 0
        if use.used >= use.of:
            return _ALL
        if use.reserved and use.used >= use.of - use.reserved:
            return _KEPT
        return _NEARLY if use.used * 100 >= use.of * self.profile.warn_percent else 0

    # -- time ------------------------------------------------------------------------------------
    def first_needed(self, now: Instant) -> Instant:
        """From when on what was begun matters."""
        return first_needed(self.profile, now)

    def _rolls(self, span: Span) -> bool:
        return span is not Span.MONTH and span not in self.profile.clock

    def _edges_of(self, span: Span, now: Instant) -> tuple[Instant, Instant]:
        """The span that holds `now`; one that rolls begins just after what has left it."""
        if self._rolls(span):
            return Instant(now - SPAN_S[span] * SECOND_US + 1), now
        kept = self._edges.get(span)
        if kept is None or not kept[0] <= now < kept[1]:
            kept = self._edges[span] = edges(span, now, self._zone)
        return kept

    @property
    def _step_us(self) -> int:
        assert self.profile.per_minute is not None
        return 60 * SECOND_US // self.profile.per_minute

    def _seen(self, now: Instant) -> list[Instant]:
        """The times, none of them after now: a clock that was put back must not close for long."""
        times = self._times
        if times and times[-1] > now:
            at = bisect_right(times, now)
            times[at:] = [now] * (len(times) - at)
            longest = now + (self.profile.burst or 0) * 60 * SECOND_US
            self._bucket_full_at = min(self._bucket_full_at, longest)
        return times

    def _this_month(self, now: Instant) -> set[str]:
        """Whom the month's messages went to."""
        begin = self._edges_of(Span.MONTH, now)[0]
        if begin != self._met_since:
            self._met.clear()
            self._met_since = begin
        return self._met

    def _trim(self, now: Instant) -> None:
        self._since_trim = 0
        del self._times[: bisect_left(self._times, first_needed(self.profile, now))]


def first_needed(profile: LimitProfile, now: Instant) -> Instant:
    """From when on what was begun matters to a budget by this profile."""
    spans = set(profile.counts)
    if profile.recipients_per_month is not None:
        spans.add(Span.MONTH)
    zone = ZoneInfo(profile.zone)
    back_s = max(profile.gap_s, 60.0 * (1 + (profile.burst or 0) / (profile.per_minute or 1)))
    begins = [Instant(now - round(back_s * SECOND_US))]
    for span in spans:
        if span is Span.MONTH or span in profile.clock:
            begins.append(edges(span, now, zone)[0])
        else:
            begins.append(Instant(now - SPAN_S[span] * SECOND_US))
    return min(begins)


def _kept(count: int) -> str:
    """What a limit says of its reserve to those whom that is kept from."""
    return f", {count} of them kept for otp and alarm" if count else ""


def edges(span: Span, now: Instant, zone: ZoneInfo) -> tuple[Instant, Instant]:
    """Begin and end of the span of the clock in `zone` that holds `now`."""
    here = datetime.fromtimestamp(now // SECOND_US, UTC).astimezone(zone)
    if span in _FLAT:
        fields = {"second": 0} if span is Span.MINUTE else {"second": 0, "minute": 0}
        begin = here.replace(**fields).astimezone(UTC)  # type: ignore[arg-type]
        return _instant(begin), _instant(begin + _FLAT[span])
    midnight = {"hour": 0, "minute": 0, "second": 0, "fold": 0}
    first = here.replace(**midnight)  # type: ignore[arg-type]
    if span is Span.DAY:
        return _instant(first), _instant(first + timedelta(days=1))
    first = first.replace(day=1)
    return _instant(first), _instant((first + timedelta(days=32)).replace(day=1))


def _instant(moment: datetime) -> Instant:
    return Instant(round(moment.timestamp()) * SECOND_US)
