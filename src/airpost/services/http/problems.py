"""Errors as callers see them: `application/problem+json` (RFC 9457).

May import aiohttp and L0. Every kind has a stable type, title and status in one table; what is
wrong with a field is told with the field's name. No value of the caller's ever stands in a problem.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from airpost.errors import AirpostError, InvalidRequest, QueueFull, StoreUnavailable
from airpost.services.http.paths import shown_path

log = logging.getLogger("airpost.http")
PROBLEM = web.ResponseKey("problem", str)
"""The name of the kind that a response tells."""
CONTENT_TYPE = "application/problem+json"
ROOM_AFTER_S = 30  # a modem has sent some then
RETRY_AFTER_S = 5  # the store probes every 5 s; a restart takes about as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of problem; `name` ends the type URI."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The stable URI."""
        return f"urn:airpost:problem:{self.name}"

    @property
    def page(self) -> str:
        """Where this service tells what it means and what to do."""
        return f"/problems/{self.name}"


KINDS: Mapping[str, Kind] = {
    name: Kind(name=name, status=status, title=title)
    for name, status, title in (
        ("invalid-request", 400, "The request is not valid"),
        ("malformed-json", 400, "The body is not valid JSON"),
        ("unknown-field", 400, "The request has a field that is not known"),
        ("missing-field", 400, "The request lacks a field"),
        ("number-not-dialable", 400, "The number cannot be dialled"),
        ("empty-text", 400, "The message is empty"),
        ("too-many-parts", 400, "The message needs too many parts"),
        ("control-character", 400, "The text has a control character"),
        ("not-encodable", 400, "The text does not fit the encoding asked for"),
        ("text-and-data", 400, "A message has either text or data"),
        ("modem-and-route", 400, "A message asks for a modem or a route, not both"),
        ("unknown-modem", 400, "No modem has that name"),
        ("unknown-route", 400, "No modem serves that route"),
        ("unknown-contact", 400, "There is no such contact"),
        ("unknown-group", 400, "There is no such group"),
        ("group-for-batch", 400, "A group is for a batch"),
        ("time-in-past", 400, "A time is in the past"),
        ("time-out-of-range", 400, "A time is too far away"),
        ("ttl-out-of-range", 400, "The time to live is out of range"),
        ("invalid-cursor", 400, "The cursor is not one of ours"),
        ("invalid-schedule", 400, "The schedule cannot be"),
        ("invalid-template", 400, "The template cannot be used"),
        ("too-many-rows", 400, "The batch has too many rows"),
        ("unauthorized", 401, "A key is needed"),
        ("credentials-in-query", 400, "Credentials do not belong in an address"),
        ("forbidden", 403, "The key does not allow this"),
        ("target-not-allowed", 403, "Events may not be sent there"),
        ("class-not-allowed", 403, "The key may not send this class"),
        ("route-not-allowed", 403, "The key may not send by this route"),
        ("address-not-allowed", 403, "The key does not count from this address"),
        ("blocked", 403, "The number is never to be texted"),
        ("country-not-allowed", 403, "Numbers of that country are not allowed"),
        ("premium-number", 403, "The number costs more than others"),
        ("not-found", 404, "Not found"),
        ("method-not-allowed", 405, "This method is not allowed here"),
        ("body-too-slow", 408, "The body did not come in time"),
        ("modem-not-reachable", 409, "The modem cannot be asked now"),
        ("not-reset", 409, "The modem could not be reset"),
        ("too-many-schedules", 409, "The owner has too many schedules"),
        ("too-many-people", 409, "The owner has too many contacts or groups"),
        ("batch-cancelled", 409, "The batch was cancelled"),
        ("too-many-webhooks", 409, "The owner has too many webhooks"),
        ("not-cancellable", 409, "The message can no longer be cancelled"),
        ("no-selftest", 409, "There can be no self-test now"),
        ("no-backup", 409, "The backup could not be made"),
        ("idempotency-running", 409, "The first request with this key is still running"),
        ("body-too-large", 413, "The body is too large"),
        ("unsupported-media-type", 415, "The body must be JSON"),
        ("unsafe-command", 422, "The command does more than ask"),
        ("quiet-hours", 422, "The recipient's hours do not allow it"),
        ("idempotency-mismatch", 422, "The key was used for another request"),
        ("quota-exhausted", 429, "The quota of the SIM or the key is used up"),
        ("rate-limited-key", 429, "The key has used up its rate"),
        ("rate-limited-local", 429, "The recipient has had as many messages as it may"),
        ("too-many-waiting", 429, "As many messages of the key wait as may"),
        ("internal-error", 500, "Something went wrong here"),
        ("store-unavailable", 503, "Nothing can be stored now"),
        ("queue-full", 503, "As many messages of the class wait as may"),
        ("too-many-connections", 503, "There are too many connections"),
        ("too-many-batches", 503, "There are too many batches at once"),
        ("too-many-streams", 503, "There are too many clients of the stream"),
        ("stopping", 503, "The service is stopping"),
    )
}
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}


