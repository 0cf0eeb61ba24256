"""`GET /metrics`: what a monitor is told, in the text format of Prometheus.

May import aiohttp, prometheus_client, L0, the store's protocols and the pool's facade. Made when it
is asked for, of state that is there anyway, and written out piece by piece: with many modems it is
thousands of lines, and whatever is on the air goes in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import metadata

from aiohttp import web
from prometheus_client import Metric, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector as Source

from airpost.clock import SECOND_US, Instant
from airpost.errors import StoreUnavailable
from airpost.model import MessageClass, ModemView, UnitState
from airpost.pool.facade import Pool
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import HttpDeps
from airpost.services.http.families import FAMILIES, Value
from airpost.services.http.operations import Media, operation
from airpost.services.http.problems import KINDS
from airpost.services.http.streams import Streams
from airpost.services.http.traffic import Traffic
from airpost.store.keeping import Figures, Standing, Waits
from airpost.tasks import spawn

log = logging.getLogger("airpost.http")
PAUSE_S = 0.003  # after each piece: else the threads of the store wait for the interpreter's lock
LOOK_S = 3.0  # so long the store is waited for: a monitor gives up after 10
CLASSES = tuple(each.value for each in MessageClass)
RESULTS = ("taken", "transient", "permanent", "unknown", "not_begun")
STATES = ("active", "down", "paused", "disabled")
TRIES = ("taken", "failed", "given_up")
HOOKED = ("sent", "raw", "repeated", "nothing", "refused")
_STATES = ("sent", "delivered", "failed", "expired", "cancelled", "uncertain")
_RESENT = {"resent": "part", "begun_again": "message"}
_RECEIVED = {"received": "whole", "partial": "partial"}

Rows = Iterable[tuple[Sequence[str], Value]]


class Scrapes:
    """Makes the answer; whoever asks meanwhile gets the same one."""

    def __init__(self, deps: HttpDeps, traffic: Traffic, streams: Streams) -> None:
        self._deps = deps
        self._streams = streams
        self._traffic = traffic
        self._process = ProcessCollector(registry=None)
        self._making: asyncio.Task[bytes] | None = None
        self._looking: asyncio.Task[Standing | None] | None = None

    async def text(self) -> bytes:
        """All metrics as they are now."""
        if self._making is None or self._making.done():
            self._making = spawn(self._made(), name="metrics")
        return await asyncio.shield(self._making)

    async def _made(self) -> bytes:
        deps = self._deps
        standing = await self._standing()
        out: list[bytes] = []
        name = ""
        for piece in self._pieces(standing, deps.clock.now()):
            text = generate_latest(_One(piece))
            if piece.name == name:
                text = text.split(b"\n", 2)[2]  # what it is stands above already
            name = piece.name
            out.append(text)
            await deps.clock.sleep(PAUSE_S)
        return b"".join(out)

    async def _standing(self) -> Standing | None:
        """What is in the store now; None where it does not tell in time."""
        if self._looking is None or self._looking.done():
            self._looking = spawn(self._look(), name="figures")
        done, _ = await asyncio.wait([self._looking], timeout=LOOK_S)
        if not done:
            log.warning("http.no_figures the store has not told them within %g s", LOOK_S)
            return None
        return self._looking.result()

    async def _look(self) -> Standing | None:
        try:
            return await self._deps.store.keeping.figures.look()
        except StoreUnavailable:
            return None  # airpost_store_up tells

    def _pieces(self, standing: Standing | None, now: Instant) -> Iterator[Metric]:
        deps = self._deps
        store, figures = deps.store, deps.store.keeping.figures
        lanes = [view.lane for view in deps.pool.modems()]
        yield from _told("airpost_info", [((metadata.version("airpost"),), 1)])
        yield from _modems(deps.pool)
        yield from _promises(deps.pool)
        yield from _sending(deps.pool)
        yield from _happened(figures, lanes)
        yield from _told("airpost_store_up", [((), store.unavailable is None)])
        yield from _told("airpost_store_figures_up", [((), standing is not None)])
        yield from _told("airpost_store_commit_seconds", [((), figures.commits)])
        queues = figures.queues().items()
        yield from _told("airpost_store_queue_requests", (((name,), n) for name, n in queues))
        if standing is not None:
            yield from _waits(standing, lanes, now)
            yield from _files(standing)
        yield from _events(deps, self._streams)
        yield from _http(self._traffic, deps)
        yield from self._process.collect()
        for collect in deps.collectors:
            yield from collect()


SCRAPES = web.AppKey("scrapes", Scrapes)


@operation(
    "getMetrics",
    "How modems, queues, store and callers do",
    answers={200: Media(type="text/plain", words="Metrics, in the text format of Prometheus")},
)
async def scrape(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /metrics`."""
    text = await request.app[SCRAPES].text()
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


