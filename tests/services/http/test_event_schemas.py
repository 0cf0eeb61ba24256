"""Requests about events."""

from __future__ import annotations

import pytest

from airpost.services.events import USUAL, faults
from airpost.services.http.event_schemas import MAX_REPLAYED, ReplayIn, RotateIn, WebhookIn
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import read_body


def test_a_secret_overlaps_for_a_day_where_nothing_is_said() -> None:
    assert read_body(RotateIn, b"{}").overlap_s == 86_400


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (ReplayIn, b'{"events": [' + b"1," * MAX_REPLAYED + b"1]}"),
        (ReplayIn, b'{"events": ["1"]}'),
        (ReplayIn, b'{"since": "yesterday"}'),
        (RotateIn, b'{"overlap_s": -1}'),
        (WebhookIn, b'{"url": "", "types": []}'),
        (WebhookIn, b'{"url": "x", "description": "a\\nb"}'),
    ],
)
def test_what_does_not_fit(model: type, body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_body(model, body)
    assert caught.value.errors


def test_every_type_in_the_document_is_one() -> None:
    (types, _) = WebhookIn.model_json_schema()["properties"]["types"]["items"]["anyOf"]
    assert faults(types["enum"]) == []
    assert set(USUAL) - set(types["enum"]) == {"alarm.*"}


def test_entries_that_are_wrong_do_not_make_a_list_too_short() -> None:
    with pytest.raises(Refusal) as caught:
        read_body(ReplayIn, b'{"events": [1.0, "2"]}')
    assert [field for field, _ in caught.value.errors] == ["events.0", "events.1"]
