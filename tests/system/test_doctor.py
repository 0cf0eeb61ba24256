"""Twelve causes at once, each on a modem of its own: the doctor names them through the service."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client
from airpost.daemon.cli.main import main as cli
from airpost.daemon.doctor.examination import Given, examine
from airpost.daemon.doctor.finding import Finding, Severity
from airpost.daemon.doctor.roots import Roots
from airpost.modem.profiles import load_profiles
from hwsim.card import Slot
from hwsim.modem import SimModem
from hwsim.pool import SimPool
from tests.daemon.cli.conftest import run
from tests.system.house import House
from tests.system.processes import running, wait_for
from tests.virtual import VirtualLoop, run_virtual
from tests.wires import watched

PHONE = "+491701234567"
CAUSES = 12
# Modem → (check, words) that name its cause.
NAMED = {
    "gate-1": ("sim", "no SIM"),
    "gate-2": ("sim", "wants its PIN; 3 tries are left"),
    "gate-3": ("sim", "PUK"),
    "gate-4": ("network", "searching for a network"),
    "gate-5": ("network", "denied"),
    "gate-6": ("credit", "no credit"),
    "gate-7": ("smsc", "no service centre"),
    "gate-8": ("store", "nothing more comes in"),
    "gate-9": ("modem", "right port"),
    "gate-10": ("holder", "held by another program"),
    "gate-11": ("power", "voltage is too low"),
    "gate-12": ("sending", "message service is dead"),
}
HOLDER = """
import fcntl, sys, time
port = open(sys.argv[1], "rb+", 0)
fcntl.flock(port, fcntl.LOCK_EX)
print(flush=True)
time.sleep(600)
"""


def sicken(modems: list[SimModem]) -> None:
    """What can be wrong before anybody looks."""
    modems[0].faults.set("sim_removed")
    modems[1].card.lock("4711")
    modems[2].card.lock("4711")
    modems[2].card.pin_tries = 0
    modems[3].faults.set("not_registered", stat=2)
    modems[4].faults.set("not_registered", stat=3)
    modems[5].faults.set("cms_error", code=21)
    modems[6].faults.set("smsc_lost")
    modems[7].faults.set("delete_ignored")
    while modems[7].card.sms.add(Slot(pdu="00", length=0)) is not None:
        pass
    modems[8].faults.set("silence")
    modems[11].faults.set("no_final", verb="+CMGS", lost=True)


@contextmanager
def held(port: Path) -> Iterator[int]:
    """Another program has the port open and locked; its process id."""
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(port)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    try:
        yield other.pid
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


async def starve(modem: SimModem) -> None:
    """It complains and restarts, twice."""
    for _ in range(2):
        modem.urc("UNDER-VOLTAGE WARNNING")
        await asyncio.sleep(1)
        modem.restart()
        modem.urc("RDY")
        await asyncio.sleep(10)


async def diagnose(house: House, folder: Path) -> dict[str, list[Finding]]:
    """The errors of each modem."""
    client = Client(f"unix:{folder / 'http.sock'}")
    given = Given(roots=Roots(), settings=None)
    report = await examine(given, client, load_profiles(), SystemClock())
    found: dict[str, list[Finding]] = {}
    for each in report.findings:
        if each.severity is Severity.ERROR:
            found.setdefault(each.subject.split(" ")[0], []).append(each)
    assert house.daemon.parts.store.died is None
    return found


def test_twelve_causes_are_named(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        sim = SimPool(tmp_path / "modems", CAUSES, air_s=0.2)
        await sim.start()
        house = House(tmp_path, sim, loop)
        sicken(sim.modems)
        with watched(loop, sim.modems), held(sim.ports[9]):
            await house.start()
            await house.ready(3)
            await starve(sim.modems[10])
            for name in ("gate-6", "gate-12"):
                for _ in range(3):
                    await house.post(modem=name, **{"class": "otp"}, on_uncertain="hold")
            await house.until(lambda: len(sim.modems[11].sends) >= 3 and sim.modems[11].sends[-1])
            await asyncio.sleep(300)
            found = await diagnose(house, tmp_path)
            await house.stop()
        await sim.stop()
        told = {name: [(each.check, each.what) for each in found.get(name, [])] for name in NAMED}
        missed = {
            name: told[name]
            for name, (check, words) in NAMED.items()
            if not any(kind == check and words in what for kind, what in told[name])
        }
        assert missed == {}

    run_virtual(main)


@pytest.mark.slow
def test_console_record_and_archive_while_messages_go_out(tmp_path: Path) -> None:
    with running(tmp_path, 1, "--air-ms", "100", "--report-ms", "100") as (service, sim):
        url = ("--url", service.url)
        body = {"to": PHONE, "text": "meet me at nine"}
        ids = [service.client.post("/v1/messages", body)["id"] for _ in range(20)]
        asked = "AT+CSQ\nAT+CREG?\nAT+CPMS?\n" * 5
        done = run("at", "console", "gate-1", *url, text=asked)
        assert done.stdout.count("OK\n") == 15
        record = json.loads(run("record", sim.ports[0], *url).stdout)
        assert record["fidelity"] == "lines"
        wait_for(lambda: all(service.client.get(f"/v1/messages/{each}")["final"] for each in ids))
        (handset,) = {each["number"] for each in sim.do("inbox")}
        assert len(sim.do("inbox")) == len(ids), "each once"
        sim.do("reply", number=handset, text="a secret reply")
        wait_for(lambda: service.client.get("/v1/inbound")["items"])

        bundle = tmp_path / "support.tar.gz"
        config = ("--config", str(tmp_path / "airpost.toml"))
        # Not by its exit code: what is wrong with the machine under the test counts there too.
        told = CliRunner().invoke(cli, ["doctor", "--json", "--bundle", str(bundle), *config, *url])
        found = [json.loads(line) for line in told.stdout.splitlines()]
        assert [each for each in found if each["subject"] == "gate-1"
                and each["severity"] != "note"] == []  # fmt: skip
        with tarfile.open(bundle) as tar:
            files = (tar.extractfile(each) for each in tar.getmembers())
            whole = b"".join(each.read() for each in files if each is not None).decode()
        (modem,) = sim.do("modems")
        private = ("meet me", "secret", PHONE.lstrip("+"), handset.lstrip("+"), modem["imei"],
                   modem["iccid"], modem["number"].lstrip("+"))  # fmt: skip
        assert [each for each in private if each in whole + json.dumps(record)] == []
        assert "AT+CMGS=" in whole, "the wire is there"
