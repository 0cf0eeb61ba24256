"""What schemathesis checks beyond its own: read by it, in an environment that has no airpost.

Data that a schema allows may be refused for what it means (a time that is over, a modem that is not
there), for nothing else: its own check cannot tell these apart, so this one does.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from schemathesis.generation import GenerationMode

URN = "urn:airpost:problem:"
MEANINGS = frozenset(
    """
    number-not-dialable empty-text too-many-parts control-character not-encodable modem-and-route
    unknown-modem unknown-route unknown-contact unknown-group group-for-batch time-in-past
    time-out-of-range ttl-out-of-range invalid-cursor invalid-schedule invalid-template
    idempotency-mismatch unsafe-command quiet-hours text-and-data
    """.split()  # noqa: SIM905 - a block is easier to read
)
# Fields that fit or not by what stands beside them, or by a syntax that no schema has words for.
TOGETHER = frozenset(
    """
    port source_port port_bits encoding languages replace ttl_s transliterate flash to as command
    name text values template Idempotency-Key Last-Event-ID body networks rate expires_at
    """.split()  # noqa: SIM905
)


FOLDER = os.environ["AIRPOST_FUZZ_FOLDER"]  # the only one in which backups are made
OWN_KEY = os.environ["AIRPOST_FUZZ_KEY"]  # of these very calls; nobody may revoke or rotate it
OF_A_KEY = ("revokeKey", "rotateKey")
HOOK = {"hook": "press", "token": "the-token-of-the-press"}  # as tests/fuzz/api.py configures it
RECEIVER = "http://127.0.0.1:9/"  # nobody's

_send = requests.adapters.HTTPAdapter.send


def send(adapter: Any, request: Any, **kwargs: Any) -> Any:
    """As ever, but for a stream, which has no end: its answer is what comes first of it."""
    response = _send(adapter, request, **kwargs)
    kind = response.headers.get("Content-Type", "")
    if urlsplit(request.url).path == "/v1/stream" and kind.startswith("text/event-stream"):
        response._content = next(response.iter_content(None))
        response._content_consumed = True
        response.close()
    return response


requests.adapters.HTTPAdapter.send = send


@schemathesis.hook
def before_call(ctx: Any, case: Any, **kwargs: Any) -> None:
    """Whatever made the call: it writes no file of the machine's, and does not lock itself out.

    Some calls get what nobody guesses: the token of a hook, a receiver that may be told.
    """
    name = case.operation.definition.raw["operationId"]
    body = case.body if isinstance(case.body, dict) else {}
    path = body.get("path")
    if name == "backUpStore" and isinstance(path, str) and path.startswith("/"):
        case.body = {**body, "path": f"{FOLDER}/{path.replace('/', '_')}"}
    if name in OF_A_KEY and case.path_parameters.get("id") == OWN_KEY:
        case.path_parameters["id"] = "nobody"
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if name in ("postHookByPath", "getHookByPath"):
        case.path_parameters.update(HOOK)
    # Half of the numbers are some: else nearly nothing would get beyond the first check.
    for part in (body, body.get("message")):
        for field in ("to", "number"):
            given = part.get(field) if isinstance(part, dict) else None
            if isinstance(given, str) and len(given) % 2 == 0:
                part[field] = "+491701234567"
    if name == "createWebhook" and len(str(body.get("url"))) % 2 == 0:
        case.body = {**body, "url": RECEIVER}


@schemathesis.check
def refused_for_its_meaning(ctx, response, case) -> None:  # type: ignore[no-untyped-def]
    """What the schema allows is refused for its meaning alone."""
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if response.status_code not in (400, 413, 415, 422):
        return
    problem = response.json()
    kind = problem["type"].removeprefix(URN)
    named = [each["field"].removeprefix("message.") for each in problem.get("errors", [])]
    fields = {each.split(".")[0] for each in named}
    # Of a schema 1.0 is a whole number too, as no caller writes one.
    whole = {each["message"] for each in problem.get("errors", [])} == {"must be a whole number"}
    if whole or kind in MEANINGS or (kind == "invalid-request" and fields <= TOGETHER):
        return
    raise AssertionError(f"the schema allows what is refused: {problem['detail']}")
