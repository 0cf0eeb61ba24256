"""`airpost modems`."""

from __future__ import annotations

from airpost.model import Lane
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import modem_view


def test_the_list(service: Service) -> None:
    service.pool.views[Lane("gate-1")] = modem_view(signal_dbm=-71, stalled=True, operator="Net")
    text = service.run("modems").stdout
    assert "gate-1" in text
    assert "-71 dBm" in text
    assert "ready (stalled)" in text
    (modem,) = service.json("modems")
    assert modem["operator"] == "Net"
