"""The dashboard on a real Prometheus, which has scraped a service with traffic as the docs say."""

from __future__ import annotations

import json
import math
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from airpost.errors import Refused
from tests.system.processes import Service, Sim, wait_for

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "airpost.dashboard.json").read_text("utf-8"))
MORE = """
[limits.box]
per_day = 1000
[limits.each]
per_day = 1
on_limit = "hold"
[classes.bulk]
per_recipient = "each"
[webhooks]
allow = ["127.0.0.1"]
[[hook]]
name = "pump"
to = ["+491701234567"]
text = "{{ pump }}"
get = true
token_file = "pump.token"
"""
CREDIT = 'limits = "box"\ncredit = { ussd = "*100#", pattern = "(?P<value>[0-9.]+)" }\nport ='
# As Grafana fills them in with all of a box chosen and a scrape a second.
VARIABLES = {"$__rate_interval": "4s", "$instance": ".*", "$modem": ".*"}
# What stays at nothing on a box that is well, by panel and query; everything else has to move.
QUIET = {
    ("In doubt", "A"), ("Possible duplicates, 24 h", "A"),
    ("Sent once more, and possible duplicates", "A"),
    ("Sent once more, and possible duplicates", "B"),
    ("Memory for received messages", "A"),  # it is swept
    ("Requests that wait for the store", "A"),
    ("Connections", "C"),
    ("Stream", "B"),  # nobody is cut
}  # fmt: skip
# Fields of annotations that are the data source's own, and in no schema.
ANNOTATION = {"titleFormat", "textFormat", "step"}


def missing(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Where `kept` is without something that `given` has."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                yield from missing(value, kept[name], f"{at}.{name}")
            elif not (at.startswith(".annotations") and name in ANNOTATION):
                yield f"{at}.{name}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for n, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from missing(one, other, f"{at}[{n}]")
    elif given != kept:
        yield at


def through_the_schema(dashboard: dict[str, Any]) -> list[str]:
    """Fields that Grafana's own model of dashboards, panels and queries does not know."""
    register_default_plugins()
    kept = JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard))
    return list(missing(dashboard, json.loads(kept)))


def test_every_field_of_the_dashboard_is_one_of_grafanas() -> None:
    assert through_the_schema(DASHBOARD) == []
    spoilt = json.loads(json.dumps(DASHBOARD))
    spoilt["panels"][1]["options"]["colourMode"] = "background"
    spoilt["panels"][1]["targets"][0]["query"] = "up"
    assert through_the_schema(spoilt) == [
        ".panels[1].options.colourMode", ".panels[1].targets[0].query",
    ]  # fmt: skip


class Prometheus:
    """A real one, with `docs/monitoring/prometheus.yml`, that looks every second."""

    def __init__(self, folder: Path, target: str, key: str) -> None:
        folder.mkdir()
        shutil.copy(FOLDER / "airpost.rules.yml", folder)
        (folder / "airpost.key").write_text(key)
        config = (FOLDER / "prometheus.yml").read_text("utf-8")
        for what, by in (("scrape_interval: 15s", "scrape_interval: 1s"),
                         ("127.0.0.1:8775", target),
                         ("/etc/prometheus/airpost.key", str(folder / "airpost.key"))):  # fmt: skip
            assert what in config
            config = config.replace(what, by)
        (folder / "prometheus.yml").write_text(config)
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
                 f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"],
                stdout=log, stderr=log,
            )  # fmt: skip
        self._address = wait_for(self._listens)[1]
        # It looks at its targets some five seconds after its start.
        wait_for(lambda: [each["health"] for each in self.targets()] == ["up"])

    def _listens(self) -> re.Match[str] | None:
        assert self._process.poll() is None, self._log.read_text()
        return re.search(r'msg="Listening on" address=(\S+)', self._log.read_text())

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.asked("targets")["activeTargets"]
        return found

    def asked(self, path: str, **query: Any) -> Any:
        with urlopen(f"http://{self._address}/api/v1/{path}?{urlencode(query)}") as answer:
            return json.load(answer)["data"]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def box(folder: Path) -> Iterator[tuple[Service, Sim, str]]:
    """A service with everything that a panel tells of, and its address for TCP."""
    sim = Sim(folder / "sim", 2, "--air-ms", "300", "--report-ms", "200")
    service = Service(folder, sim.ports)
    (folder / "pump.token").write_text("the-token-of-the-pump")
    config = folder / "airpost.toml"
    text = config.read_text().replace('http.sock"]', 'http.sock", "127.0.0.1:0"]')
    config.write_text(text.replace("port =", CREDIT) + MORE)
    service.start()
    try:
        for at in range(2):
            sim.do("ussd", modem=f"modem{at}", code="*100#", text="Balance 12.34")
        service.up(2)
        found = re.search(r"http\.listening at=\S*http://([0-9.:]+)", service.log())
        assert found is not None, service.log()
        yield service, sim, found[1]
    finally:
        service.close()
        sim.close()


