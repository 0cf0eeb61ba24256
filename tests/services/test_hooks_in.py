"""What somebody's event becomes: something, whatever fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import Instant
from airpost.model import MessageClass
from airpost.services.hooks_in import (
    RAW_LIMIT,
    Hook,
    HookSettings,
    Made,
    clean,
    fields_of,
    payload_of,
    recipients_of,
)

NOW = Instant(1_767_323_045_678_000)
ALERT = {"status": "firing", "host": "db-1", "level": 3, "phones": ["+4917", "+4918"]}


def made(payload: Any = ALERT, raw: bytes | None = None, **changes: Any) -> Made:
    settings = {"name": "mon", "to": ("+4915",), "text": "{{ host }} {{ status }}"} | changes
    raw = json.dumps(payload).encode() if raw is None else raw
    return Hook(HookSettings(**settings)).made(payload, raw, NOW)


def test_templates_make_text_class_recipients_and_key() -> None:
    found = made(
        to=("+4915", "{% if level > 2 %}{{ phones|join(',') }}{% endif %}", "group:night"),
        class_="{{ 'alarm' if level > 2 else 'normal' }}",
        dedup="{{ host }}/{{ status }}",
        text="{{ host }} {{ status }} {{ now }} {{ hook }} {{ payload|length }}",
    )
    assert found == Made(
        to=("+4915", "+4917", "+4918", "group:night"),
        class_=MessageClass.ALARM,
        text="db-1 firing 2026-01-02T03:04:05.678Z mon 4",
        dedup="db-1/firing",
        raw=False,
        problem=None,
    )
    assert made({**ALERT, "level": 1}, class_="{{ 'normal' }}").class_ is MessageClass.NORMAL


@pytest.mark.parametrize("text", ["{{ no }}", "{{ 1 / 0 }}", "  ", "{% for a in 1 %}{% endfor %}"])
def test_a_text_that_fails_sends_the_event_as_it_came(text: str) -> None:
    found = made(text=text)
    assert found.text == f"mon: {json.dumps(ALERT)}"
    assert found.raw
    assert found.problem is not None
    assert found.problem.startswith("text: ")


def test_whatever_else_fails_costs_no_message() -> None:
    found = made(class_="{{ nope }}", dedup="{{ nope }}", to=("+4915", "{{ nope }}"))
    assert (found.class_, found.dedup, found.to, found.raw) == (MessageClass.ALARM, None,
                                                                ("+4915",), False)  # fmt: skip
    assert found.problem is not None
    assert found.problem.count("'nope' is not there") == 3
    assert made(class_="{{ host }}").problem == "class: is none of otp, alarm, normal, bulk"
    assert made(to=("{{ nope }}",)).to == ()


def test_what_comes_is_bounded_and_clean() -> None:
    assert len(made("x", raw=b"y" * 99_999, text="{{ a }}").text) < RAW_LIMIT + 10
    assert made({"a": "1\x07\x00\ud8002"}, text="{{ a }}").text == "1  ?2"
    lone = {"a": "\ud800"}
    found = made(lone, text="{{ a }}", to=("{{ a }}",), dedup="{{ a }}")
    assert (found.text, found.to, found.dedup) == ("?", ("?",), "?")
    assert made("", raw=b"", text="{{ a }}").text == "mon"
    assert made("x", raw=b"\xff\x00", text="{{ a }}").text == "mon: \ufffd"
    many = made({"a": list(range(500))}, to=("{{ a|join(',') }}",), text="x", max_recipients=7)
    assert len(many.to) == 7
    assert many.problem == ("to: has 500 entries, of which 7 are told; "
                            "max_recipients of [[hook]] allows no more")  # fmt: skip
    long = made("x", raw=b"y" * 99_999, text="{{ a }}")
    assert "the event was cut to 2048 of 99999 characters" in (long.problem or "")
    assert len(made({"a": "k" * 999}, dedup="{{ a }}").dedup or "") == 255


def test_bodies_of_all_kinds() -> None:
    assert payload_of(b'{"a": [1, null]}', "text/plain") == {"a": [1, None]}
    assert payload_of(b"a=1&b=%C3%A4&c=", "application/x-www-form-urlencoded") == {
        "a": "1", "b": "ä", "c": "",
    }  # fmt: skip
    assert payload_of(b"Pump 2 stopped", "") == "Pump 2 stopped"
    assert payload_of(b"\xff", "application/json") == "\ufffd"
    assert fields_of("a=1&a=2") == {"a": "2"}
    assert fields_of("&".join(f"a{n}=" for n in range(5000))) == {}
    assert recipients_of(["+1, +2;+3\n +1", "", "contact:Ada Lovelace"]) == (
        "+1", "+2", "+3", "contact:Ada Lovelace",
    )  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_any_event_becomes_a_text(payload: Any) -> None:
    raw = json.dumps(payload).encode()
    for text in ("{{ host|upper }}", "{{ payload }}", "{{ items }}{{ now }}"):
        found = made(payload, raw, text=text)
        assert found.text == clean(found.text)
        assert found.text


def test_a_plus_that_was_not_escaped_in_an_address_is_still_one_of_a_number() -> None:
    found = fields_of("a=+491701234567&b=+12&c=+up&d=1+2&e=%2B4917012345&f=50%25ab")
    assert found == {"a": "+491701234567", "b": " 12", "c": " up", "d": "1 2",
                     "e": "+4917012345", "f": "50%ab"}  # fmt: skip
