"""When messages may leave, by the week of whoever gets them.

Pure: no clock, no asyncio. May import L0. Times are those of the wall in a zone: where a clock is
put forward, what begins in the hour that is left out begins an hour later by the wall, or not at
all where it has ended by then; where it is put back, the hour that comes twice counts both times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airpost.clock import SECOND_US, Instant

DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<from>[0-2][0-9]:[0-5][0-9])-(?P<to>[0-2][0-9]:[0-5][0-9])"
)
_FORM = 'is a time such as "08:00-21:00" or "mon-fri 08:00-18:00"'
_LOOKS = 100  # openings looked at before zones count as having none in common


@dataclass(frozen=True, slots=True)
class SendWindow:
    """The minutes of a week in which messages may leave, from Monday 00:00; sorted, apart."""

    open: tuple[tuple[int, int], ...]

    def opens_at(self, now: Instant, zones: Sequence[ZoneInfo]) -> Instant:
        """`now` where it is open in all the zones, else the next instant at which it is.

        Zones so far apart that nothing is open in all of them count as the middle one alone.
        """
        found = self._common(now, zones)
        return found if found is not None else self._next(now, zones[len(zones) // 2])

    def _common(self, now: Instant, zones: Sequence[ZoneInfo]) -> Instant | None:
        at = now
        for _ in range(_LOOKS):
            later = at
            for zone in zones:
                later = self._next(later, zone)
            if later == at:
                return at
            at = later
        return None

    def _next(self, now: Instant, zone: ZoneInfo) -> Instant:
        here = datetime.fromtimestamp(now // SECOND_US, UTC).astimezone(zone)
        monday = datetime(here.year, here.month, here.day) - timedelta(days=here.weekday())  # noqa: DTZ001 on the wall
        minute = here.weekday() * DAY_MIN + here.hour * 60 + here.minute
        for begin, end in self.open:
            if begin <= minute < end:
                return now
        starts = [begin for begin, _ in self.open]
        for start in [*starts, *(each + WEEK_MIN for each in starts)]:
            if start > minute:
                return _instant(monday + timedelta(minutes=start), zone, now)
        raise AssertionError("a window that never opens is not made")


def _instant(wall: datetime, zone: ZoneInfo, after: Instant) -> Instant:
    """When the wall shows that next; of two such hours the first that is not over."""
    for fold in (0, 1):
        at = Instant(round(wall.replace(tzinfo=zone, fold=fold).timestamp()) * SECOND_US)
        if at > after:
            return at
    return Instant(after + 60 * SECOND_US)


def send_window(spans: Iterable[str]) -> SendWindow:
    """The window of spans such as "mon-fri 08:00-18:00"; ValueError with what is wrong."""
    return SendWindow(_merged(minute for span in spans for minute in _minutes(span)))


def quiet_window(spans: Iterable[str]) -> SendWindow:
    """The window of everything but the spans; ValueError also where nothing is left."""
    closed = send_window(spans).open
    edges = [0, *(edge for span in closed for edge in span), WEEK_MIN]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    left = tuple((begin, end) for begin, end in pairs if begin < end)
    if not left:
        raise ValueError("leaves no time at all")
    return SendWindow(left)


def _minutes(span: str) -> list[tuple[int, int]]:
    found = _SPAN.fullmatch(span.strip().lower())
    if found is None:
        raise ValueError(_FORM)
    begin, end = _minute(found["from"]), _minute(found["to"])
    if begin in (end, DAY_MIN):
        raise ValueError(_FORM + "; from 00:00 to 24:00 is the whole day")
    if end < begin:
        end += DAY_MIN  # over midnight
    out: list[tuple[int, int]] = []
    for day in _days(found["first"], found["last"]):
        start, stop = day * DAY_MIN + begin, day * DAY_MIN + end
        out.append((start, min(stop, WEEK_MIN)))
        if stop > WEEK_MIN:  # Sunday night into Monday
            out.append((0, stop - WEEK_MIN))
    return out


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    minute = int(hours) * 60 + int(minutes)
    if minute > DAY_MIN:
        raise ValueError(f"{text} is no time of day")
    return minute


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(7))
    for name in (first, last or first):
        if name not in DAYS:
            raise ValueError(f"{name} is no day; they are {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)]


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    out: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    if not out:
        raise ValueError("leaves no time at all")
    return tuple(out)