class _One(Source):
    """A source of a single piece."""

    def __init__(self, piece: Metric) -> None:
        self._piece = piece

    def collect(self) -> Iterable[Metric]:
        return (self._piece,)


def _told(name: str, rows: Rows) -> Iterator[Metric]:
    return FAMILIES[name].told(rows)


# -- the pool ------------------------------------------------------------------------------------
def _modems(pool: Pool) -> Iterator[Metric]:
    views = pool.modems()

    def each(name: str, of: dict[str, float | None]) -> Iterator[Metric]:
        return _told(name, (((lane,), value) for lane, value in of.items() if value is not None))

    states = (
        ((view.lane, state.value), view.state is state) for view in views for state in UnitState
    )
    yield from _told("airpost_modem_state", states)
    told = (
        ((v.lane, v.manufacturer or "", v.model or "", v.operator or ""), 1) for v in views
    )  # fmt: skip
    yield from _told("airpost_modem_info", told)
    for name, value in _OF_VIEW.items():
        yield from each(name, {view.lane: value(view) for view in views})
    yield from _limits(pool, views)


def _seconds(at: Instant | None) -> float | None:
    return None if at is None else at / SECOND_US


_OF_VIEW: Mapping[str, Callable[[ModemView], float | None]] = {
    "airpost_modem_since_timestamp_seconds": lambda view: _seconds(view.since),
    "airpost_modem_takes": lambda view: view.takes,
    "airpost_modem_paused": lambda view: view.paused is not None,
    "airpost_modem_stalled": lambda view: view.stalled,
    "airpost_modem_signal_dbm": lambda view: view.signal_dbm,
    "airpost_modem_service_seconds": lambda view: view.service_s,
    "airpost_modem_last_proof_timestamp_seconds": lambda view: _seconds(view.last_proof_at),
    "airpost_sim_memory_used_places": lambda view: None if view.memory is None else view.memory[0],
    "airpost_sim_memory_places": lambda view: None if view.memory is None else view.memory[1],
    "airpost_sim_credit": lambda view: None if view.credit is None else view.credit.value,
    "airpost_sim_credit_low": lambda view: None if view.credit is None else view.credit.low,
}  # fmt: skip


def _limits(pool: Pool, views: Sequence[ModemView]) -> Iterator[Metric]:
    budgets = {view.lane: budget for view in views
               if (budget := pool.budget(view.lane)) is not None}  # fmt: skip
    uses = [((lane, use.limit), use) for lane, budget in budgets.items() for use in budget.uses]
    yield from _told("airpost_sim_limit_used_parts", ((labels, use.used) for labels, use in uses))
    yield from _told("airpost_sim_limit_parts", ((labels, use.of) for labels, use in uses))
    closed = (((lane,), budget.blocked is not None) for lane, budget in budgets.items())
    yield from _told("airpost_sim_limit_closed", closed)


def _promises(pool: Pool) -> Iterator[Metric]:
    promises = pool.promises()
    for name, values in (
        ("airpost_promised_urgent_parts_per_minute", [p.urgent_per_minute for p in promises]),
        ("airpost_promised_urgent_beside_bulk_parts_per_minute",
         [p.under_bulk_per_minute for p in promises]),
        ("airpost_promised_modems", [p.modems for p in promises]),
    ):  # fmt: skip
        told = zip(promises, values, strict=True)
        yield from _told(
            name, (((each.route,), value) for each, value in told if value is not None)
        )


def _sending(pool: Pool) -> Iterator[Metric]:
    tallies = pool.tallies()
    results = (
        ((lane, class_.value, result), tally.results[class_, result])
        for lane, tally in tallies.items() for class_ in MessageClass for result in RESULTS
    )  # fmt: skip
    yield from _told("airpost_attempts_total", results)
    waits = (
        ((lane, class_.value), waits)
        for lane, tally in tallies.items() for class_, waits in tally.waits.items()
    )  # fmt: skip
    yield from _told("airpost_queue_wait_seconds", waits)
    prompts = (((lane,), tally.prompt) for lane, tally in tallies.items())
    yield from _told("airpost_prompt_seconds", prompts)
    yield from _told(
        "airpost_cmgs_seconds", (((lane,), tally.answer) for lane, tally in tallies.items())
    )


