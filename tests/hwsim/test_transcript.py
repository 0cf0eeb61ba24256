from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hwsim.transcript import read_steps
from tests.hwsim.client import started
from tests.virtual import VirtualLoop, run_virtual

SENDING: list[dict[str, Any]] = [
    {"send": "AT+CMGS=<n>\r"},
    {"recv": ["\r\n> "]},
    {"send": "<pdu>\x1a"},
    {"recv": ["\r\n+CMGS: 78\r\n\r\nOK\r\n"]},
    {"pause_s": 3},
    {"urc": ['\r\n+CDSI: "SM",0\r\n', 2, "\r\nRING\r\n"]},
]


def test_a_dialogue_is_played_back(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.replay([*SENDING, {"send": "AT+CSQ\r"}, {"recv": ["AT+CSQ\r\r\n+CSQ: 9\r\n"]}])
            assert (await client.ask("AT+CMGF?"))[0] == "+CMGF: 0"  # not in it: as ever
            client.write("AT+CMGS=17\r")
            assert await client.nothing() == b"\r\n> "
            client.write("00FF\x1a")
            assert await client.nothing() == b"\r\n+CMGS: 78\r\n\r\nOK\r\n"
            assert await client.nothing(3) == b'\r\n+CDSI: "SM",0\r\n'
            assert await client.nothing(3) == b"\r\nRING\r\n"
            client.write("AT+CSQ\r")
            assert await client.nothing() == b"\r\n+CSQ: 9\r\n"  # without the recorded echo
            assert (await client.ask("AT+CSQ"))[0] == "+CSQ: 20,99"  # it is over
            assert pool.network.accepted == 0

    run_virtual(main)


def test_what_was_not_typed_is_refused_and_a_restart_ends_it(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            steps = [
                {"send": "AT+CMGS=3\r"},
                {"recv": ["\r\n> "]},
                {"send": "abc\x1a"},
                {"recv": []},
            ]
            modem.replay(steps)
            client.write("AT+CMGS=3\r")
            await client.until(b"> ")
            client.write("abd\x1a")
            assert await client.nothing() == b"\r\n+CMS ERROR: 304\r\n"
            modem.replay([{"send": "AT+CSQ\r"}, {"recv": ["no\r\n"]}])
            modem.restart()
            await client.nothing(5)
            assert "+CSQ: 20,99" in await client.ask("AT+CSQ")

    run_virtual(main)


def test_the_port_is_lost(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].replay([{"send": "AT\r"}, {"pause_s": 1}, {"error": "EIO"}])
            client.write("AT\r")
            await client.hung_up()

    run_virtual(main)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "at least one send"),
        ([{"recv": ["OK"]}], "step 1"),
        ([3], "step 1"),
        ([{"send": "AT\r"}, {"recv": "OK"}], "step 2"),
        ([{"send": "AT\r"}, {"urc": [None]}], "step 2"),
    ],
)
def test_steps_that_make_no_sense(steps: list[Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_steps(steps)


def test_every_recorded_dialogue_plays(corpus: Path, tmp_path: Path) -> None:
    """Byte for byte but for the echo, as each is written down."""
    with (corpus / "at" / "exchanges.jsonl").open(encoding="ascii") as file:
        recorded = [json.loads(line) for line in file]
    played = 0

    async def main(_loop: VirtualLoop) -> None:
        nonlocal played
        for each in recorded:
            steps = each["steps"]
            if "send" not in steps[0] or any("other_client" in step for step in steps):
                continue  # no dialogue of one host
            async with started(tmp_path / each["id"]) as (pool, (client,)):
                pool.modems[0].replay(steps)
                for step in steps:
                    if "send" in step:
                        client.seen.clear()
                        client.write(step["send"])
                        echo = step["send"].rstrip("\x1a")
                    elif step.get("recv"):
                        said = "".join(step["recv"]).removeprefix(echo).encode("latin-1")
                        assert (await client.until(said)).endswith(said), each["id"]
                played += 1

    run_virtual(main)
    assert played > 15
