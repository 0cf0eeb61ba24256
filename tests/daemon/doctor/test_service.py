"""What the running service says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from airpost.daemon.cli.client import Client
from airpost.daemon.doctor.finding import Severity
from airpost.daemon.doctor.service import ServiceFacts, check_service, service_facts
from airpost.model import Lane, Way, WireLine
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import NOW, USED


def severities(service: ServiceFacts) -> list[Severity]:
    return [each.severity for each in check_service(service)]


def facts_of(url: str) -> ServiceFacts:
    with Client(url) as client:
        return service_facts(client)


def test_a_service_that_runs(service: Service) -> None:
    service.pool.wires[Lane("gate-1")] = (WireLine(at=NOW, way=Way.SENT, text="AT"),)
    facts = facts_of(service.unix)
    assert facts.running
    assert facts.wire("gate-1") == ((">>", "AT"),)
    assert facts.wire("gate-2") == ()
    assert facts.since(facts.modems[0]) == NOW
    told = [(each.severity, each.what) for each in check_service(facts)]
    assert told[1:] == [
        (Severity.NOTE, "reset: healed 1 of 2, last in 21.5 s"),
        (Severity.NOTE, "runs its SIM without a limit; docs/LIMITS.md tells more"),
    ]
    assert "is running" in told[0][1]


def test_a_sim_that_is_used_up(service: Service) -> None:
    service.pool.budgets[Lane("gate-1")] = USED
    *_, last = check_service(facts_of(service.unix))
    assert (last.severity, last.subject) == (Severity.WARNING, "gate-1")
    assert last.what.startswith("has used up its SIM's 200 (day): messages wait until 2")


def test_a_sim_with_nothing_but_its_reserve(service: Service) -> None:
    day = replace(USED.uses[1], used=180)
    service.pool.budgets[Lane("gate-1")] = replace(USED, uses=(day,))
    *_, last = check_service(facts_of(service.unix))
    assert last.severity is Severity.WARNING
    assert last.what.startswith("has used up its SIM's 200 (day) but 20 kept for otp and alarm: ")


def test_one_that_cannot_store_and_has_no_modem(service: Service) -> None:
    service.store.unavailable = "the disk is full"
    service.pool.views.clear()
    facts = facts_of(service.unix)
    assert severities(facts) == [Severity.NOTE] * 2 + [Severity.ERROR] * 2


def test_one_that_does_not_run(tmp_path: Path) -> None:
    facts = facts_of(f"unix:{tmp_path / 'nobody'}")
    assert not facts.running
    assert severities(facts) == [Severity.WARNING]


def test_one_that_does_not_let_us_ask(service: Service) -> None:
    facts = facts_of(service.tcp)
    assert facts.running
    (found,) = check_service(facts)
    assert found.fix == "sudo airpost doctor"