# -- events --------------------------------------------------------------------------------------
def _events(deps: HttpDeps, streams: Streams) -> Iterator[Metric]:
    shown = deps.webhooks.all(None)
    states = Counter(each.state for each in shown)
    yield from _told("airpost_webhooks", (((name,), states[name]) for name in STATES))
    counts = deps.webhooks.counts
    yield from _told("airpost_webhook_tries_total", (((name,), counts[name]) for name in TRIES))
    pumps = [each.pump for each in shown if each.pump is not None]
    yield from _told("airpost_webhook_waiting_events", [((), sum(p.waiting for p in pumps))])
    behind = max((pump.behind for pump in pumps), default=0)
    yield from _told("airpost_webhook_behind_rows", [((), behind)])
    yield from _told("airpost_stream_clients", [((), streams.count)])
    yield from _told("airpost_stream_cut_total", [((), streams.cut)])
    yield from _told("airpost_hook_requests_total", (
        ((name, result), hook.counts[result])
        for name, hook in deps.hooks.items() for result in HOOKED
    ))  # fmt: skip


# -- the store -----------------------------------------------------------------------------------
def _happened(figures: Figures, lanes: Iterable[str]) -> Iterator[Metric]:
    """Each at 0 before it first happens: of what begins with a 1, no monitor sees a rise."""
    happened = Counter(figures.happened)
    accepted = dict.fromkeys(CLASSES, 0)
    for (class_, _, what), count in happened.items():
        if what == "accepted":
            accepted[class_] += count
    yield from _told("airpost_accepted_messages_total",
                     (((class_,), count) for class_, count in accepted.items()))  # fmt: skip
    lanes = {"", *lanes, *(lane for _, lane, _ in happened)}  # as they were called when it happened
    each = [(lane, class_) for lane in sorted(lanes) for class_ in CLASSES]
    yield from _told("airpost_messages_total", (
        ((lane, class_, what), happened[class_, lane, what])
        for lane, class_ in each for what in _STATES
    ))  # fmt: skip
    yield from _told("airpost_resends_total", (
        ((lane, class_, name), happened[class_, lane, what])
        for lane, class_ in each for what, name in _RESENT.items()
    ))  # fmt: skip
    yield from _told("airpost_possible_duplicates_total", (
        ((lane, class_), happened[class_, lane, "duplicate"]) for lane, class_ in each
    ))  # fmt: skip
    yield from _told("airpost_received_messages_total", (
        ((lane, name), happened["", lane, what])
        for lane in sorted(lanes - {""}) for what, name in _RECEIVED.items()
    ))  # fmt: skip
    reports = (((lane,), told) for lane, told in sorted(figures.reports.items()))
    yield from _told("airpost_report_seconds", reports)


def _waits(standing: Standing, lanes: Sequence[str], now: Instant) -> Iterator[Metric]:
    bound = {(each.modem, each.class_): each for each in standing.waits if each.bound}
    every = sorted({(lane, class_) for lane in lanes for class_ in CLASSES} | bound.keys())
    free = [each for each in standing.waits if not each.bound and (each.route or each.modem)]
    held = [each for each in standing.waits if not (each.bound or each.route or each.modem)]
    for names, rows in (
        ("airpost_modem_queue", [(labels, bound.get(labels)) for labels in every]),
        ("airpost_backlog", [((w.route, w.modem, w.class_), w) for w in free]),
        ("airpost_held", [((w.class_,), w) for w in held]),
    ):
        yield from _told(f"{names}_messages",
                         ((labels, w.count if w else 0) for labels, w in rows))  # fmt: skip
        yield from _told(f"{names}_oldest_seconds",
                         ((labels, _age_s(w, now)) for labels, w in rows))  # fmt: skip
    for name, counts in (
        ("airpost_scheduled_messages", standing.scheduled),
        ("airpost_uncertain_messages", standing.doubtful),
    ):
        yield from _told(name, (((class_,), counts.get(class_, 0)) for class_ in CLASSES))


def _age_s(waits: Waits | None, now: Instant) -> float:
    return 0.0 if waits is None else max(0, now - waits.since) / SECOND_US


def _files(standing: Standing) -> Iterator[Metric]:
    yield from _told("airpost_store_file_bytes", [((), standing.octets)])
    yield from _told("airpost_store_log_bytes", [((), standing.log_octets)])
    yield from _told("airpost_store_disk_free_bytes", [((), standing.free_octets)])


# -- HTTP ----------------------------------------------------------------------------------------
def _http(traffic: Traffic, deps: HttpDeps) -> Iterator[Metric]:
    requests = sorted(traffic.requests.items())
    yield from _told("airpost_http_requests_total", (
        ((method, route, str(status)), count) for (method, route, status), count in requests
    ))  # fmt: skip
    yield from _told("airpost_http_request_seconds", sorted(traffic.took.items()))
    problems = (((name,), traffic.problems[name]) for name in KINDS)
    yield from _told("airpost_http_problems_total", problems)
    connections = deps.connections()
    yield from _told("airpost_http_connections", [((), connections.open)])
    yield from _told("airpost_http_connections_limit", [((), connections.limit)])
    yield from _told("airpost_http_connections_refused_total", [((), connections.refused)])
