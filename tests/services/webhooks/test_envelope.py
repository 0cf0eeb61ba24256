"""What goes out is what the standard says, and its own library takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from airpost.clock import SECOND_US, Instant
from airpost.services.webhooks.envelope import (
    BODY_LIMIT,
    envelope,
    headers_of,
    made,
    new_secret,
)
from airpost.store.publishing import Endpoint, EndpointKind, EndpointState, LogEvent


def present() -> Instant:
    """The library refuses what is older than five minutes."""
    return Instant(int(datetime.now(UTC).timestamp()) * SECOND_US)


NOW = present()
ENDPOINT = Endpoint(
    n=1, id="w", kind=EndpointKind.HTTP, owner="shop", sees=None, inbound=True, target="",
    types=(), note=None, state=EndpointState.ACTIVE, reason=None, place=0, delivered=0, missed=0,
    created_at=NOW, secret=new_secret(),
)  # fmt: skip
EVENT = LogEvent(seq=7, at=NOW, subject="modem gate-1", from_="ready", to="absent",
                 reason="unplugged ü", severity="warning")  # fmt: skip


def verified(body: bytes, headers: dict[str, str], secret: str | None) -> Any:
    assert secret is not None
    return Webhook(secret).verify(body, headers)


def test_the_library_of_the_standard_verifies_it() -> None:
    sent = envelope(EVENT, "modem.state")
    headers = headers_of(sent, ENDPOINT, present())
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    found = verified(sent.body, headers, ENDPOINT.secret)
    assert found["type"] == "modem.state"
    assert found["timestamp"].endswith("Z")
    assert found["data"] == {"event": 7, "modem": "gate-1", "state": "absent", "previous": "ready",
                             "reason": "unplugged ü", "severity": "warning"}  # fmt: skip
    with pytest.raises(WebhookVerificationError):
        verified(sent.body + b" ", headers, ENDPOINT.secret)
    assert "." not in sent.id
    assert envelope(EVENT, "modem.state").id == sent.id
    assert envelope(replace(EVENT, at=Instant(NOW + 1)), "modem.state").id != sent.id


def test_while_secrets_overlap_both_verify() -> None:
    old, new = new_secret(), new_secret()
    now = present()
    until = Instant(now + SECOND_US)
    endpoint = replace(ENDPOINT, secret=new, previous=old, previous_until=until)
    sent = envelope(EVENT, "modem.state")
    headers = headers_of(sent, endpoint, now)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert verified(sent.body, headers, secret)
    headers = headers_of(sent, endpoint, until)
    with pytest.raises(WebhookVerificationError):
        verified(sent.body, headers, old)


def test_what_is_too_large_goes_without_its_content() -> None:
    data = {"id": "x", "text": "ä" * BODY_LIMIT, "from": "+49"}
    body = json.loads(made("i", "inbound.message", NOW, data).body)
    assert body["data"] == {"id": "x", "from": "+49", "omitted": True}