class Refusal(AirpostError):
    """A request that is answered with a problem; `errors` names fields, `extra` adds members."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[kind]
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def refusal(error: AirpostError) -> Refusal:
    """The refusal an error of ours leads to."""
    match error:
        case Refusal():
            return error
        case InvalidRequest(field=field, message=message, code=code, setting=setting):
            kind = code if code in KINDS else "invalid-request"
            extra = None if setting is None else {"setting": setting}
            return Refusal(kind, f"{field}: {message}", errors=[(field, message)], extra=extra)
        case QueueFull(of=of, setting=setting):
            kind = "too-many-waiting" if of == "key" else "queue-full"
            headers = {"Retry-After": str(ROOM_AFTER_S)}
            return Refusal(kind, str(error), headers=headers, extra={"setting": setting})
        case StoreUnavailable(reason=reason):
            return Refusal("store-unavailable", reason, headers=_retry_later())
        case _:
            return Refusal("internal-error", "see the log of the service")


def stopping() -> Refusal:
    """What every new request is told while the service stops."""
    return Refusal("stopping", "the service is stopping; try again soon", headers=_retry_later())


def too_many_connections(limit: int) -> Refusal:
    """What a connection too many is told."""
    return Refusal(
        "too-many-connections",
        f"there are {limit} connections; try again soon, and close what is not used",
        headers=_retry_later(),
        extra={"setting": "http.max_connections"},
    )


def _retry_later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)}


def problem_body(given: Refusal) -> dict[str, Any]:
    """The members of the problem object."""
    body: dict[str, Any] = {
        "type": given.kind.type,
        "title": given.kind.title,
        "status": given.kind.status,
        "detail": given.detail,
    }
    if given.errors:
        body["field"] = given.errors[0][0]
        body["errors"] = [{"field": field, "message": text} for field, text in given.errors]
    return body | given.extra


def problem_octets(given: Refusal) -> bytes:
    """The problem object as JSON."""
    return json.dumps(problem_body(given), ensure_ascii=False).encode()


def problem_response(given: Refusal) -> web.Response:
    """The response for a refusal."""
    told = web.Response(
        status=given.kind.status,
        headers={"Link": f'<{given.kind.page}>; rel="help"', **given.headers},
        body=problem_octets(given),
        content_type=CONTENT_TYPE,
    )
    told[PROBLEM] = given.kind.name
    return told


def _from_http(error: web.HTTPException) -> Refusal:
    kind = _BY_STATUS.get(error.status)
    if kind is None:
        kind = "invalid-request" if error.status < 500 else "internal-error"
    allow = error.headers.get("Allow")
    detail = {
        "not-found": "there is nothing at this address",
        "method-not-allowed": f"allowed here: {allow}",
        "body-too-large": "the body is larger than this service reads",
    }.get(kind, error.reason)
    return Refusal(kind, detail, headers={"Allow": allow} if allow else None)


def problem_of(request: web.Request, error: Exception) -> web.Response:
    """What a handler has raised, as a problem; what is our fault is logged, not told.

    Where it is raised: an aiohttp exception that is no fault is raised again.
    """
    match error:
        case AirpostError():
            given = refusal(error)
        case web.HTTPException():
            if error.status < 400:
                raise error
            return problem_response(_from_http(error))
        case _:
            given = Refusal("internal-error", "see the log of the service")
    if given.kind.status == 500:
        log.error(
            "http.failed method=%s path=%s", request.method, shown_path(request), exc_info=error
        )
    return problem_response(given)
