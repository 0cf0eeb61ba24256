"""A command to one modem, its wire, and the service about itself."""

from __future__ import annotations

import json
import logging

import pytest

from airpost.errors import (
    CommandFailed,
    CommandTimeout,
    LocalProtocolError,
    ModemError,
    PortLost,
)
from airpost.model import Lane, Way, WireLine
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW

AT = "/v1/modems/gate-1/at"


async def test_a_command_and_its_answer(api: Api) -> None:
    api.pool.answers["AT+CSQ"] = ("+CSQ: 20,99",)
    body = await api.call("POST", AT, json={"command": "AT+CSQ"})
    assert body == {"modem": "gate-1", "lines": ["+CSQ: 20,99"], "error": None}


async def test_the_modems_error_is_an_answer(api: Api) -> None:
    api.pool.answers["AT+CPIN?"] = CommandFailed("CME", 10, "10")
    body = await api.call("POST", AT, json={"command": "AT+CPIN?"})
    assert body["error"] == {"kind": "CME", "code": 10, "text": "10"}
    assert body["lines"] == []


@pytest.mark.parametrize("error", [CommandTimeout("no answer"), PortLost("/dev/x", "gone")])
async def test_a_modem_that_cannot_be_asked(api: Api, error: Exception) -> None:
    api.pool.answers["AT+CSQ"] = error
    body = await api.call("POST", AT, 409, json={"command": "AT+CSQ"})
    assert body["type"] == "urn:airpost:problem:modem-not-reachable"
    assert body["detail"] == str(error)


