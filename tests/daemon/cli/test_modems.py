"""`airpost modems`."""

from __future__ import annotations

import json
from pathlib import Path

from airpost.model import Lane
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import modem_view


def test_the_list(service: Service) -> None:
    service.pool.views[Lane("gate-1")] = modem_view(signal_dbm=-71, stalled=True, operator="Net")
    text = service.run("modems").stdout
    assert "gate-1" in text
    assert "-71 dBm" in text
    assert "ready (stalled)" in text
    (modem,) = service.json("modems")
    assert modem["operator"] == "Net"


def test_what_is_supported_needs_no_service() -> None:
    text = run("modems", "--supported").stdout
    assert "zte: ZTE sticks (public record)" in text
    assert "ports of 2c7c:0128: at 05, diag 03, nmea 04" in text
    rows = [json.loads(line) for line in run("modems", "--supported", "--json").stdout.splitlines()]
    telit = next(row for row in rows if row["name"] == "telit")
    assert {"ids": "1bc7:1003", "roles": "at 00, spare 02"} in telit["ports"]
    assert run("modems", "--supported", "--markdown").stdout.startswith("# Supported modems\n")


def test_own_profiles_are_checked_and_a_mistake_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\ntitle = "Own"\nevidence = "simulated"\nmatch = [{ vid = "0001" }]'
    )
    assert (
        "own: Own (simulated)" in run("modems", "--supported", "--profiles", str(tmp_path)).stdout
    )
    own.write_text(own.read_text() + "\ninits = []")
    done = run("modems", "--supported", "--profiles", str(tmp_path), code=1)
    assert f"refused: {own}: inits: is unknown" in done.stderr
    assert "zte:" in done.stdout


def test_what_goes_with_supported_alone() -> None:
    run("modems", "--markdown", code=2)