def traffic(service: Service, sim: Sim) -> None:
    """Some of everything, for a few seconds."""
    client = service.client
    client.post("/v1/webhooks", {"url": "http://127.0.0.1:9/", "types": ["message.*"]})
    for n in range(2):  # more than a day allows
        client.post("/v1/messages", {"to": "+491702", "text": f"held {n}", "class": "bulk"})
    to = [f"+49170{n:07}" for n in range(30)]
    client.post("/v1/batches", {"to": to, "text": "all", "class": "bulk"})
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    client.post("/v1/messages", {"to": "+491701", "text": "later", "send_at": tomorrow})
    with pytest.raises(Refused):
        client.post("/v1/messages", {"to": "", "text": "x"})
    sent = []
    for n in range(4):
        for class_ in ("otp", "alarm", "normal"):
            body = {"to": "+491701234567", "text": f"{class_} {n}", "class": class_, "report": True}
            sent.append(client.post("/v1/messages", body)["id"])
        client.get("/hooks/get/pump/the-token-of-the-pump", {"pump": n})
        sim.do("reply", number="+491701234567", text=f"reply {n}", to="+4915550000000")
        time.sleep(0.8)  # noqa: TID251 - Prometheus is to see it happen
    wait_for(lambda: all(client.get(f"/v1/messages/{each}")["final"] for each in sent))


@pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="needs the Debian package prometheus"
)
def test_every_panel_tells_something_of_a_box_with_traffic(tmp_path: Path) -> None:
    with box(tmp_path) as (service, sim, address):
        key = service.client.post("/v1/keys", {"name": "monitor", "scopes": ["metrics"]})["token"]
        prometheus = Prometheus(tmp_path / "prometheus", address, key)
        began_s = time.time()
        try:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.connect(str(tmp_path / "http.sock"))
                stream.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
                traffic(service, sim)
            found = told(prometheus, began_s)
            rules = [each for group in prometheus.asked("rules")["groups"]
                     for each in group["rules"]]  # fmt: skip
            targets = prometheus.targets()
            choices = {name: prometheus.asked(f"label/{label}/values", **{"match[]": series})
                       for name, series, label in variables()}  # fmt: skip
            for each in DASHBOARD["annotations"]["list"]:
                prometheus.asked("query", query=each["expr"])  # no alert has had time to fire
        finally:
            prometheus.close()
    assert [each["health"] for each in targets] == ["up"], targets
    assert choices == {"instance": [address], "modem": ["gate-1", "gate-2"]}
    assert {each.get("lastError", "") for each in rules} == {""}
    assert {at for at, values in found.items() if not values} == set()
    assert {at for at, values in found.items() if not any(values)} - QUIET == set()


def variables() -> Iterator[tuple[str, ...]]:
    """Name, series and label of what one may choose, as Grafana asks for it."""
    for each in DASHBOARD["templating"]["list"][1:]:
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", each["query"]["query"])
        assert asked is not None
        yield each["name"], asked[1].replace("$instance", ".*"), asked[2]


def told(prometheus: Prometheus, since_s: float) -> dict[tuple[str, str], list[float]]:
    """What each query of each panel had to tell: every value that is a number."""
    found = {}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            answer = prometheus.asked(
                "query_range", query=expr, start=since_s, end=time.time(), step=1
            )
            values = [float(value) for series in answer["result"] for _, value in series["values"]]
            found[panel["title"], target["refId"]] = [v for v in values if math.isfinite(v)]
    return found
