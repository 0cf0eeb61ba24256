"""`airpost doctor`: exit codes, --json, --fix, --bundle, with the service and without."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from airpost.errors import CommandFailed
from airpost.model import Lane, Way, WireLine
from tests.daemon.cli.conftest import Service, run
from tests.daemon.doctor.tree import Machine, write
from tests.services.http.fakes import NOW, modem_view

SECRETS = ("490154203237518", "89490200001234567890", "1701234567", "meet me at nine", "hunter2",
           "262011234567890", "4711", "491705555555")  # fmt: skip
HEALTHY = {
    "AT+CGSN": ("490154203237518",),
    "AT+CGMI": ("Quectel",),
    "AT+CGMM": ("EC25",),
    "AT+CPIN?": ("+CPIN: READY",),
    "AT+CSCA?": ('+CSCA: "+491701234567",145',),
    "AT+CPMS?": ('+CPMS: "ME",1,99,"ME",1,99,"ME",1,99',),
    "AT+CNMI=?": ("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)",),
    "AT+CNMI?": ("+CNMI: 2,1,0,1,0",),
    "AT+CREG?": ("+CREG: 1,1",),
    "AT+CEREG?": ("+CEREG: 0,1",),
    "AT+CSQ": ("+CSQ: 20,99",),
    "AT+COPS?": ('+COPS: 0,0,"Net",7',),
    "AT+CFUN?": ("+CFUN: 1",),
    "AT+QPINC?": ('+QPINC: "SC",3,10',),
}


@pytest.fixture
def box(tmp_path: Path) -> Machine:
    """A machine where everything is as it should be."""
    machine = Machine(tmp_path / "box")
    write(machine.root / "etc" / "udev" / "rules.d" / "60-airpost.rules", "")
    machine.port("ttyX")
    (machine.root / "dev" / "ttyX").chmod(0o666)
    return machine


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write(tmp_path / "sim1.pin", "4711")
    text = (
        '[store]\nurl = "sqlite:///airpost.db"\n[[modem]]\nname = "gate-1"\nport = "/dev/ttyX"\n'
        'pin_file = "sim1.pin"\nsmsc = "+491701234567"\nnumber = "+491705555555"\n'
    )
    return write(tmp_path / "airpost.toml", text)


def healthy(service: Service) -> None:
    service.pool.answers |= HEALTHY
    service.pool.views[Lane("gate-1")] = modem_view(
        imei="490154203237518", sim_id="89490200001234567890", imsi="262011234567890",
        number="+491705555555", smsc="+491701234567", last_error="+491701234567 is busy",
    )  # fmt: skip
    service.pool.wires[Lane("gate-1")] = (
        WireLine(at=NOW, way=Way.RECEIVED, text='+CMT: "+49…67","Alice"'),
        WireLine(at=NOW, way=Way.RECEIVED, text="meet me at nine"),
    )


def where(box: Machine, config: Path) -> list[str]:
    return ["--config", str(config), "--root", str(box.root)]


def errors(found: list[Any]) -> list[tuple[str, str]]:
    return [(f["check"], f["subject"]) for f in found if f["severity"] == "error"]


def test_all_is_well(service: Service, box: Machine, config: Path) -> None:
    healthy(service)
    found = service.json("doctor", *where(box, config))
    assert errors(found) == []
    assert {each["check"] for each in found} >= {"service", "sim", "smsc", "store", "network"}
    text = service.run("doctor", *where(box, config)).stdout
    assert "0 errors" in text
    assert "the service centre is +49…67" in text


def test_what_is_wrong_ends_it_with_1(service: Service, box: Machine, config: Path) -> None:
    healthy(service)
    service.pool.answers["AT+CPIN?"] = CommandFailed("CME", 10, "10")
    found = service.json("doctor", *where(box, config), code=1)
    assert errors(found) == [("sim", "gate-1")]
    text = service.run("doctor", *where(box, config), code=1).stdout
    assert "ERROR   gate-1: there is no SIM" in text


def test_only_questions_are_asked(service: Service, box: Machine, config: Path) -> None:
    healthy(service)
    service.json("doctor", *where(box, config))
    from airpost.services.http.caution import objection

    assert service.pool.asked
    assert [text for _, text in service.pool.asked if objection(text)] == []


def test_nothing_is_changed_without_fix(service: Service, box: Machine, config: Path) -> None:
    healthy(service)
    rule = box.root / "etc" / "udev" / "rules.d" / "60-airpost.rules"
    rule.unlink()
    device = box.device("1-1", "2c7c:0125", "ttyUSB0", power__control="auto")
    control = device / "power" / "control"
    found = {f["check"]: f for f in service.json("doctor", *where(box, config))}
    assert " -m airpost.modem.udevrules | sudo tee " in found["udev"]["fix"]
    assert (control.read_text(), rule.exists()) == ("auto\n", False)
    found = {f["check"]: f for f in service.json("doctor", "--fix", *where(box, config))}
    assert found["udev"]["fixed"].startswith("done")
    assert control.read_text() == "on"
    assert "ID_MM_DEVICE_IGNORE" in rule.read_text()
    checks = {f["check"] for f in service.json("doctor", *where(box, config))}
    assert checks.isdisjoint({"udev", "autosuspend"})


def test_without_the_service(box: Machine, config: Path, tmp_path: Path) -> None:
    (box.root / "dev" / "ttyX").unlink()
    nobody = ("--url", f"unix:{tmp_path / 'nobody'}")
    found = run("doctor", "--json", *where(box, config), *nobody, code=1).stdout.splitlines()
    checks = {each["check"]: each for each in map(json.loads, found)}
    assert "not running" in checks["service"]["what"]
    assert checks["port"]["subject"] == "gate-1 /dev/ttyX"


def test_a_configuration_with_a_mistake(service: Service, box: Machine, tmp_path: Path) -> None:
    config = write(tmp_path / "wrong.toml", "[stor]\n")
    found = service.json("doctor", *where(box, config), code=1)
    assert ("config", "airpost.toml") in errors(found)


def test_the_support_archive_tells_nothing_private(
    service: Service, box: Machine, config: Path, tmp_path: Path
) -> None:
    healthy(service)
    path = tmp_path / "support.tar.gz"
    service.run("doctor", "--bundle", str(path), *where(box, config))
    content: dict[str, str] = {}
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            content[member.name.partition("/")[2]] = file.read().decode()
    assert content.keys() == {"about.json", "config.json", "findings.json", "log.txt",
                              "modems.json", "service.json", "trace/gate-1.txt"}  # fmt: skip
    whole = "\n".join(content.values())
    assert [secret for secret in SECRETS if secret in whole] == []
    (modem,) = json.loads(content["modems.json"])
    assert modem["state"] == "ready"
    assert json.loads(content["service.json"])["store"]["counts"] == {"queued": 0}
    assert json.loads(content["config.json"])["modem"][0]["pin_file"] == "sim1.pin"
    again = service.run("doctor", "--bundle", str(path), *where(box, config), code=2)
    assert "is there already" in again.stderr
