"""The whole examination without the service: ports opened, modems asked, causes named."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest

from airpost.clock import SystemClock
from airpost.daemon.cli.client import Client
from airpost.daemon.config.settings import ModemSettings, Settings, SmsSettings, StoreSettings
from airpost.daemon.doctor.examination import Given, Report, examine
from airpost.daemon.doctor.finding import Severity
from airpost.daemon.doctor.roots import Roots
from airpost.model import Lane
from airpost.modem.profiles import load_profiles
from airpost.services.http.settings import HttpSettings
from hwsim.card import Slot
from hwsim.pool import SimPool
from tests.daemon.doctor.conftest import Sims
from tests.daemon.doctor.tree import Machine


def given(folder: Path, *ports: Path) -> Given:
    settings = Settings(
        store=StoreSettings(path=folder / "airpost.db"),
        http=HttpSettings(),
        sms=SmsSettings(),
        modems=tuple(
            ModemSettings(name=Lane(f"gate-{at}"), port=str(port))
            for at, port in enumerate(ports, 1)
        ),
    )
    return Given(roots=Roots(), settings=settings)


async def report(folder: Path, what: Given) -> Report:
    with Client(f"unix:{folder / 'nobody'}") as client:
        return await examine(what, client, load_profiles(), SystemClock())


async def grave(folder: Path, pool: SimPool) -> set[tuple[str, str]]:
    """(check, subject) of every error about modems and their ports."""
    found = (await report(folder, given(folder, *pool.ports))).findings
    machine = {"clock", "disk", "udev", "service", "hub-power", "mode"}
    return {(f.check, f.subject.split(" ")[0]) for f in found
            if f.severity is Severity.ERROR and f.check not in machine}  # fmt: skip


async def test_modems_that_are_well_and_what_is_wrong_with_others(
    sims: Sims, tmp_path: Path
) -> None:
    async with sims(*["generic"] * 6) as pool:
        well, locked, none, lost, full, denied = pool.modems
        locked.card.lock("4711")
        none.faults.set("sim_removed")
        lost.faults.set("smsc_lost")
        denied.faults.set("not_registered", stat=3)
        while full.card.sms.add(Slot(pdu="00", length=0)) is not None:
            pass
        assert well.counts == {}
        found = await grave(tmp_path, pool)
    assert found == {
        ("sim", "gate-2"),
        ("sim", "gate-3"),
        ("smsc", "gate-4"),
        ("store", "gate-5"),
        ("network", "gate-6"),
    }


async def test_a_port_held_by_another_program_is_not_opened(sims: Sims, tmp_path: Path) -> None:
    async with sims("generic") as pool:
        with pool.ports[0].open("rb", buffering=0) as port:
            other = await asyncio.create_subprocess_exec("cat", stdin=port, stdout=DEVNULL)
        try:
            what = await report(tmp_path, given(tmp_path, *pool.ports))
        finally:
            other.terminate()
            await other.wait()
        assert pool.modems[0].counts == {}
    (found,) = [each for each in what.findings if each.check == "holder"]
    assert f"cat (process {other.pid})" in found.what
    assert found.fix == f"sudo kill {other.pid}"


async def test_a_modem_that_nobody_has_named_is_found_and_asked(sims: Sims, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "box")
    machine.device("1-1.4", "2c7c:0125", "ttyUSB2")
    async with sims("quectel-ec25-like") as pool:
        port = machine.root / "dev" / "ttyUSB2"
        port.unlink()
        port.symlink_to(pool.ports[0].resolve())
        pool.modems[0].card.lock("4711")
        what = await report(tmp_path, Given(roots=machine.roots, settings=None))
    (modem,) = what.modems
    assert (modem.name, modem.port, modem.model) == ("1-1.4", "/dev/ttyUSB2", "EC25")
    (found,) = [each for each in what.findings if each.check == "sim"]
    assert (found.subject, found.severity) == ("1-1.4", Severity.ERROR)


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    what = await report(tmp_path, given(tmp_path, tmp_path / "nowhere"))
    (found,) = [each for each in what.findings if each.check == "port"]
    assert "no such port" in found.what


@pytest.mark.parametrize("mistake", [None, "store.url: wrong"])
async def test_a_machine_without_a_configuration(tmp_path: Path, mistake: str | None) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "12d1:14dc", product="E3372")
    what = Given(roots=machine.roots, settings=None, mistake=mistake, absent="there is none")
    found = {each.check: each for each in (await report(tmp_path, what)).findings}
    assert found["config"].what == (mistake or "there is none")
    assert found["mode"].subject == "USB 1-1"
    assert found["udev"].severity is Severity.WARNING
