from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hwsim.control import VERBS, Control, answer
from tests.hwsim.client import started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def test_over_the_socket(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, _):
            (tmp_path / "control.sock").touch()
            control = Control(pool)
            await control.start()
            assert control.path.stat().st_mode & 0o777 == 0o600
            reader, writer = await asyncio.open_unix_connection(control.path)
            writer.write(b'{"do": "time"}\n{"do"')
            assert json.loads(await reader.readline())["ok"]
            writer.write(b': "modems"}\n\nrubbish\n')
            (modem,) = json.loads(await reader.readline())["result"]
            assert modem["name"] == "modem0"
            assert not json.loads(await reader.readline())["ok"]
            writer.close()
            await writer.wait_closed()
            await control.stop()
            await control.stop()
            assert not control.path.exists()

    run_virtual(main)


def test_what_can_be_done(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):

            def do(verb: str, **params: Any) -> Any:
                said = answer(pool, json.dumps({"do": verb, **params}))
                assert said["ok"], said
                json.dumps(said)
                return said["result"]

            modem = pool.modems[0]
            await client.send(submit_pdu(PHONE, "hello"))
            await asyncio.sleep(1)
            assert [each["text"] for each in do("inbox", number=PHONE)] == ["hello"]
            assert len(do("inbox")) == 1
            assert do("reply", number=PHONE, text="hi") == {"parts": 1}
            assert do("reply", number="+4999", text="y" * 200, to=modem.number) == {"parts": 2}
            await asyncio.sleep(1)
            assert modem.card.sms.used == 3
            assert do("handset", number=PHONE, state="off") == {"waiting": 0}
            do("handset", number=PHONE, state="on")
            assert do("fault", modem="modem0", name="cms_error", params={"code": 41})["name"]
            assert list(do("faults", modem="modem0")) == ["cms_error"]
            assert "silence" in do("faults")
            do("clear", modem="modem0", name="cms_error")
            do("clear", modem="modem0")
            client.seen.clear()
            do("urc", modem="modem0", line="RING")
            assert await client.until(b"RING\r\n") == b"\r\nRING\r\n"
            assert do("counts")["modem0"]["sent"] == 1
            assert do("network", params={"air_s": 1.5, "loss": 0})["air_s"] == 1.5
            assert do("network", params={"air_s": None, "early_reports": True})["air_s"] is None
            assert do("network", params={"latency_s": 1})["latency_s"] == 1
            assert do("network", params={"latency_s": 0.5})["latency_s"] == 0.5
            assert do("network")["loss"] == 0
            do("handset", number=PHONE, state="65")
            assert pool.handset(PHONE).refusal == 65
            do("handset", number=PHONE, state="on")
            assert pool.handset(PHONE).refusal is None
            do("replay", modem="modem0", steps=[{"send": "AT+X\r"}, {"recv": ["\r\nx\r\n"]}])
            client.write("AT+X\r")
            assert await client.until(b"x\r\n") == b"\r\nx\r\n"
            do("inject", modem="modem0", text="\x00\r\r\n^BOOT")
            assert await client.until(b"^BOOT") == b"\x00\r\r\n^BOOT"
            do("pin", modem="modem0", pin="1234")
            assert do("modems")[0]["sim"] == "SIM PIN"
            do("pin", modem="modem0", pin="")
            entries = do("catalogue")
            assert len(entries) == 76
            assert entries[20] == {
                "number": 21, "name": "congestion", "how": "wire",
                "text": "38, 41 or 42 for five minutes",
                "params": {"code": 38, "codes": "38,41,42", "after_s": 0.0, "carried": False,
                           "for_s": 300.0},
            }  # fmt: skip
            never = do("never")["modem0"]
            assert never["resets"] == never["cmgs_while_open"] == 0
            do("ussd", modem="modem0", code="*100#", text="9 EUR")
            assert modem.ussd == {"*100#": "9 EUR"}
            do("ussd", modem="modem0", code="*100#", text="")
            assert modem.ussd == {}
            do("power", modem="modem0", state="off")
            assert not modem.plugged
            do("power", modem="modem0", state="on")
            do("restart", modem="modem0")
            do("unplug", modem="modem0")
            assert not do("modems")[0]["plugged"]
            do("plug", modem="modem0")
            assert do("time")["calendar_us"] > 0

    run_virtual(main)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("[]", "an object"),
        ("{", "Expecting"),
        ('{"do": "dance"}', "modems"),
        ('{"do": "plug"}', "needs modem"),
        ('{"do": "plug", "modem": "m"}', "modem0"),
        ('{"do": "fault", "modem": "modem0", "name": "gremlin"}', "gremlin"),
        ('{"do": "fault", "modem": "modem0", "name": "silence", "params": 3}', "object"),
        (
            '{"do": "fault", "modem": "modem0", "name": "silence", "params": {"count": "x"}}',
            "count",
        ),
        ('{"do": "handset", "number": "+49", "state": "ill"}', "on, off"),
        ('{"do": "handset", "number": "+49", "state": 0}', "64 to 127"),
        ('{"do": "handset", "number": "", "state": "on"}', "number is empty"),
        ('{"do": "inbox", "number": "+123456789012345678901"}', "at most 20"),
        ('{"do": "pin", "modem": "modem0", "pin": "12"}', "4 to 8 digits"),
        ('{"do": "power", "modem": "modem0", "state": "dim"}', "on or off"),
        ('{"do": "reply", "number": "+49", "text": "x"}', "nothing to reply"),
        ('{"do": "network", "params": {"rain": 1}}', "rain"),
        ('{"do": "replay", "modem": "modem0", "steps": "AT"}', "list"),
        ('{"do": "replay", "modem": "modem0", "steps": []}', "at least one send"),
        ('{"do": "network", "params": {"loss": "x"}}', "loss must be a number"),
        ('{"do": "network", "params": {"loss": 2}}', "at most 1"),
        ('{"do": "network", "params": {"air_s": -1}}', "air_s must be at least 0"),
        ('{"do": "network", "params": {"zone_quarters": 1.5}}', "must be a number"),
        ('{"do": "network", "params": {"early_reports": 1}}', "true or false"),
        ('{"do": "network", "params": 3}', "object"),
        ('{"do": "inbox", "number": "+4915550000000"}', "is a modem"),
    ],
)
def test_bad_requests_are_answered(tmp_path: Path, request_: str, words: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            said = answer(pool, request_)
            assert not said["ok"]
            assert words in said["error"]

    run_virtual(main)


def test_a_text_that_is_too_long_is_told(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            request = {"do": "reply", "number": "+49", "to": "+491", "text": "x" * 50_000}
            assert "255 parts" in answer(pool, json.dumps(request))["error"]

    run_virtual(main)


def test_optional_parameters_come_last() -> None:
    for verb in VERBS.values():
        needed = len(verb.params) - len(verb.optional)
        assert verb.params[needed:] == verb.optional
