"""The Idempotency-Key header and what runs."""

from __future__ import annotations

import pytest

from airpost.errors import DuplicateRequest, InvalidRequest
from airpost.services.http.idempotency import Running, fingerprint, read_key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ('"8e03978e-40d5"', "8e03978e-40d5"),
        ("8e03978e-40d5", "8e03978e-40d5"),
        (' "a b" ', "a b"),
        (r'"say \"x\" \\ y"', r'say "x" \ y'),
    ],
)
def test_quoted_and_bare_keys(value: str, key: str) -> None:
    assert read_key([value]) == key
    assert read_key([]) is None


@pytest.mark.parametrize(
    "values", [["a", "a"], ['""'], [""], ["a b"], ['"a'], [r'"a\b"'], ["é"], ["x" * 256]]
)
def test_what_is_no_key(values: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_key(values)
    assert caught.value.field == "Idempotency-Key"


def test_a_fingerprint_is_of_call_and_content() -> None:
    marks = {fingerprint(call, body) for call in ("a", "b") for body in ("{}", '{"x":1}')}
    assert len(marks) == 4
    assert all(len(mark) == 64 for mark in marks)


def test_a_key_is_held_once_for_each_owner_and_let_go_after_errors() -> None:
    running = Running()
    with running.hold("shop", "k"), running.hold("ward", "k"), running.hold("shop", None):
        with pytest.raises(DuplicateRequest) as caught, running.hold("shop", "k"):
            pass
        assert caught.value.kind == "running"
    with pytest.raises(ZeroDivisionError), running.hold("shop", "k"):
        raise ZeroDivisionError
    with running.hold("shop", "k"):
        pass
