"""What a monitor is told of the store: what waits, and what has happened since it was opened.

May import L0 and its neighbours. What has happened is read from the history, by whoever asks and a
stretch at a time in the thread for statistics: a message costs nothing for it on its way, and each
count is of what was committed.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from airpost.clock import SECOND_US, Clock, Instant
from airpost.histogram import Histogram
from airpost.store.keeping import Standing, Waits
from airpost.store.statements import load
from airpost.store.transmissions import BEGINS_AGAIN, DUPLICATE

_SQL = load("figures")
STRETCH = 20_000  # events counted in one go
LOOK_S = 1.0  # of counting in one look; more is left to the next
REPORT_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 3600.0, 21600.0, 86400.0, 259200.0)


def _bucket_of(bounds: tuple[float, ...]) -> str:
    """The place of a report's delay among `bounds`, as an expression."""
    cases = [f"WHEN e.at - s.sent_at <= {round(bound * SECOND_US)} THEN {at}"
             for at, bound in enumerate(bounds)]  # fmt: skip
    return f"CASE {' '.join(cases)} ELSE {len(bounds)} END"


_REPORTS = _SQL["reports"].replace("0 AS bucket", f"{_bucket_of(REPORT_S)} AS bucket")


class News(NamedTuple):
    """What a stretch of the history holds, up to the event `until`."""

    until: int
    counts: list[tuple[str, str, str, int]]
    reports: list[tuple[str, int, int, int]]


class Figures:
    """Of one store, for the loop. See `keeping.Figures`."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        read: Callable[..., Awaitable[Any]],
        commits: Histogram,
        queues: Callable[[], Mapping[str, int]],
    ) -> None:
        self.happened: Counter[tuple[str, str, str]] = Counter()
        self.reports: dict[str, Histogram] = {}
        self.commits = commits
        self.queues = queues
        self._path = path
        self._clock = clock
        self._read = read
        self._after = 0

    def begin(self, db: sqlite3.Connection) -> None:
        """Count from here on; in the writer's thread, before anything is written."""
        self._after = _last_event(db)

    async def look(self) -> Standing:
        """What is there now; counts what has happened."""
        until_s = self._clock.mono() + LOOK_S
        while True:
            before = self._after
            news: News = await self._read(happened, before)
            if self._after == before:  # else another look has counted it meanwhile
                self._count(news)
            if news.until < before + STRETCH or self._clock.mono() > until_s:
                break
        found: Standing = await self._read(standing, self._path)
        return found

    def _count(self, news: News) -> None:
        self._after = news.until
        for class_, lane, what, count in news.counts:
            self.happened[class_, lane, what] += count
        for lane, bucket, count, sum_us in news.reports:
            of_lane = self.reports.setdefault(lane, Histogram(REPORT_S))
            of_lane.add(((bucket, count),), sum_us / SECOND_US)


def _last_event(db: sqlite3.Connection) -> int:
    return int(db.execute(_SQL["last_event"]).fetchone()[0])


def happened(db: sqlite3.Connection, after: int) -> News:
    """A stretch of the history; in the reader's thread."""
    until = min(_last_event(db), after + STRETCH)
    which = {"after": after, "until": until}
    words = {"duplicate": DUPLICATE, "again": f"{BEGINS_AGAIN}*"}
    return News(
        max(until, after),  # the newest of the history may have gone
        db.execute(_SQL["happened"], which | words).fetchall()
        + db.execute(_SQL["received"], which).fetchall(),
        db.execute(_REPORTS, which).fetchall(),
    )


def standing(db: sqlite3.Connection, path: Path) -> Standing:
    """What is in the store now; in the reader's thread."""
    waits = [
        Waits(bound=True, modem=lane, route="", class_=class_, count=count, since=Instant(since))
        for lane, class_, count, since in db.execute(_SQL["bound"])
    ]
    for outlet, class_, count, since in db.execute(_SQL["backlog"]):
        kind, _, name = outlet.partition(" ")
        waits.append(
            Waits(
                bound=False,
                modem=name if kind == "lane" else "",
                route=name if kind == "route" else "",
                class_=class_,
                count=count,
                since=Instant(since),
            )
        )
    return Standing(
        waits=tuple(waits),
        scheduled=dict(db.execute(_SQL["scheduled"]).fetchall()),
        doubtful=dict(db.execute(_SQL["doubtful"]).fetchall()),
        octets=_octets(path),
        log_octets=_octets(path.with_name(f"{path.name}-wal")),
        free_octets=shutil.disk_usage(path.parent).free,
    )


def _octets(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
