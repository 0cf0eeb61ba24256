"""Recurring schedules: a cron expression in a time zone, and when it fires.

L0: no clock, no asyncio; cronsim works the expression out, as Debian's cron does. Where a clock is
put forward, what falls in the hour that is left out fires right after it; where it is put back,
what has a fixed hour fires once and what runs every hour or oftener fires both times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from airpost.clock import SECOND_US, Instant

FIELDS = 5
MAX_EXPRESSION = 200
MOST_MISSED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A stored schedule. `request` is the JSON of what `POST /v1/messages` would be given.

    A firing that could not be made in time is made up for up to `late_s` after its instant, the
    newest alone; older ones are `skipped`.
    """

    id: str
    seq: int
    owner: str
    key_id: str | None
    cron: str
    zone: str
    request: str
    late_s: int
    created_at: Instant
    next_at: Instant
    last_at: Instant | None = None  # the newest instant that became a message
    last_message: str | None = None
    fired: int = 0
    skipped: int = 0
    problem: str | None = None  # why the newest firing came to nothing


def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; ValueError for any other."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError("is no time zone; they have names such as Europe/Berlin") from None


def next_firing(cron: str, zone: ZoneInfo, after: Instant) -> Instant:
    """The first instant later than `after`; ValueError for no expression, or one with no date."""
    begin = datetime.fromtimestamp(after // SECOND_US, UTC).astimezone(zone)
    try:
        moments = CronSim(cron, begin)
    except CronSimError as error:
        raise ValueError(f"is no cron expression: {str(error).lower()}") from None
    for moment in moments:
        at = Instant(round(moment.timestamp()) * SECOND_US)
        if at > after:  # in an hour that comes twice the first of the two is offered once more
            return at
    raise ValueError("names a date that never comes")


def check_cron(cron: str, zone: ZoneInfo, now: Instant) -> None:
    """ValueError with what is wrong with an expression."""
    if len(cron) > MAX_EXPRESSION or len(cron.split()) != FIELDS:
        raise ValueError("has five fields: minute, hour, day, month, day of the week")
    next_firing(cron, zone, now)


def missed(cron: str, zone: ZoneInfo, due: Instant, now: Instant) -> tuple[Instant, int, Instant]:
    """Of what was due at `due` and since: the newest, how many older ones, what is next.

    More than MOST_MISSED older ones are counted as so many.
    """
    newest, older = due, 0
    while (following := next_firing(cron, zone, newest)) <= now:
        newest, older = following, older + 1
        if older == MOST_MISSED:
            # It fires often: the newest is not far from now, and nobody counts years of minutes.
            step = (newest - due) // older
            newest = next_firing(cron, zone, Instant(max(newest, now - 10 * step)))
            while (following := next_firing(cron, zone, newest)) <= now:
                newest = following
            break
    return newest, older, following
