"""A long list is read as json reads it, with pauses, and faults are told with their place."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpost.services.http.longjson import ELEMENTS, STRETCH, LongJson, read_long
from airpost.services.http.problems import Refusal

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class Pauses:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, _delay_s: float) -> None:
        self.count += 1


def read(body: bytes, most: int = 1000, pause: Pauses | None = None) -> LongJson:
    return asyncio.run(read_long(body, ("to", "messages"), most, pause or Pauses()))


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(), VALUES),
    st.lists(VALUES),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_all_that_json_writes_is_read(
    members: dict[str, Any], long: list[Any], indent: int | None, ascii_: bool
) -> None:
    members.pop("messages", None)
    members.pop("to", None)
    text = json.dumps({**members, "to": long}, indent=indent, ensure_ascii=ascii_)
    found = read(text.encode())
    assert found.name == "to"
    assert [json.loads(each) for each in found.elements()] == long
    assert {name: json.loads(text) for name, text in found.members.items()} == members


@given(st.text(alphabet='{}[]",:to0 \\u', max_size=40))
def test_what_json_refuses_is_refused(text: str) -> None:
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if isinstance(given, dict) and "messages" not in given:
        assert len(read(text.encode())) == len(given.get("to") or ())
    elif not isinstance(given, dict):
        with pytest.raises(Refusal):
            read(text.encode())


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"\xff", "malformed-json", "UTF-8"),
        (b"[]", "invalid-request", "body: must be a JSON object"),
        (b'{"to":["1",]}', "malformed-json", "character 12"),
        (b'{"to":["1"]} 2', "malformed-json", "character 14"),
        (b'{"to":["1"', "malformed-json", "character 11"),
        (b'{"to":[NaN]}', "malformed-json", "character 8"),
        (b'{"to":[' + b"9" * 5000 + b"]}", "malformed-json", "character 8"),
        (b'{"to":' + b"[" * 100_000, "malformed-json", "deep"),
        (b'{"to":[],"to":[]}', "invalid-request", "more than once"),
        (b'{"a":1,"a":2}', "invalid-request", "more than once"),
        (b'{"to":[],"messages":[]}', "invalid-request", "messages: cannot stand beside to"),
        (b'{"to":["1","2","3"]}', "too-many-rows", "max_batch"),
    ],
)
def test_faults(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(body, most=2)
    assert caught.value.kind.name == kind
    assert words in caught.value.detail


def test_there_is_a_pause_after_each_stretch() -> None:
    pause = Pauses()
    body = json.dumps({"to": ["+491701234567"] * 10_000, "text": "x"}).encode()
    assert len(read(body, 10_000, pause)) == 10_000
    assert pause.count == 10_000 // ELEMENTS
    wide = json.dumps({"to": ["x" * STRETCH] * 10, "text": "x"}).encode()
    read(wide, 10, pause)
    assert pause.count == 10_000 // ELEMENTS + 10
