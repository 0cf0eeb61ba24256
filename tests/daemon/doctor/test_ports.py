"""Serial ports: there, open to the service, held."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

from airpost.daemon.doctor.finding import Share
from airpost.daemon.doctor.holders import Held, Holder, holders
from airpost.daemon.doctor.ports import (
    PortFacts,
    check_access,
    check_greedy,
    check_holders,
    check_port,
    port_facts,
)
from tests.daemon.doctor.tree import Machine

NOBODY = Held(by_device={}, running=frozenset(), blind=False)
PORT = PortFacts(
    port="/dev/serial/by-path/x",
    device="/dev/ttyUSB0",
    lane="gate-1",
    mode=stat.S_IFCHR | 0o660,
    uid=0,
    gid=20,
    group="dialout",
    holders=(),
)


def test_the_facts(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.port("ttyUSB0").chmod(0o640)
    machine.process(7, "gammu", "/dev/ttyUSB0")
    held = holders(machine.roots, ["/dev/ttyUSB0"])
    facts = port_facts(machine.roots, held, "/dev/ttyUSB0", "gate-1")
    assert facts.mode is not None
    assert stat.S_IMODE(facts.mode) == 0o640
    assert facts.subject == "gate-1 /dev/ttyUSB0"
    assert [each.name for each in facts.holders] == ["gammu"]
    assert port_facts(machine.roots, NOBODY, "/dev/ttyUSB7", None).mode is None


def test_a_port_that_is_not_there_or_changes_its_name() -> None:
    (gone,) = check_port(replace(PORT, mode=None))
    assert "plug the modem in" in gone.what
    (named,) = check_port(replace(PORT, port="/dev/ttyUSB0"))
    assert "name it by its path" in named.what
    assert list(check_port(PORT)) == []


def test_a_port_that_is_held() -> None:
    manager = Holder(pid=12, name="ModemManager", command="ModemManager")
    ours = Holder(pid=13, name="airpost", command="airpost serve")
    (found,) = check_holders(replace(PORT, holders=(manager, ours)), blind=False, busy=True)
    assert "ModemManager (process 12)" in found.what
    assert found.fix == "sudo systemctl disable --now ModemManager.service"
    (found,) = check_holders(PORT, blind=True, busy=True)
    assert "root alone can name" in found.what
    assert list(check_holders(PORT, blind=True, busy=False)) == []


def test_who_may_open_it(tmp_path: Path) -> None:
    roots = Machine(tmp_path).roots
    user = roots.account("airpost")
    none = frozenset[int]()
    assert list(check_access(PORT, user, none, roots)) == []
    assert list(check_access(replace(PORT, gid=46), user, frozenset({46}), roots)) == []
    assert list(check_access(replace(PORT, gid=46, open_by_service=True), user, none, roots)) == []
    assert list(check_access(replace(PORT, mode=0o666, gid=0), user, none, roots)) == []
    assert list(check_access(PORT, None, none, roots)) == []
    (found,) = check_access(replace(PORT, gid=46, group="plugdev"), user, none, roots)
    assert found.fix == "sudo usermod -aG plugdev airpost && sudo systemctl restart airpost"
    assert found.mend is None
    for port in (replace(PORT, gid=0, group="root"), replace(PORT, mode=stat.S_IFCHR | 0o600)):
        (found,) = check_access(port, user, none, roots)
        assert found.mend == Share(path=tmp_path / "dev" / "ttyUSB0", group="dialout", gid=20)
        assert "sudo chgrp dialout /dev/ttyUSB0" in str(found.fix)


def test_modemmanager_that_runs() -> None:
    held = replace(NOBODY, running=frozenset({"ModemManager"}))
    (found,) = check_greedy(held, ruled=False)
    assert found.fix is not None
    (found,) = check_greedy(held, ruled=True)
    assert found.fix is None
    assert list(check_greedy(NOBODY, ruled=False)) == []
