"""`[webhooks]`, `[[exec]]` and `[stream]`: who is told of events, and where they may go."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from airpost.daemon.config.section import Name, Section
from airpost.errors import ConfigError
from airpost.services.events import MAX_PATTERNS, pattern_fault
from airpost.services.webhooks.settings import (
    SCHEDULE_S,
    EventSettings,
    ExecSettings,
    WebhookSettings,
    parse_allowed,
)

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|h|d)")


def _span(value: Any) -> float:
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('is a time such as "5s", "30m", "2h" or "7d"')
    return float(found[1]) * _UNITS_S[found[2]]


Span = Annotated[float, BeforeValidator(_span)]
Types = Annotated[list[str], Field(max_length=MAX_PATTERNS)]


class WebhooksSection(Section):
    """`[webhooks]`."""

    allow: list[str] = []
    ca_file: str | None = None
    timeout_s: Annotated[float, Field(ge=1, le=60, allow_inf_nan=False)] = 15.0
    concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    most: Annotated[int, Field(ge=0, le=1000)] = 50
    keep: Annotated[Span, Field(ge=3600, le=366 * 86_400)] = 7 * 86_400.0
    schedule: Annotated[
        list[Annotated[Span, Field(ge=1, le=7 * 86_400)]], Field(min_length=1, max_length=20)
    ] = list(SCHEDULE_S)


class ExecSection(Section):
    """`[[exec]]`."""

    name: Name
    command: Annotated[list[str], Field(min_length=1)]
    types: Types = []
    timeout_s: Annotated[float, Field(ge=0.1, le=600, allow_inf_nan=False)] = 10.0
    concurrency: Annotated[int, Field(ge=1, le=8)] = 1


class StreamSection(Section):
    """`[stream]`."""

    clients: Annotated[int, Field(ge=0, le=10_000)] = 250
    stall_s: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] = 10.0
    heartbeat_s: Annotated[float, Field(ge=1, le=300, allow_inf_nan=False)] = 15.0


def event_settings(given: WebhooksSection, execs: list[ExecSection], folder: Path) -> EventSettings:
    """The settings of both; ConfigError."""
    allowed = []
    for at, text in enumerate(given.allow):
        try:
            allowed.append(parse_allowed(text))
        except ValueError as error:
            raise ConfigError(f"webhooks.allow.{at}", str(error)) from None
    webhooks = WebhookSettings(
        allow=tuple(allowed),
        ca_file=_certificates(given.ca_file, folder),
        timeout_s=given.timeout_s,
        concurrency=given.concurrency,
        most=given.most,
        keep_d=given.keep / 86_400,
        schedule_s=tuple(given.schedule),
    )
    if sum(webhooks.schedule_s) > given.keep:
        words = "is longer in all than events are kept: raise keep"
        raise ConfigError("webhooks.schedule", words)
    return EventSettings(webhooks=webhooks, execs=_execs(execs, folder))


def _certificates(name: str | None, folder: Path) -> Path | None:
    if name is None:
        return None
    path = folder / name
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise ConfigError("webhooks.ca_file", f"{path} holds no certificates") from None
    return path


def _execs(given: list[ExecSection], folder: Path) -> tuple[ExecSettings, ...]:
    found: dict[str, ExecSettings] = {}
    for at, each in enumerate(given):
        if each.name in found:
            raise ConfigError(f"exec.{at}.name", "stands there twice")
        for n, pattern in enumerate(each.types):
            if (fault := pattern_fault(pattern)) is not None:
                raise ConfigError(f"exec.{at}.types.{n}", fault)
        program = folder / each.command[0]
        if "/" not in each.command[0] or not program.is_file():
            raise ConfigError(f"exec.{at}.command.0", f"there is no program {program}")
        found[each.name] = ExecSettings(
            name=each.name,
            command=(str(program), *each.command[1:]),
            types=tuple(each.types),
            timeout_s=each.timeout_s,
            concurrency=each.concurrency,
        )
    return tuple(found.values())
