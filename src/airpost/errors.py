"""The whole exception tree; nothing in airpost raises a bare Exception.

L0: stdlib only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class AirpostError(Exception):
    """Root of everything airpost raises on purpose."""


class CodecError(AirpostError):
    """A PDU or text that cannot be read or written.

    `field` is the standard's name in dotted form ("TP-UD.udh"), `offset` the octet (for text: the
    character) at which reading stopped.
    """

    def __init__(self, field: str, offset: int, message: str) -> None:
        super().__init__(f"{field} at {offset}: {message}")
        self.field = field
        self.offset = offset
        self.message = message

    def moved(self, by: int, prefix: str = "") -> CodecError:
        """The same error seen from an outer field that begins `by` octets earlier."""
        field = f"{prefix}.{self.field}" if prefix else self.field
        return CodecError(field, self.offset + by, self.message)


class ConfigError(AirpostError):
    """The configuration cannot be used; `path` is dotted (`modem.0.port`)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class InvalidRequest(AirpostError):
    """A request that cannot be accepted; `field` names the part of it that is wrong.

    `setting` is what changes that, dotted (`sms.max_parts`); None where no setting does.
    """

    def __init__(
        self, field: str, message: str, code: str = "invalid", setting: str | None = None
    ) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.code = code
        self.setting = setting


class AtError(AirpostError):
    """The AT dialogue went wrong."""


class LocalProtocolError(AtError):
    """We used the channel wrongly: a bug of ours."""


class RemoteProtocolError(AtError):
    """The modem sent bytes that make no sense here."""


class CommandFailed(AtError):
    """A final error: `kind` "CME", "CMS" or "ERROR"; `code` None for plain ERROR or words."""

    def __init__(self, kind: str, code: int | None, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.code = code
        self.text = text


class PortError(AirpostError):
    """The serial port; `path` as configured, `reason` in words an operator can act on."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class PortLost(PortError):
    """The port is gone: unplugged, reset, or it never was there."""


class PortBusy(PortError):
    """Somebody else holds the port."""


class PortRefused(PortError):
    """It is there and may not be used, or is no serial port: only a person sets that right."""


class ModemError(AirpostError):
    """The modem cannot do what was asked."""


class CommandTimeout(ModemError):
    """No final result within the command's limit; the line is now out of step."""


class Desynced(ModemError):
    """The modem does not answer the probe; only a new connection helps."""


class StoreError(AirpostError):
    """The store."""


class StaleTransition(StoreError):
    """The guarded UPDATE matched nothing: somebody else moved it first."""


class DuplicateRequest(StoreError):
    """An Idempotency-Key that was seen: `running`, `mismatch`, or `result` (the stored answer)."""

    def __init__(self, kind: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(f"idempotency key already used: {kind}")
        self.kind = kind
        self.status = status
        self.body = body


class StoreLost(StoreError):
    """Another process has taken the store: this one may write nothing more."""


class StoreUnavailable(StoreError):
    """The store cannot write now (disk full, read-only, broken); `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class QueueFull(AirpostError):
    """As many messages wait as may: of a class (`of` "class") or of a key ("key"), named `name`.

    `setting` is what changes `most`.
    """

    def __init__(self, of: str, name: str, most: int, setting: str) -> None:
        words = f"{most} messages of the {of} {name} wait; {setting} allows no more"
        super().__init__(words)
        self.of = of
        self.name = name
        self.most = most
        self.setting = setting


class NoRoute(AirpostError):
    """No lane may carry this message; `reasons` maps lane name to why not."""

    def __init__(self, reasons: Mapping[str, str] | Sequence[tuple[str, str]]) -> None:
        self.reasons = dict(reasons)
        said = "; ".join(f"{lane}: {why}" for lane, why in self.reasons.items())
        super().__init__(said or "no modem is configured")


class ClientError(AirpostError):
    """A call of `airpost.client` brought no answer to use; `message` is for people.

    `again`: the same call may be made again, and nothing is done twice by that.
    """

    retry_after_s: float | None = None

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.again = again


class Unreachable(ClientError):
    """No answer: nobody is there, or the connection was lost before it came."""


class Refused(ClientError):
    """The service said no (RFC 9457).

    `type` is `urn:airpost:problem:` and a name, `field` the first that is wrong, `errors` are all
    of these as `{field, message}`; `problem` is all that was said.
    """

    def __init__(
        self, status: int, problem: dict[str, Any], retry_after_s: float | None = None, *,
        again: bool = False,
    ) -> None:  # fmt: skip
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)
        super().__init__(self.detail, again=again)
        self.status = status
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.type = str(problem.get("type", "about:blank"))
        self.field: str | None = problem.get("field")
        self.errors: list[dict[str, str]] = problem.get("errors", [])


class Invalid(Refused):
    """400, 413, 415, 422: the request is wrong, and stays so."""


class Unauthorized(Refused):
    """401: there is no key, or none that counts."""


class Forbidden(Refused):
    """403: the key, or a rule of the service, does not allow it."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409: it does not fit what has happened before."""


class TryLater(Refused):
    """429, 503: not now, nor within `retry_after_s` where that is known."""


_REFUSALS: Mapping[int, type[Refused]] = {
    400: Invalid, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 413: Invalid,
    415: Invalid, 422: Invalid, 429: TryLater, 503: TryLater,
}  # fmt: skip


def refusal_of(
    status: int, headers: Sequence[tuple[bytes, bytes]], problem: dict[str, Any], *, twice: bool
) -> Refused:
    """The error of an HTTP status that is no success.

    `twice`: what was asked may be done twice; else it is asked again only if it was not looked at.
    """
    told = {name.lower(): value for name, value in headers}.get(b"retry-after", b"")
    later_s = float(told) if told.isdigit() else None
    refused = later_s is not None and status in (409, 429, 503)
    again = refused or (twice and status in (502, 503, 504))
    return _REFUSALS.get(status, Refused)(status, problem, later_s, again=again)


def unreachable(url: str, cause: BaseException, *, again: bool) -> Unreachable:
    """The error of a connection; for want of permission, or of a right certificate, it stays so."""
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, PermissionError):
        words += "; it is for root and members of group airpost"
    lasting = isinstance(cause, PermissionError | ValueError)  # that is a wrong certificate, too
    return Unreachable(f"no service at {url}: {words}", again=again and not lasting)
