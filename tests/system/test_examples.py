"""The example of every operation, run against the service with two modems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from airpost.services.http.app import calls
from airpost.services.http.openapi import Call
from airpost.services.http.operations import Media, Operation
from tests.system.house import House, opened
from tests.system.receiver import receiver
from tests.virtual import VirtualLoop, run_virtual

# What examples name and a test has elsewhere.
BACKUPS = "/var/backups"
RECEIVER = "http://192.168.1.20:8080"


class Runner:
    """Runs examples, each after the one it stands behind."""

    def __init__(self, house: House, places: Mapping[str, str]) -> None:
        self._house = house
        self._places = places
        self._ran: set[str] = set()
        self._calls = {call.operation.id: call for call in calls() if call.operation is not None}

    async def run(self, call: Call) -> Any:
        """The answer of an operation's example, held to its status and its shape."""
        each = call.operation
        assert each is not None
        example = each.example
        path = dict(example.path)
        if example.after is not None:
            source, taken = example.after
            before = await self.run(self._calls[source])
            path |= {name: _at(before, place) for name, place in taken.items()}
        async with self._house.http.request(
            call.method,
            _address(call, path),
            params=example.query,
            headers=self._headers(each),
            data=self._body(each),
        ) as response:
            stream = response.content_type == "text/event-stream"  # it has no end
            octets = await (response.content.readline() if stream else response.read())
            right = each.answers if example.status is None else (example.status,)
            assert response.status in right, f"{each.id}: {response.status} {octets.decode()}"
            answer = each.answers[response.status]
            if call.method == "HEAD" or answer is None:
                assert octets == b""
                return None
            if isinstance(answer, Media):
                assert fnmatch(response.content_type, answer.type)
                return None
            assert issubclass(answer, BaseModel)
            assert response.content_type == "application/json"
            answer.model_validate_json(octets)
            return await response.json()

    def _headers(self, each: Operation) -> dict[str, str]:
        headers = dict(each.example.headers)
        if each.id in self._ran:
            headers.pop("Idempotency-Key", None)  # the same key twice would be the same message
        self._ran.add(each.id)
        if each.example.body is not None:
            headers["Content-Type"] = each.body_media
        return headers

    def _body(self, each: Operation) -> bytes | None:
        body = self._placed(each.example.body)
        if body is None:
            return None
        return (json.dumps(body) if each.body_media == "application/json" else body).encode()

    def _placed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._placed(each) for name, each in value.items()}
        for place, here in self._places.items():
            if isinstance(value, str) and value.startswith(place):
                return value.replace(place, here, 1)
        return value


def _address(call: Call, path: Mapping[str, str]) -> str:
    address = call.template
    for name, value in path.items():
        address = address.replace(f"{{{name}}}", quote(value, safe=""))
    return address


def _at(answer: Any, pointer: str) -> str:
    for step in pointer.removeprefix("/").split("/"):
        answer = answer[int(step) if isinstance(answer, list) else step]
    return str(answer)


def test_every_example_does_what_it_says(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2, report_delay_s=1.0) as house:
            (tmp_path / "backups").mkdir()
            async with receiver() as (address, _taken):
                runner = Runner(house, {BACKUPS: str(tmp_path / "backups"), RECEIVER: address})
                for call in calls():
                    assert call.operation is not None, f"{call.method} {call.path} says nothing"
                    await house.ready()  # one of the calls before was a reset
                    await runner.run(call)

    run_virtual(main)
