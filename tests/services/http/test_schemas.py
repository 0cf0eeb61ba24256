"""Requests as text: strict bodies, lax queries, and a canonical form."""

from __future__ import annotations

import json

import pytest

from airpost.model import Encoding, MessageClass
from airpost.services.http.key_schemas import KeyIn
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import (
    InboundQuery,
    MessagesQuery,
    RowIn,
    SendIn,
    read_body,
    read_query,
)


def body(**fields: object) -> bytes:
    return json.dumps({"to": "123", "text": "x"} | fields).encode()


def test_the_canonical_form_knows_no_order_space_or_escape() -> None:
    one = read_body(SendIn, b'{"to":"123","text":"\xc3\xa9","class":"otp"}')
    two = read_body(SendIn, b'{ "class": "otp", "text": "\\u00e9", "to": "123" }')
    assert one.canonical == two.canonical
    assert one.canonical != read_body(SendIn, body(text="é")).canonical
    assert read_body(SendIn, b'{"to":"1","data":"AAE="}').canonical == '{"data":"AAE=","to":"1"}'


def test_what_is_read() -> None:
    given = read_body(SendIn, body(**{"class": "alarm"}, encoding="ucs2", tags=["a"]))
    assert (given.class_, given.encoding, given.tags) == (MessageClass.ALARM, Encoding.UCS2, ("a",))
    assert read_body(SendIn, body(send_at="2026-01-02T04:04:05.678+01:00")).send_at == (
        1_767_323_045_678_000
    )
    assert read_body(SendIn, body(report=None)).report is None


@pytest.mark.parametrize(
    ("raw", "kind", "fields"),
    [
        (b"nope", "malformed-json", ["body"]),
        (b"[]", "invalid-request", ["body"]),
        (body(zzz=1), "unknown-field", ["zzz"]),
        (b"{}", "missing-field", ["to"]),
        (b'{"zzz":1}', "invalid-request", ["to", "zzz"]),
        (body(flash=1, port="1"), "invalid-request", ["port", "flash"]),
        (body(class_="otp"), "unknown-field", ["class_"]),
        (body(modem=""), "invalid-request", ["modem"]),
        (body(ttl_s=1.5), "invalid-request", ["ttl_s"]),
        (body(ttl_s=True), "invalid-request", ["ttl_s"]),
        (body(send_at="0001-01-01T00:00:00"), "invalid-request", ["send_at"]),
    ],
)
def test_refusals(raw: bytes, kind: str, fields: list[str]) -> None:
    with pytest.raises(Refusal) as caught:
        read_body(SendIn, raw)
    assert caught.value.kind.name == kind
    assert [field for field, _ in caught.value.errors] == fields


def test_words_for_people() -> None:
    with pytest.raises(Refusal) as caught:
        read_body(SendIn, body(klass="x", send_at="never", encoding="x"))
    words = dict(caught.value.errors)
    assert words["klass"] == "is not known here; did you mean 'class'?"
    assert words["send_at"] == "must be a time with zone, such as 2026-01-02T03:04:05Z"
    assert words["encoding"] == "must be 'gsm7', 'ucs2' or 'data'"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"to":"123","text":"a","to":"124"}', "to"),
        (b'{"to":"123","text":"a","t\\u0065xt":"b"}', "text"),
    ],
)
def test_a_name_that_stands_twice_is_refused(raw: bytes, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_body(SendIn, raw)
    assert caught.value.kind.name == "invalid-request"
    assert caught.value.errors == ((field, "is given more than once"),)


@pytest.mark.parametrize(
    ("values", "twice"),
    [
        ('{"a":1,"a":2}', "a"),
        ('{"a":1,"b":{"c":1,"c":2}}', "c"),
        ('{"a":1,"b":[{"c":1,"c":2}]}', "c"),
        ('{"at":"9:40","a":{},"a":{}}', "a"),
        ('{"at":"9:40","a":{"b":{"a":"::"}},"c":[{"b":1},{"b":1}]}', None),
    ],
)
def test_so_is_one_further_down(values: str, twice: str | None) -> None:
    raw = f'{{"to":"123","values":{values}}}'.encode()
    if twice is None:
        assert read_body(RowIn, raw).values == json.loads(values)
        return
    with pytest.raises(Refusal) as caught:
        read_body(RowIn, raw)
    assert caught.value.errors == ((twice, "is given more than once"),)


def test_queries() -> None:
    given = read_query(MessagesQuery, [("limit", "5"), ("class", "otp")])
    assert (given.limit, given.class_, given.cursor) == (5, MessageClass.OTP, "")
    assert read_query(InboundQuery, [("wait_s", "2.5")]).wait_s == 2.5
    with pytest.raises(Refusal, match="more than once"):
        read_query(InboundQuery, [("limit", "5"), ("limit", "5")])


def test_a_key_needs_a_scope() -> None:
    with pytest.raises(Refusal):
        read_body(KeyIn, b'{"name":"a","owner":"b","scopes":[]}')
