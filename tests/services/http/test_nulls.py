"""Null for a field that may be left out."""

from __future__ import annotations

import json

import pytest

from airpost.services.http.nulls import without_nulls
from airpost.services.http.schemas import MessageFields, ScheduleIn, SendIn
from tests.services.http.conftest import Api

OPTIONAL = [
    field.alias or name
    for name, field in MessageFields.model_fields.items()
    if name not in ("text", "data")
]


@pytest.mark.parametrize("field", OPTIONAL)
async def test_each_optional_field_may_be_null(api: Api, field: str) -> None:
    sent, plain = await api.send(**{field: None}), await api.send()
    for told in (sent, plain):
        del told["id"]
    assert sent == plain


async def test_all_at_once_also_in_a_schedule(api: Api) -> None:
    nulls = dict.fromkeys([*OPTIONAL, "data"])
    message = {"to": "+4930000001", "text": "x", **nulls}
    daily = {"cron": "0 8 * * *", "zone": "UTC", "message": message, "late_s": None}
    assert (await api.call("POST", "/v1/schedules", 201, json=daily))["late_s"] == 3600


async def test_what_is_needed_or_unknown_may_not(api: Api) -> None:
    await api.refused("invalid-request", "to", to=None)
    await api.refused("unknown-field", "clas", clas=None)


def test_what_has_none_stays_as_it_is() -> None:
    for body in (b'{"to":"1"}', b'{"to":null}', b'{"class":null', b"null", b"[null]",
                 b'{"class":null,"class":"otp"}', b'{"clas":null}', b'{"tags":[null]}',
                 b"[" * 100_000 + b"null"):  # fmt: skip
        assert without_nulls(SendIn, body) is None
    found = without_nulls(ScheduleIn, b'{"message":{"to":"1","class":null,"x":null},"late_s":null}')
    assert json.loads(found or b"") == {"message": {"to": "1", "x": None}}
