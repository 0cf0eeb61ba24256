"""`[[hook]]`: what comes in from monitors and machines, and what is sent then."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from airpost.codec.address import dialable
from airpost.daemon.config.modem import CREDENTIALS
from airpost.daemon.config.section import Name, Section
from airpost.daemon.config.webhooks import Span
from airpost.errors import CodecError, ConfigError
from airpost.services.hooks_in import (
    HMAC_HEADER,
    MAX_RECIPIENTS,
    Hook,
    HookSettings,
    Network,
    is_template,
)
from airpost.services.templates import TemplateFault

LEAST_SECRET = 16
_CLASSES = ("otp", "alarm", "normal", "bulk")
_SAID = ("contact:", "group:")
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-]{1,64}$")]


class HookSection(Section):
    """`[[hook]]`."""

    name: Name
    to: Annotated[list[str], Field(min_length=1)]
    text: str
    class_: str = Field(default="alarm", alias="class")
    dedup: str | None = None
    window: Annotated[Span, Field(ge=1, le=30 * 86_400)] = 300.0
    fallback: list[str] = []
    owner: Name | None = None
    route: Name | None = None
    max_parts: Annotated[int, Field(ge=1, le=255)] = 3
    max_recipients: Annotated[int, Field(ge=1, le=10_000)] = MAX_RECIPIENTS
    get: bool = False
    token_file: str | None = None
    hmac_file: str | None = None
    hmac_header: Header = HMAC_HEADER
    hmac_timestamp: Header | None = None
    from_: list[str] = Field(default=[], alias="from")


def hook_settings(
    given: list[HookSection], folder: Path, env: Mapping[str, str], routes: Collection[str]
) -> tuple[HookSettings, ...]:
    """The hooks; ConfigError, also for a template that cannot be, or a route not in `routes`."""
    found: dict[str, HookSettings] = {}
    for at, each in enumerate(given):
        where = f"hook.{at}"
        if each.name in found:
            raise ConfigError(f"{where}.name", "stands there twice")
        if each.route is not None and each.route not in routes:
            words = (
                f"is no route of a [[route]] or a [[modem]]: there are {', '.join(sorted(routes))}"
            )
            raise ConfigError(f"{where}.route", words)
        found[each.name] = _hook(each, where, folder, env)
    return tuple(found.values())


def _hook(given: HookSection, where: str, folder: Path, env: Mapping[str, str]) -> HookSettings:
    settings = HookSettings(
        name=given.name,
        to=tuple(given.to),
        text=given.text,
        class_=given.class_,
        dedup=given.dedup,
        window_s=given.window,
        fallback=tuple(given.fallback),
        owner=given.owner or f"hook:{given.name}",
        route=given.route,
        max_parts=given.max_parts,
        max_recipients=given.max_recipients,
        get=given.get,
        token=_secret(given.token_file, f"{where}.token_file", folder, env),
        hmac=_secret(given.hmac_file, f"{where}.hmac_file", folder, env),
        hmac_header=given.hmac_header,
        hmac_timestamp=given.hmac_timestamp,
        networks=tuple(_network(text, f"{where}.from.{n}") for n, text in enumerate(given.from_)),
    )
    if settings.token is None and settings.hmac is None and not settings.networks:
        words = "says nobody who may use it: give token_file, hmac_file or from"
        raise ConfigError(where, words)
    if settings.get and settings.hmac is not None:
        raise ConfigError(f"{where}.get", "goes without hmac_file: a GET has no body to sign")
    try:
        Hook(settings)
    except TemplateFault as error:
        raise ConfigError(f"{where}.{error.field}", error.message) from None
    _check_recipients(settings, where)
    return settings


def _check_recipients(settings: HookSettings, where: str) -> None:
    """A number that is none is found now, and not when the alarm comes."""
    for key, given in (("to", settings.to), ("fallback", settings.fallback)):
        if len(given) > settings.max_recipients:
            words = (
                f"has more than {settings.max_recipients} entries; max_recipients allows no more"
            )
            raise ConfigError(f"{where}.{key}", words)
        for n, text in enumerate(given):
            if is_template(text):
                if key == "fallback":
                    raise ConfigError(f"{where}.fallback.{n}", "is a number, not a template")
                continue
            if text.startswith(_SAID):
                continue
            try:
                dialable(text)
            except CodecError as error:
                raise ConfigError(f"{where}.{key}.{n}", error.message) from None
    if all(is_template(text) for text in settings.to) and not settings.fallback:
        words = "is needed where `to` is made by templates: who is told when one of them fails?"
        raise ConfigError(f"{where}.fallback", words)
    if not is_template(settings.class_) and settings.class_ not in _CLASSES:
        raise ConfigError(f"{where}.class", "is one of otp, alarm, normal, bulk, or a template")


def _network(text: str, where: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        words = f'is no address or network such as "192.168.1.0/24": {error}'
        raise ConfigError(where, words) from None


def _secret(name: str | None, where: str, folder: Path, env: Mapping[str, str]) -> str | None:
    """What a file holds: in $CREDENTIALS_DIRECTORY, or beside the configuration."""
    if name is None:
        return None
    path = folder / name
    if (credentials := env.get(CREDENTIALS)) and (Path(credentials) / name).is_file():
        path = Path(credentials) / name
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(where, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(where, f"{path} is not UTF-8") from None
    if len(secret) < LEAST_SECRET or not secret.isprintable():
        raise ConfigError(where, f"{path} does not hold {LEAST_SECRET} printable characters")
    return secret
