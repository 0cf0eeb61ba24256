"""Every metric by its name: what it counts, in what unit, by which labels.

May import prometheus_client and L0. docs/MONITORING.md holds the same table, dashboards and alert
rules name nothing else; tests compare. No label is a number, an id or anything else of a caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.utils import floatToGoString

from airpost.histogram import Histogram

PIECE = 100  # samples made and written out in one turn of the loop: a millisecond
Value = float | Histogram


class Kind(Enum):
    """How a metric behaves."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. Counters begin at 0 with the service and end in `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    words: str

    def told(self, rows: Iterable[tuple[Sequence[str], Value]]) -> Iterator[Metric]:
        """Its values by their labels, in pieces."""
        piece = self._empty()
        for labels, value in rows:
            _add(piece, labels, value)
            if len(piece.samples) >= PIECE:
                yield piece
                piece = self._empty()
        if piece.samples:
            yield piece

    def _empty(self) -> Metric:
        return _MADE[self.kind](self.name, self.words, labels=self.labels)


_MADE: Mapping[Kind, Callable[..., Metric]] = {
    Kind.GAUGE: GaugeMetricFamily,
    Kind.COUNTER: CounterMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}


def _add(piece: Metric, labels: Sequence[str], value: Value) -> None:
    if isinstance(value, Histogram):
        assert isinstance(piece, HistogramMetricFamily)
        counts = [float(each) for each in accumulate(value.counts)]
        names = [*map(floatToGoString, value.bounds), "+Inf"]
        piece.add_metric(labels, list(zip(names, counts, strict=True)), value.total)
    else:
        assert isinstance(piece, GaugeMetricFamily | CounterMetricFamily)
        piece.add_metric(labels, value)


