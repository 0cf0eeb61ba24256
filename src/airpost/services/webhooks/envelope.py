"""One event as it goes out: identity, body and signatures by Standard Webhooks.

May import standardwebhooks, L0 and the store's values.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from standardwebhooks import Webhook

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.services.events import data_of
from airpost.services.http.render import dumps
from airpost.store.publishing import Endpoint, LogEvent

SECRET_OCTETS = 32
BODY_LIMIT = 20_000  # octets: what receivers may count on
_CONTENT = ("text", "data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is sent; `id` is the same at every try."""

    id: str
    type: str
    body: bytes


def envelope(event: LogEvent, type_: str) -> Envelope:
    """An event as it goes out. Its time is in the id: a store put back counts anew."""
    return made(f"evt_{event.seq}_{event.at}", type_, event.at, data_of(event, type_))


def made(id_: str, type_: str, at: Instant, data: Mapping[str, Any]) -> Envelope:
    """`{type, timestamp, data}`; content that makes it too large is left out, and that is told."""
    shown = {"type": type_, "timestamp": rfc3339(at), "data": data}
    body = dumps(shown)
    if len(body) > BODY_LIMIT:
        bare = {name: value for name, value in data.items() if name not in _CONTENT}
        body = dumps({**shown, "data": {**bare, "omitted": True}})
    return Envelope(id=id_, type=type_, body=body)


def new_secret() -> str:
    """A secret as both sides keep it."""
    return "whsec_" + b64encode(secrets.token_bytes(SECRET_OCTETS)).decode()


def headers_of(sent: Envelope, endpoint: Endpoint, now: Instant) -> dict[str, str]:
    """The three of the standard; signed also with the secret before, while that counts."""
    signing = [] if endpoint.secret is None else [endpoint.secret]
    if endpoint.previous is not None and now < (endpoint.previous_until or 0):
        signing.append(endpoint.previous)
    at = datetime.fromtimestamp(now // SECOND_US, UTC)
    body = sent.body.decode()
    return {
        "webhook-id": sent.id,
        "webhook-timestamp": str(now // SECOND_US),
        "webhook-signature": " ".join(
            _signer(secret).sign(sent.id, at, body) for secret in signing
        ),
    }


@lru_cache(maxsize=256)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
