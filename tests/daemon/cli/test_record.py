"""`airpost record`: by the port, through the service, and back into hw-sim."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpost.daemon.cli.record import _id
from airpost.errors import CommandFailed
from hwsim.transcript import read_steps
from tests.daemon.cli.conftest import Service, run
from tests.system.processes import Sim


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Sim]:
    opened = Sim(tmp_path / "sim", 1, "--personality", "quectel-ec25-like")
    yield opened
    opened.close()


@pytest.mark.slow
def test_by_the_port(sim: Sim, tmp_path: Path) -> None:
    (before,) = sim.do("modems")
    out = tmp_path / "record.json"
    nobody = f"unix:{tmp_path / 'nobody'}"
    run("record", sim.ports[0], "-o", str(out), "--url", nobody)
    text = out.read_text()
    made = json.loads(text)
    assert (made["vendor"], made["model"], made["fidelity"]) == ("Quectel", "EC25", "bytes")
    assert made["id"] == "record-quectel-ec25"
    assert made["basis"] == "simulated"
    assert "no evidence for any hardware" in made["notes"]
    for secret in (before["imei"], before["iccid"], before["number"].lstrip("+")):
        assert secret not in text
        assert secret[4:] not in text
    sent = [step["send"] for step in made["steps"] if "send" in step]
    assert {"AT+CGMM\r", "AT+CNMI=?\r", "AT+QPINC?\r"} <= set(sent)
    assert len(read_steps(made["steps"])) == len(sent)
    # What was recorded is what a modem that plays it back says.
    sim.do("replay", modem="modem0", steps=made["steps"])
    again = tmp_path / "again.json"
    run("record", sim.ports[0], "-o", str(again), "--url", nobody)
    assert json.loads(again.read_text())["steps"] == made["steps"]
    assert "is there already" in run("record", sim.ports[0], "-o", str(out), code=2).stderr


def test_through_the_service(service: Service) -> None:
    service.pool.answers |= {
        "AT+CGMI": ("Quectel",),
        "AT+CGMM": ("EC25",),
        "AT+CGSN": ("490154203237518",),
        "AT+CPIN?": CommandFailed("CME", 10, "10"),
    }
    made = json.loads(service.run("record", "gate-1").stdout)
    assert (made["fidelity"], made["basis"]) == ("lines", "unknown")  # its port is not here
    assert {"recv": ["\r\n490000000000000\r\n\r\nOK\r\n"]} in made["steps"]
    assert {"recv": ["\r\n+CME ERROR: 10\r\n"]} in made["steps"]
    assert read_steps(made["steps"])


def test_no_port(tmp_path: Path) -> None:
    nobody = f"unix:{tmp_path / 'nobody'}"
    done = run("record", str(tmp_path / "nowhere"), "--url", nobody, code=1)
    assert "no such port" in done.stderr


def test_names() -> None:
    assert _id("HUAWEI Technologies", "E173 / a") == "record-huawei-technologies-e173-a"
    assert _id(None, None) == "record-unknown-modem"
