"""`airpost.toml` read, checked and turned into settings."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from airpost.daemon.config.audit import syslog_of
from airpost.daemon.config.faults import config_error
from airpost.daemon.config.file import File, SmsSection
from airpost.daemon.config.hooks import hook_settings
from airpost.daemon.config.limits import limit_settings
from airpost.daemon.config.modem import USB_PATH, modem_settings
from airpost.daemon.config.queue import queue_policy
from airpost.daemon.config.retention import retention_of
from airpost.daemon.config.route import places, premium_numbers, route_table
from airpost.daemon.config.settings import DEFAULT_STORE, Settings, SmsSettings, StoreSettings
from airpost.daemon.config.tls import tls_settings
from airpost.daemon.config.webhooks import event_settings
from airpost.errors import ConfigError
from airpost.pool.limits import LimitSettings
from airpost.pool.selftest import SelfTestSettings
from airpost.regions import region_fault
from airpost.routes import DEFAULT_ROUTE, Guards
from airpost.services.http.settings import AuthMode, HttpSettings, Listen, TcpListen, parse_listen
from airpost.services.http.tls import TlsSettings
from airpost.store.people import PeopleLimits


def load_config(path: Path, env: Mapping[str, str] | None = None) -> Settings:
    """The settings in the file at `path`; ConfigError with the dotted path of what is wrong.

    It does not name the file: whoever tells of it does.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError("", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError("", f"is not UTF-8 at octet {error.start}") from None
    return parse_config(text, path.absolute().parent, os.environ if env is None else env)


def parse_config(text: str, folder: Path, env: Mapping[str, str]) -> Settings:
    """As `load_config`, of a text whose relative paths begin at `folder`."""
    file = _read(text)
    return Settings(
        store=StoreSettings(path=store_path(file.store.url, folder)),
        http=_http(file, tls_settings(file.tls, folder, env)),
        sms=_sms(file.sms),
        modems=modem_settings(file.modem, folder, env),
        discover=file.modems.discover,
        profiles=_folder(file.modems.profiles, "modems.profiles", folder),
        hubs=_hubs(file.modems.hubs),
        syslog=syslog_of(file.audit),
        digest=sha256(text.encode()).hexdigest(),
        silent_filter=file.statistics.silent_filter,
        clock_wait_s=file.clock.wait_s,
        queue=queue_policy(file.queue, file.classes),
        limits=_limits(file),
        selftest=None if not file.selftest else SelfTestSettings(**file.selftest.model_dump()),
        routes=route_table(
            file.route,
            file.carriers,
            file.modem,
            discover=file.modems.discover,
            roaming=file.modems.roaming,
        ),
        hooks=hook_settings(file.hook, folder, env, _routes(file)),
        events=event_settings(file.webhooks, file.exec, folder),
        guards=Guards(
            home_region=file.sms.home_region,
            allowed=places(file.sms.allowed, "sms.allowed"),
            premium=premium_numbers(file.sms.premium),
        ),
    )


def _read(text: str) -> File:
    """The sections as they are written, each for itself checked."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", f"is not valid TOML: {error}") from None
    try:
        return File.model_validate(raw)
    except ValidationError as error:
        raise config_error(error) from None


def _limits(file: File) -> LimitSettings:
    return limit_settings(
        file.limits,
        file.classes,
        file.keys,
        every=file.modems.limits,
        modems={
            each.name: (each.limits, f"modem.{at}.limits")
            for at, each in enumerate(file.modem)
            if each.limits is not None
        },
        home_region=file.sms.home_region,
    )


def _routes(file: File) -> set[str]:
    """All that a message may ask for; what modems that no block names serve is the default."""
    named = {route for modem in file.modem for route in modem.route}
    return named | {route.name for route in file.route} | {DEFAULT_ROUTE}


def _hubs(given: list[str]) -> frozenset[str]:
    for at, hub in enumerate(given):
        if not USB_PATH.fullmatch(hub) or ":" in hub:
            words = 'is no place of a USB hub, such as "1-1"; `uhubctl` lists those it can switch'
            raise ConfigError(f"modems.hubs.{at}", words)
    return frozenset(given)


def _folder(name: str | None, where: str, folder: Path) -> Path | None:
    if name is None:
        return None
    path = folder / name
    if not path.is_dir():
        raise ConfigError(where, f"there is no folder {path}")
    return path


def store_path(url: str, folder: Path) -> Path:
    """The file of a `sqlite:///` URL; a relative one begins at `folder`."""
    if url.startswith("postgresql:"):
        raise ConfigError("store.url", "this version keeps its store in SQLite only")
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise ConfigError("store.url", f"must be a file, such as {DEFAULT_STORE}")
    return folder / path  # an absolute path stays as it is


def _sms(given: SmsSection) -> SmsSettings:
    fault = None if given.home_region is None else region_fault(given.home_region)
    if fault is not None:
        raise ConfigError("sms.home_region", fault)
    return SmsSettings(
        home_region=given.home_region, concat_bits=given.concat_bits, max_parts=given.max_parts
    )


def _http(file: File, tls: TlsSettings | None) -> HttpSettings:
    listen: list[Listen] = []
    for at, text in enumerate(file.http.listen):
        try:
            listen.append(parse_listen(text))
        except ValueError as error:
            raise ConfigError(f"http.listen.{at}", str(error)) from None
        if str(listen[-1]) in map(str, listen[:-1]):
            raise ConfigError(f"http.listen.{at}", f"{text} stands there twice")
        _check_tls(listen[-1], tls, f"http.listen.{at}")
    auth = AuthMode(file.http.auth)
    open_to_all = [each for each in listen if isinstance(each, TcpListen) and not each.loopback]
    if auth is AuthMode.NONE and open_to_all:
        words = f'"none" is for loopback listeners only, and {open_to_all[0]} is none'
        raise ConfigError("http.auth", words)
    return HttpSettings(
        listen=tuple(listen),
        tls=tls,
        auth=auth,
        max_connections=file.http.max_connections,
        idle_s=file.http.idle_s,
        body_s=file.http.body_s,
        room_s=file.http.room_s,
        max_batch=file.http.max_batch,
        batch_limit=file.http.batch_mb << 20,
        batches_at_once=file.http.batches_at_once,
        body_limit=file.http.body_kb << 10,
        max_schedules=file.http.max_schedules,
        max_blocked=file.http.max_blocked,
        idempotency_s=file.http.idempotency_s,
        max_parts=file.sms.max_parts,
        people=PeopleLimits(**file.people.model_dump()),
        stream_clients=file.stream.clients,
        stream_stall_s=file.stream.stall_s,
        stream_heartbeat_s=file.stream.heartbeat_s,
        concat_bits=file.sms.concat_bits,
        retention=retention_of(file.retention),
    )


def _check_tls(each: Listen, tls: TlsSettings | None, where: str) -> None:
    if not isinstance(each, TcpListen):
        return
    if each.tls and tls is None:
        raise ConfigError(where, "https needs a certificate: [tls] with cert and key")
    if each.tls is False and tls is not None and not each.loopback:
        words = "beside [tls], plain http is for loopback addresses only"
        raise ConfigError(where, words)