async def test_what_does_more_than_ask_needs_force(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airpost.http")
    secret = {"command": 'AT+CPIN="4711"'}
    body = await api.call("POST", AT, 422, json=secret)
    assert body["type"] == "urn:airpost:problem:unsafe-command"
    assert api.pool.asked == []
    await api.call("POST", AT, json=secret | {"force": True})
    assert api.pool.asked == [(Lane("gate-1"), 'AT+CPIN="4711"')]
    assert "command=+CPIN=" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize(
    "body", [{}, {"command": "hello"}, {"command": "AT\r+CFUN=0"}, {"command": "A" * 500},
             {"command": "AT", "forced": True}]
)  # fmt: skip
async def test_what_is_no_command(api: Api, body: dict[str, object]) -> None:
    await api.call("POST", AT, 400, json=body)
    assert api.pool.asked == []


async def test_what_cannot_be_written_to_a_port(api: Api) -> None:
    api.pool.answers["AT+X"] = LocalProtocolError("printable ASCII alone")
    body = await api.call("POST", AT, 400, json={"command": "AT+X", "force": True})
    assert body["field"] == "command"


@pytest.mark.parametrize("force", [False, True])
async def test_what_would_bring_a_prompt_is_not_promised_for_force(api: Api, force: bool) -> None:
    body = await api.call("POST", AT, 400, json={"command": "AT+CMGS=20", "force": force})
    assert body["field"] == "command"
    assert "POST /v1/messages" in body["detail"]
    assert "force" not in body["detail"]
    assert api.pool.asked == []


async def test_a_reset_by_a_persons_word(api: Api) -> None:
    body = await api.call("POST", "/v1/modems/gate-1/reset", json={})
    assert (body["modem"], body["how"], body["state"]) == ("gate-1", "reset", "ready")
    await api.call("POST", "/v1/modems/gate-1/reset", json={"how": "usb"})
    assert api.pool.asked == [(Lane("gate-1"), "reset"), (Lane("gate-1"), "usb")]
    api.pool.answers["hub_power"] = ModemError("no hub is named whose power may be switched")
    body = await api.call("POST", "/v1/modems/gate-1/reset", 409, json={"how": "hub_power"})
    assert body["type"] == "urn:airpost:problem:not-reset"
    assert "no hub is named" in body["detail"]
    await api.call("POST", "/v1/modems/gate-1/reset", 400, json={"how": "hammer"})
    await api.call("POST", "/v1/modems/none/reset", 404, json={})


async def test_a_reset_that_a_stop_has_cut_is_no_success_and_no_failure(api: Api) -> None:
    async def reset(_lane: Lane, _how: str) -> None:
        api.stop[0] = True
        raise ModemError("airpost is stopping")

    api.pool.reset = reset  # type: ignore[method-assign]
    body = await api.call("POST", "/v1/modems/gate-1/reset", 503, json={})
    assert body["type"] == "urn:airpost:problem:stopping"


USSD = "/v1/modems/gate-1/ussd"


async def test_a_ussd_code_is_run_and_what_may_be_secret_is_not_noted(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    found = await api.call("POST", USSD, json={"code": "*100#"})
    assert found == {"modem": "gate-1", "text": "Balance: 9 EUR\nthanks"}
    await api.call("POST", USSD, json={"code": "*123*9876543210#"})
    assert api.pool.asked[-1] == (Lane("gate-1"), "*123*9876543210#")
    noted = [(row.action, json.loads(row.detail)["code"]) for row in api.store.audit.kept
             if row.result == "done"]  # fmt: skip
    assert noted == [("modem.ussd", "*100#"), ("modem.ussd", "*123…")]
    assert "9876543210" not in caplog.text


async def test_a_ussd_code_without_an_answer(api: Api) -> None:
    api.pool.answers["*100#"] = ModemError("the network does not support this code")
    told = await api.call("POST", USSD, 409, json={"code": "*100#"})
    assert (told["type"], told["detail"]) == (
        "urn:airpost:problem:modem-not-reachable", "the network does not support this code",
    )  # fmt: skip
    for wrong in ("", "100", '*1"#', "*100", 'AT+CUSD=1,"*1#"'):
        told = await api.call("POST", USSD, 400, json={"code": wrong})
        assert told["field"] == "code"
        assert "control characters" not in told["detail"]
    assert "such as *100#" in told["detail"]
    await api.call("POST", "/v1/modems/gate-9/ussd", 404, json={"code": "*100#"})


async def test_the_wire(api: Api) -> None:
    api.pool.wires[Lane("gate-1")] = (WireLine(at=NOW, way=Way.SENT, text="AT"),)
    body = await api.call("GET", "/v1/modems/gate-1/trace")
    assert body["items"] == [{"at": "2026-01-02T03:04:05.678Z", "way": ">>", "text": "AT"}]


async def test_the_service_about_itself(api: Api) -> None:
    body = await api.call("GET", "/v1/doctor")
    assert body["store"] == {"unavailable": None, "pending": 0, "counts": {"queued": 0}}
    assert body["now"] == "2026-01-02T03:04:05.678Z"
    assert body["recovery"] == {"E3372": {"reset": "healed 1 of 2, last in 21.5 s"}}
    api.store.unavailable = "the disk is full"
    body = await api.call("GET", "/v1/doctor")
    assert body["store"]["unavailable"] == "the disk is full"


async def test_modems_that_are_not_there(api: Api) -> None:
    await api.call("GET", "/v1/modems/gate-9/trace", 404)
    await api.call("POST", "/v1/modems/gate-9/at", 404, json={"command": "AT"})


async def test_all_of_it_is_for_admins(keyed: Api) -> None:
    reader = keyed.store.new_key("shop", "send", "read", "read:all")
    for method, path in (
        ("POST", AT),
        ("POST", USSD),
        ("GET", "/v1/modems/gate-1/trace"),
        ("GET", "/v1/doctor"),
    ):
        await keyed.call(method, path, 401, json={"command": "AT"})
        await keyed.call(method, path, 403, json={"command": "AT"}, headers=reader)
    admin = keyed.store.new_key("chief", "admin", key_id="chief1")
    await keyed.call("POST", AT, headers=admin, json={"command": "AT"})
