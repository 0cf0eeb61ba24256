"""Dashboard, alert rules and documents name the metrics there are, and Prometheus can read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airpost.pool.tally import WAIT_S
from airpost.services.http.families import FAMILIES, Kind
from airpost.services.http.metrics import HOOKED, RESULTS, TRIES

DOCS = Path(__file__).resolve().parent.parent / "docs"
FOLDER = DOCS / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "airpost.dashboard.json").read_text("utf-8"))
RULES = (FOLDER / "airpost.rules.yml").read_text("utf-8")
TESTS = sorted(path.name for path in FOLDER.glob("*.test.yml"))
RULE_TESTS = "".join((FOLDER / name).read_text("utf-8") for name in TESTS)
SUFFIXES = {Kind.GAUGE: ("",), Kind.COUNTER: ("",), Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}
FROM_OUTSIDE = {"instance", "job"}  # what Prometheus adds
SELECTOR = re.compile(r"\b(airpost_\w+)(?:\{([^}]*)\})?")
# Values that are ours; every other label holds names of modems, routes and the like.
VALUES = {
    "class": {"otp", "alarm", "normal", "bulk"},
    "result": {*RESULTS, *TRIES, *HOOKED},
    "what": {"part", "message", "whole", "partial"},
}


def known() -> dict[str, set[str]]:
    """Labels by the name of each series."""
    return {
        family.name + suffix: {*family.labels, *(["le"] if suffix == "_bucket" else [])}
        for family in FAMILIES.values()
        for suffix in SUFFIXES[family.kind]
    }


def panels() -> Iterator[dict[str, Any]]:
    return (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def wrong(text: str) -> list[str]:
    """Names that are none, and labels and values that they do not have."""
    found = []
    for name, selector in SELECTOR.findall(text):
        if name not in known():
            found.append(name)
            continue
        for label, value in re.findall(r'(\w+)\s*(?:=~|!=|=|!~)\s*"([^"]*)"', selector):
            if label not in known()[name] | FROM_OUTSIDE:
                found.append(f"{name}: {label}")
            odd = set(value.split("|")) - VALUES.get(label, set(value.split("|")))
            found += [f"{name}: {label} {each}" for each in odd if not each.startswith("$")]
    return found


@pytest.mark.parametrize("text", [*expressions(), RULES, RULE_TESTS], ids=lambda text: text[:40])
def test_only_series_that_exist_are_asked_for(text: str) -> None:
    assert wrong(text) == []


def test_the_check_itself_finds_what_is_wrong() -> None:
    assert wrong("sum(airpost_modem_mood)") == ["airpost_modem_mood"]
    assert wrong('airpost_prompt_seconds_bucket{class="otp"}') == [
        "airpost_prompt_seconds_bucket: class"
    ]
    assert wrong('airpost_messages_total{class="urgent"}') == [
        "airpost_messages_total: class urgent"
    ]
    assert wrong("airpost_prompt_seconds") == ["airpost_prompt_seconds"]


def test_what_a_rule_asks_of_a_bucket_is_one_of_its_bounds() -> None:
    bucket = re.compile(r'airpost_queue_wait_seconds_bucket\{[^}]*le="([^"]*)"')
    asked = bucket.findall("".join((RULES, *expressions())))
    assert asked
    assert {float(each) for each in asked} <= set(WAIT_S)


def test_nearly_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    used = {name for text in (*expressions(), RULES) for name, _ in SELECTOR.findall(text)}
    used |= {query["query"]["query"] for query in DASHBOARD["templating"]["list"][1:]}
    left = [name for name in FAMILIES if not any(name in each for each in used)]
    assert left == ["airpost_modem_since_timestamp_seconds", "airpost_modem_stalled",
                    "airpost_sim_limit_closed", "airpost_promised_modems"]  # fmt: skip


def test_the_document_holds_the_table_of_the_code() -> None:
    text = (DOCS / "MONITORING.md").read_text("utf-8")
    missing = [row for row in table() if row not in text]
    assert missing == []


def table() -> Iterator[str]:
    for family in FAMILIES.values():
        labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
        yield f"| `{family.name}` | {family.kind.value} | {labels} | {family.words} |"


def test_a_dashboard_that_grafana_can_import() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == [
        "datasource", "instance", "modem",
    ]  # fmt: skip


def test_every_alert_is_seen_to_fire() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES))
    fired = set(re.findall(r"- alertname: (\w+)\n\s+eval_time: \S+\n\s+exp_alerts:\n", RULE_TESTS))
    assert fired == alerts


# -- what Prometheus itself says -----------------------------------------------------------------
def promtool(*given: str, where: Path = FOLDER) -> str:
    if shutil.which("promtool") is None:
        pytest.skip("needs the Debian package prometheus")
    done = subprocess.run(
        ["promtool", *given], cwd=where, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules_and_their_tests_pass() -> None:
    assert "SUCCESS" in promtool("check", "rules", "airpost.rules.yml")
    promtool("test", "rules", *TESTS)


def test_promtool_takes_the_configuration_and_every_expression_of_the_dashboard(
    tmp_path: Path,
) -> None:
    for name in ("prometheus.yml", "airpost.rules.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    key = tmp_path / "airpost.key"
    key.write_text("ap_abcd_secret")
    config = tmp_path / "prometheus.yml"
    config.write_text(config.read_text("utf-8").replace("/etc/prometheus/airpost.key", str(key)))
    promtool("check", "config", "prometheus.yml", where=tmp_path)
    lines = ["groups:", "- name: dashboard", "  rules:"]
    for at, each in enumerate(expressions()):
        filled = each.replace("$__rate_interval", "1m")
        lines += [f"  - record: panel_{at}", f"    expr: {json.dumps(filled)}"]
    (tmp_path / "panels.yml").write_text("\n".join(lines) + "\n")
    assert "SUCCESS" in promtool("check", "rules", "panels.yml", where=tmp_path)
