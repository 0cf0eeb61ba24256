"""`/metrics` as a monitor reads it: every family, true values, an answer in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from airpost.clock import SECOND_US, Instant
from airpost.errors import StoreUnavailable
from airpost.histogram import Histogram
from airpost.model import Credit, Lane, MessageClass, ModemView, UnitState
from airpost.services.hooks_in import Hook, HookSettings
from airpost.services.http import metrics as module
from airpost.services.http.deps import DEPS, Connections
from airpost.services.http.families import FAMILIES, PIECE
from airpost.services.http.metrics import RESULTS, SCRAPES, Scrapes
from airpost.services.http.streams import STREAMS
from airpost.services.http.traffic import TRAFFIC
from airpost.states import SegmentEvent
from airpost.store.keeping import Waits
from airpost.tasks import spawn
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW, USED, modem_view

Labels = frozenset[tuple[str, str]]


class Told:
    """A scrape, read as Prometheus does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[tuple[str, Labels], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, key
                self.samples[key] = sample.value

    def __getitem__(self, asked: tuple[Any, ...]) -> float:
        name, labels = asked
        return self.samples[name, frozenset(labels.items())]

    def names(self) -> set[str]:
        heads = (line.split(" ") for line in self.text.splitlines())
        return {head[2] for head in heads if head[:2] == ["#", "TYPE"]}


async def scrape(api: Api, **kwargs: Any) -> Told:
    async with api.http.get("/metrics", **kwargs) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Told(await response.text())


def everything(api: Api) -> None:
    """Something in every family."""
    credit = Credit(value=1.5, at=NOW, low=True, problem=None)
    api.pool.views[Lane("gate-1")] = modem_view(
        signal_dbm=-73, service_s=2.5, last_proof_at=NOW, memory=(3, 20, NOW),
        credit=credit, model="E3372", manufacturer="huawei", operator='East "net"',
    )  # fmt: skip
    api.pool.budgets[Lane("gate-1")] = USED
    tally = api.pool.done[Lane("gate-1")]
    tally.results[MessageClass.OTP, "taken"] = 5
    tally.waits[MessageClass.OTP].observe(1.5)
    tally.prompt.observe(0.03)
    tally.answer.observe(2.4)
    figures = api.store.keeping.figures
    figures.happened.update({
        ("otp", "gate-1", "sent"): 4, ("otp", "gate-1", "accepted"): 4, ("otp", "", "accepted"): 2,
        ("otp", "gate-1", "resent"): 1, ("otp", "gate-1", "begun_again"): 2,
        ("otp", "gate-1", "duplicate"): 3, ("", "gate-1", "partial"): 1,
        ("bulk", "gone", "failed"): 1,
    })  # fmt: skip
    figures.reports["gate-1"] = Histogram((5.0,))
    figures.reports["gate-1"].observe(4.0)
    figures.commits.observe(0.005)
    ago = Instant(NOW - 90 * SECOND_US)
    waits = [
        Waits(bound=True, modem="gate-1", route="", class_="bulk", count=2, since=ago),
        Waits(bound=False, modem="", route="east", class_="bulk", count=7, since=ago),
        Waits(bound=False, modem="", route="", class_="otp", count=1, since=ago),
    ]
    figures.standing = replace(
        figures.standing, waits=tuple(waits), scheduled={"otp": 3}, doubtful={"alarm": 1}
    )


async def test_every_family_is_told_and_nothing_else_of_ours(api: Api) -> None:
    everything(api)
    given = HookSettings(name="pump", to=("+491701234567",), text="x")
    api.app[DEPS].hooks["pump"] = Hook(given)  # type: ignore[index]
    await api.send()
    await api.send(400, text="")
    told = await scrape(api)
    ours = {name for name in told.names() if name.startswith("airpost_")}
    assert ours == set(FAMILIES)
    assert "process_cpu_seconds_total" in told.names()
    heads = [line for line in told.text.splitlines() if line.startswith("# TYPE ")]
    assert len(heads) == len(set(heads))


async def test_values_are_those_of_pool_store_and_callers(api: Api) -> None:
    everything(api)
    await api.send(400, text="")
    told = await scrape(api)
    one, otp = {"modem": "gate-1"}, {"modem": "gate-1", "class": "otp"}
    assert told["airpost_modem_state", one | {"state": "ready"}] == 1
    assert told["airpost_modem_state", one | {"state": "absent"}] == 0
    assert told["airpost_modem_takes", one] == 1
    assert told["airpost_modem_signal_dbm", one] == -73
    assert told["airpost_modem_last_proof_timestamp_seconds", one] == NOW / SECOND_US
    assert told["airpost_sim_memory_used_places", one] == 3
    assert told["airpost_sim_credit_low", one] == 1
    assert told["airpost_sim_limit_used_parts", one | {"limit": "day"}] == 200
    assert told["airpost_sim_limit_closed", one] == 1
    assert told["airpost_promised_urgent_parts_per_minute", {"route": "default"}] == 40
    assert (
        told["airpost_promised_urgent_beside_bulk_parts_per_minute", {"route": "default"}] == 11.8
    )
    assert told["airpost_attempts_total", otp | {"result": "taken"}] == 5
    assert told["airpost_queue_wait_seconds_bucket", otp | {"le": "2.0"}] == 1
    assert told["airpost_queue_wait_seconds_bucket", otp | {"le": "1.0"}] == 0
    assert told["airpost_cmgs_seconds_sum", one] == 2.4
    assert told["airpost_report_seconds_count", one] == 1
    assert told["airpost_accepted_messages_total", {"class": "otp"}] == 6
    assert told["airpost_messages_total", otp | {"state": "sent"}] == 4
    assert (
        told["airpost_messages_total", {"modem": "gone", "class": "bulk", "state": "failed"}] == 1
    )
    assert told["airpost_resends_total", otp | {"what": "part"}] == 1
    assert told["airpost_resends_total", otp | {"what": "message"}] == 2
    assert told["airpost_possible_duplicates_total", otp] == 3
    assert told["airpost_received_messages_total", one | {"what": "partial"}] == 1
    assert told["airpost_modem_queue_messages", one | {"class": "bulk"}] == 2
    assert told["airpost_modem_queue_oldest_seconds", one | {"class": "bulk"}] == 90
    east = {"route": "east", "modem": "", "class": "bulk"}
    assert told["airpost_backlog_messages", east] == 7
    assert told["airpost_held_oldest_seconds", {"class": "otp"}] == 90
    assert told["airpost_scheduled_messages", {"class": "otp"}] == 3
    assert told["airpost_uncertain_messages", {"class": "alarm"}] == 1
    assert told["airpost_store_commit_seconds_count", {}] == 1
    assert told["airpost_store_queue_requests", {"queue": "intake"}] == 3
    assert told["airpost_http_problems_total", {"type": "empty-text"}] == 1
    refused = {"method": "POST", "route": "/v1/messages", "status": "400"}
    assert told["airpost_http_requests_total", refused] == 1


async def test_what_can_happen_is_at_0_before_it_first_does(api: Api) -> None:
    """Else a monitor sees no rise when it does: what begins with a 1 has not risen."""
    told = await scrape(api)
    one = {"modem": "gate-1"}
    for class_ in MessageClass:
        for labels in (one, {"modem": ""}):
            for state in ("sent", "delivered", "failed", "expired", "cancelled", "uncertain"):
                given = labels | {"class": class_.value, "state": state}
                assert told["airpost_messages_total", given] == 0
        assert told["airpost_possible_duplicates_total", one | {"class": class_.value}] == 0
        for result in RESULTS:
            given = one | {"class": class_.value, "result": result}
            assert told["airpost_attempts_total", given] == 0
    assert {each.value for each in (SegmentEvent.TAKEN, SegmentEvent.TRANSIENT,
            SegmentEvent.PERMANENT, SegmentEvent.UNKNOWN)} < set(RESULTS)  # fmt: skip
    assert told["airpost_http_problems_total", {"type": "store-unavailable"}] == 0
    assert told["airpost_accepted_messages_total", {"class": "otp"}] == 0


async def test_who_may_ask(keyed: Api) -> None:
    await keyed.call("GET", "/metrics", 401)
    for at, (scope, may) in enumerate(
        {"read": False, "send": False, "metrics": True, "read:all": True, "admin": True}.items()
    ):
        headers = keyed.store.new_key("monitor", scope, key_id=f"key{at}abc")
        if may:
            await scrape(keyed, headers=headers)
        else:
            await keyed.call("GET", "/metrics", 403, headers=headers)
    headers = keyed.store.new_key("monitor", "metrics", key_id="only1abc")
    await keyed.call("GET", "/v1/messages", 403, headers=headers)
    await keyed.call("GET", "/v1/modems", 403, headers=headers)


async def test_a_store_that_cannot_be_asked_costs_its_own_figures_alone(api: Api) -> None:
    everything(api)
    api.store.unavailable = "the disk is full"
    api.store.keeping.figures.raises = StoreUnavailable("the disk is full")
    told = await scrape(api)
    assert told["airpost_store_up", {}] == 0
    assert told["airpost_store_figures_up", {}] == 0
    assert told["airpost_messages_total", {"modem": "gate-1", "class": "otp", "state": "sent"}] == 4
    assert not any(
        name.startswith(("airpost_backlog", "airpost_store_file")) for name in told.names()
    )


async def test_a_store_that_is_long_about_something_is_not_waited_for(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    figures = api.store.keeping.figures
    figures.gate = asyncio.Event()
    for _ in range(2):
        assert (await scrape(api))["airpost_store_figures_up", {}] == 0
    assert figures.looks == 1  # the second one waits for the first look
    figures.gate.set()
    await asyncio.sleep(0.01)
    assert (await scrape(api))["airpost_store_figures_up", {}] == 1
    assert figures.looks == 2  # what the first has found is of then


async def test_two_monitors_at_once_share_an_answer_and_one_may_hang_up(api: Api) -> None:
    figures = api.store.keeping.figures
    figures.gate = asyncio.Event()
    scrapes = api.app[SCRAPES]
    first, second = (spawn(scrapes.text(), name="scrape") for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    figures.gate.set()
    assert b"airpost_info" in await second
    assert figures.looks == 1


async def test_other_turns_of_the_loop_go_between_the_pieces(api: Api) -> None:
    for at in range(64):
        name = Lane(f"gate-{at}")
        api.pool.views[name] = replace(modem_view(), lane=name)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    busy = spawn(others(), name="others")
    text = await api.app[SCRAPES].text()
    busy.cancel()
    assert turns > text.count(b"\n") / (PIECE + 20)  # a histogram is not cut


async def test_connections_and_what_other_services_tell(api: Api) -> None:
    def collect() -> Iterator[Metric]:
        yield GaugeMetricFamily("airpost_odd", "odd", value=7)

    deps = replace(api.app[DEPS], collectors=(collect,), connections=lambda: Connections(2, 500, 1))
    told = Told((await Scrapes(deps, api.app[TRAFFIC], api.app[STREAMS]).text()).decode())
    assert told["airpost_odd", {}] == 7
    assert told["airpost_http_connections", {}] == 2
    assert told["airpost_http_connections_limit", {}] == 500
    assert told["airpost_http_connections_refused_total", {}] == 1
    assert api.server.connections == Connections(0, 500, 0)


async def test_every_state_of_a_modem_has_its_value(api: Api) -> None:
    for state in UnitState:
        view: ModemView = modem_view(state=state)
        api.pool.views[Lane("gate-1")] = view
        told = await scrape(api)
        on = [each for each in UnitState
              if told["airpost_modem_state", {"modem": "gate-1", "state": each.value}]]  # fmt: skip
        assert on == [state]
        assert told["airpost_modem_takes", {"modem": "gate-1"}] == view.takes
