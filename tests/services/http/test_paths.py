"""What a log shows of a path."""

from __future__ import annotations

import logging

import pytest

from tests.services.http.conftest import Api


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/hooks/generic/pump/s3cret-token", "path=/hooks/generic/pump "),
        ("/hooks/get/pump/s3cret-token?a=s3cret", "path=/hooks/get/pump "),
        ("/hooks/generic/pump/s3cret-token/more", "path=/hooks/generic/pump "),
        ("/v1/blocklist/+491701234567", "path=/v1/blocklist/+49…67 "),
        ("/v1/contacts/Ada", "path=/v1/contacts/… "),
    ],
)
async def test_no_token_number_or_name(
    api: Api, caplog: pytest.LogCaptureFixture, path: str, shown: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with api.http.get(path) as response:
            assert response.status < 500
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert shown in text
    for secret in ("s3cret", "1701234567", "Ada"):
        assert secret not in text
