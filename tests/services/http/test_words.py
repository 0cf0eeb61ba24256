"""Errors of pydantic in plain words: every kind that our models can make."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airpost.services.http.key_schemas import KeyIn
from airpost.services.http.schemas import InboundQuery, MessagesQuery, SendIn
from airpost.services.http.words import words

GOOD: dict[Any, dict[str, Any]] = {
    SendIn: {"to": "123", "text": "a"},
    KeyIn: {"name": "a", "owner": "b", "scopes": ("read",)},
    InboundQuery: {},
    MessagesQuery: {},
}


@pytest.mark.parametrize(
    ("model", "field", "value", "said"),
    [
        (SendIn, "to", 1, "must be text"),
        (SendIn, "port", 70_000, "must be at most 65535"),
        (SendIn, "port", -1, "must be at least 0"),
        (SendIn, "ttl_s", "1", "must be a whole number"),
        (SendIn, "flash", 1, "must be true or false"),
        (SendIn, "modem", "", "must not be empty"),
        (SendIn, "modem", "x" * 65, "has at most 64 characters"),
        (SendIn, "tags", "x", "must be a list"),
        (SendIn, "tags", ("x",) * 21, "has at most 20 entries"),
        (SendIn, "send_at", "x", "must be a time with zone, such as 2026-01-02T03:04:05Z"),
        (KeyIn, "scopes", (), "must have at least one entry"),
        (MessagesQuery, "newest", "maybe", "must be true or false"),
        (InboundQuery, "limit", "x", "must be a whole number"),
        (InboundQuery, "limit", "0", "must be at least 1"),
        (InboundQuery, "limit", "1" * 5000, "is too large a number"),
        (InboundQuery, "wait_s", "x", "must be a number"),
        (InboundQuery, "wait_s", "inf", "must be a finite number"),
        (MessagesQuery, "class", "x", "must be 'otp', 'alarm', 'normal' or 'bulk'"),
    ],
)
def test_what_people_read(model: Any, field: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(GOOD[model] | {field: value})
    assert [words(each) for each in caught.value.errors(include_url=False)] == [said]


def test_a_kind_that_is_not_in_the_table_keeps_its_own_words() -> None:
    assert words({"type": "url_type", "msg": "Input should be a URL"}) == "must be a URL"
