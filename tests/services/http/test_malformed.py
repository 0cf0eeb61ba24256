"""What is no HTTP is answered with a problem that repeats nothing of it."""

from __future__ import annotations

import asyncio
import json

import pytest

from airpost.services.http.malformed import first_words
from tests.services.http.conftest import Api

HEAD = b"GET /v1/messages HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"SESAME\r\n\r\n", "method"),
        (HEAD + b"Authorization: Bearer ap_SESAME\x01\r\n\r\n", "header value"),
        (HEAD + b"X SESAME: y\r\n\r\n", "header token"),
        (HEAD + b"Content-Type: a\r\nContent-Type: SESAME\r\n\r\n", "Content-Type"),
        (HEAD + b"Content-Length: SESAME\r\n\r\n", "Content-Length"),
        (b"GET /" + b"SESAME" * 2000 + b" HTTP/1.1\r\n\r\n", "8190 bytes"),
    ],
)
async def test_it_is_a_problem(api: Api, sent: bytes, words: str) -> None:
    address = api.http._base_url
    assert address is not None
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(sent)
    head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
    writer.close()
    assert b" 400 " in head.splitlines()[0]
    assert b"Content-Type: application/problem+json" in head
    told = json.loads(body)
    assert (told["type"], told["field"]) == ("urn:airpost:problem:invalid-request", "request")
    assert words in told["detail"]
    assert b"SESAME" not in body


def test_what_was_sent_stands_behind_the_words() -> None:
    assert first_words("Invalid  header token:\n\n  b'secret'") == "Invalid header token"
