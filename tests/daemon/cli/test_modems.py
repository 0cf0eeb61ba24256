"""`airpost modems`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.clock import SECOND_US, Instant, SystemClock
from airpost.daemon.cli.modems import age_words
from airpost.errors import ModemError
from airpost.model import Credit, Lane, MessageId, ProofKind, SelfTest
from airpost.states import MessageState
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import USED, modem_view


def test_the_list(service: Service) -> None:
    service.pool.views[Lane("gate-1")] = modem_view(signal_dbm=-71, stalled=True, operator="Net")
    text = service.run("modems").stdout
    assert "gate-1" in text
    assert "-71 dBm" in text
    assert "ready (stalled)" in text
    (modem,) = service.json("modems")
    assert modem["operator"] == "Net"


def test_the_age_of_the_last_proof_and_the_credit(service: Service) -> None:
    now = SystemClock().now()
    bad = SelfTest(
        message_id=MessageId("m"), at=now, state=MessageState.FAILED, over=True, detail="failed"
    )
    low = Credit(value=4.5, at=now, low=True, problem=None)
    gone = Credit(value=None, at=None, low=False, problem="no answer to *100#")
    service.pool.views[Lane("gate-1")] = modem_view(
        last_proof_at=Instant(now - 3 * 3600 * SECOND_US), last_proof=ProofKind.SENT, credit=low
    )
    service.pool.views[Lane("gate-2")] = modem_view(lane=Lane("gate-2"), selftest=bad, credit=gone)
    head, one, two, _ = service.run("modems").stdout.splitlines()
    assert "proof" in head
    assert "3 h ago" in one
    assert "4.5 low" in one
    assert "never, self-test failed  ?" in two
    first, _ = service.json("modems")
    assert (first["proof"], first["credit"]["value"]) == ("sent", 4.5)


def test_a_ussd_code(service: Service) -> None:
    assert service.run("modems", "ussd", "gate-1", "*100#").stdout == "Balance: 9 EUR\nthanks\n"
    assert service.json("modems", "ussd", "gate-1", "*100#")[0]["modem"] == "gate-1"
    service.pool.answers["*1#"] = ModemError("the network did not answer")
    assert "did not answer" in service.run("modems", "ussd", "gate-1", "*1#", code=1).stderr


def test_what_is_left_of_a_budget(service: Service) -> None:
    assert " none " in service.run("modems").stdout.splitlines()[1]
    service.pool.budgets[Lane("gate-1")] = USED
    assert "minute 6/6, day 200/200 (closed: 200 a day)" in service.run("modems").stdout


@pytest.mark.parametrize(
    ("age_s", "words"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"),
     (172_799, "47 h"), (172_800, "2 d"), (864_000, "10 d")],
)  # fmt: skip
def test_an_age_in_the_largest_unit_that_says_enough(age_s: int, words: str) -> None:
    assert age_words(age_s * SECOND_US) == words


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


def test_a_modem_is_paused_drained_and_resumed(service: Service) -> None:
    assert service.run("modems", "pause", "gate-1").stdout == "gate-1: paused, by local\n"
    text = service.run("modems").stdout
    assert "ready (paused)" in text
    assert "paused, by local" in text
    assert service.run("modems", "drain", "gate-1").stdout == "gate-1: draining, by local\n"
    assert service.run("modems", "resume", "gate-1").stdout == "gate-1: takes messages\n"
    (modem,) = service.json("modems", "resume", "gate-1")
    assert modem["paused"] is None
    service.run("modems", "pause", "gate-9", code=1)


def test_what_urgent_traffic_can_be_promised_is_told(service: Service) -> None:
    assert service.run("modems").stdout.splitlines()[-1] == (
        "route default: 98.7% of otp and alarm begin within 2 s up to 40.0 parts a minute, "
        "11.8 beside bulk (4 modems, 1 of them without bulk, 3.0 s a part)"
    )
    (told,) = service.pool.promised
    service.pool.promised = (replace(told, urgent_per_minute=None, under_bulk_per_minute=None),)
    assert service.run("modems").stdout.splitlines()[-1] == (
        "route default: what it can promise otp and alarm is not known yet (4 modems)"
    )