_G, _C, _H = Kind
_M, _MC = ("modem",), ("modem", "class")

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("airpost_info", _G, ("version",), "1; the version that runs"),
        # -- modems --------------------------------------------------------------------------
        Family("airpost_modem_state", _G, ("modem", "state"), "1 for the state it is in, else 0"),
        Family("airpost_modem_since_timestamp_seconds", _G, _M,
               "Unix time from which it has been in its state"),
        Family("airpost_modem_takes", _G, _M, "1 while messages may be bound to it"),
        Family("airpost_modem_paused", _G, _M,
               "1 while a person, or doubt of its SIM, keeps messages from it"),
        Family("airpost_modem_stalled", _G, _M,
               "1 while it is still on the air past the patience of a message"),
        Family("airpost_modem_info", _G, ("modem", "manufacturer", "model", "operator"),
               "1; what it is, and the network it is in"),
        Family("airpost_modem_signal_dbm", _G, _M, "signal strength in dBm, at the last look"),
        Family("airpost_modem_service_seconds", _G, _M,
               "measured time a part takes it, a moving mean"),
        Family("airpost_modem_last_proof_timestamp_seconds", _G, _M,
               "Unix time at which a message last got through it, out or in"),
        Family("airpost_sim_memory_used_places", _G, _M,
               "places taken of the memory for received messages, as last counted"),
        Family("airpost_sim_memory_places", _G, _M, "places of that memory"),
        Family("airpost_sim_credit", _G, _M, "credit of a prepaid SIM, in its own currency"),
        Family("airpost_sim_credit_low", _G, _M, "1 while that is below what was configured"),
        Family("airpost_sim_limit_used_parts", _G, ("modem", "limit"),
               "what the SIM has used of a limit; of recipients_per_month: recipients"),
        Family("airpost_sim_limit_parts", _G, ("modem", "limit"), "what the limit allows"),
        Family("airpost_sim_limit_closed", _G, _M,
               "1 while a limit keeps an ordinary message from the SIM"),
        # -- what can be promised --------------------------------------------------------------
        Family("airpost_promised_urgent_parts_per_minute", _G, ("route",),
               "largest rate of otp and alarm parts of which 98.7 % begin within 2 s"),
        Family("airpost_promised_urgent_beside_bulk_parts_per_minute", _G, ("route",),
               "the same while bulk keeps busy every modem that is not reserved"),
        Family("airpost_promised_modems", _G, ("route",),
               "modems that take urgent messages, which the promise goes by"),
        # -- what waits --------------------------------------------------------------------------
        Family("airpost_modem_queue_messages", _G, _MC,
               "messages bound to it with a part to send, the one on the air included"),
        Family("airpost_modem_queue_oldest_seconds", _G, _MC,
               "age of the oldest of them, from when it might go; 0 without any"),
        Family("airpost_backlog_messages", _G, ("route", "modem", "class"),
               "messages bound to no modem: of a route, or that ask for a modem"),
        Family("airpost_backlog_oldest_seconds", _G, ("route", "modem", "class"),
               "age of the oldest of them, from when it might go"),
        Family("airpost_held_messages", _G, ("class",), "messages that a limit holds for now"),
        Family("airpost_held_oldest_seconds", _G, ("class",), "age of the oldest of them"),
        Family("airpost_scheduled_messages", _G, ("class",), "messages whose time has not come"),
        Family("airpost_uncertain_messages", _G, ("class",),
               "messages of unknown fate that are not final: they wait for an answer or a person"),
        # -- what happens ------------------------------------------------------------------------
        Family("airpost_accepted_messages_total", _C, ("class",), "messages accepted"),
        Family("airpost_messages_total", _C, ("modem", "class", "state"),
               "messages that came into a state; one may come into several"),
        Family("airpost_attempts_total", _C, ("modem", "class", "result"),
               "parts given to a modem, by what became of that"),
        Family("airpost_resends_total", _C, ("modem", "class", "what"),
               "part: sent once more after an unknown fate; message: begun again whole"),
        Family("airpost_possible_duplicates_total", _C, _MC,
               "times a message went out, or goes out, once more that may have arrived"),
        Family("airpost_received_messages_total", _C, ("modem", "what"),
               "messages received: whole, or partial where parts never came"),
        Family("airpost_queue_wait_seconds", _H, _MC,
               "from when a message may go until its first part begins"),
        Family("airpost_prompt_seconds", _H, _M, "from AT+CMGS to the prompt"),
        Family("airpost_cmgs_seconds", _H, _M,
               "from Ctrl-Z to +CMGS or an error; where neither came there is none"),
        Family("airpost_report_seconds", _H, _M,
               "from the network's taking a part to the report that decides it"),
        # -- store -------------------------------------------------------------------------------
        Family("airpost_store_up", _G, (), "1 while the store can write"),
        Family("airpost_store_figures_up", _G, (),
               "1 where the store told what waits; else what it tells is missing here"),
        Family("airpost_store_commit_seconds", _H, (), "time a commit took, on disk"),
        Family("airpost_store_queue_requests", _G, ("queue",),
               "requests that wait for the store: air and intake to be written, others to be read"),
        Family("airpost_store_file_bytes", _G, (), "size of the database"),
        Family("airpost_store_log_bytes", _G, (), "size of its write-ahead log"),
        Family("airpost_store_disk_free_bytes", _G, (), "what is free on its disk"),
        # -- events ------------------------------------------------------------------------------
        Family("airpost_webhooks", _G, ("state",), "webhooks and commands, by how they are"),
        Family("airpost_webhook_tries_total", _C, ("result",),
               "tries to tell one of an event, taken or failed; given_up: events that nobody took"),
        Family("airpost_webhook_waiting_events", _G, (), "events in hand that are not taken yet"),
        Family("airpost_webhook_behind_rows", _G, (),
               "rows of the event log that the one furthest behind has yet to look at"),
        Family("airpost_stream_clients", _G, (), "clients of the stream"),
        Family("airpost_stream_cut_total", _C, (), "clients cut because they took nothing"),
        Family("airpost_hook_requests_total", _C, ("hook", "result"),
               "requests to a hook: sent, raw (as it came), repeated, nothing, refused"),
        # -- HTTP --------------------------------------------------------------------------------
        Family("airpost_http_requests_total", _C, ("method", "route", "status"),
               "requests answered, by the template of the call"),
        Family("airpost_http_request_seconds", _H, ("method", "route"),
               "time to the answer, waits that a caller asked for included"),
        Family("airpost_http_problems_total", _C, ("type",),
               "requests refused, by the name of the problem"),
        Family("airpost_http_connections", _G, (), "connections that are open"),
        Family("airpost_http_connections_limit", _G, (), "http.max_connections"),
        Family("airpost_http_connections_refused_total", _C, (), "connections beyond it"),
    )
}  # fmt: skip
