"""A command that goes through the service, and to its store when it is not running.

May import everything. The store is opened under its lock, so that there is never a second writer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

import click

from airpost.audit import Value
from airpost.clock import SystemClock, since_boot_s, synchronised
from airpost.daemon.cli.client import Unanswered
from airpost.errors import AirpostError, ConfigError, Unreachable
from airpost.services.auditor import Auditor
from airpost.store.api import Store

T = TypeVar("T")
Work = Callable[[Store], Awaitable[T]]
CONFIG = "/etc/airpost/airpost.toml"

config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), envvar="AIRPOST_CONFIG",
    default=CONFIG, show_default=True,
    help="Whose store is opened when the service is not running.",
)  # fmt: skip


def either(online: Callable[[], T], offline: Work[T], config_path: Path) -> T:
    """What the service says; when it is not running, the work at its store."""
    try:
        return online()
    except Unreachable as error:
        if elsewhere() or not config_path.exists():
            raise
        lost = error
    try:
        return asyncio.run(_at_store(offline, config_path, lost))
    except (AirpostError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def here() -> str:
    """From where a command acts, for the audit log."""
    return f"command line uid={os.getuid()}"


@asynccontextmanager
async def noting(
    store: Store,
    action: str,
    subject: str = "",
    detail: Mapping[str, Value] = MappingProxyType({}),
    *,
    ahead: bool = False,
) -> AsyncIterator[Callable[..., None]]:
    """What is done to a store inside is a row of its audit log, in the same commit.

    `ahead`: it is more than one commit, so that a row before it tells that it begins. What is
    called with more to know adds it to the row that is still to come.
    """
    auditor = Auditor(store.audit, SystemClock())
    async with auditor.changing(
        action, "local", origin=here(), subject=subject, detail=detail
    ) as ride:
        if ahead:
            await auditor.begins(ride)

        def also(**more: Value) -> None:
            ride.entry = replace(ride.entry, detail={**ride.entry.detail, **more})

        yield also


def elsewhere() -> bool:
    """True when a service was named that is not simply the one of this machine."""
    context = click.get_current_context()
    typed = context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE
    return typed or not str(context.params["url"]).startswith("unix:")


async def _at_store(work: Work[T], config_path: Path, lost: Unreachable) -> T:
    store = _store(config_path)
    try:
        await store.open(SystemClock().now())
    except AirpostError as error:  # it may well run, and have given no answer
        raise Unanswered(f"{lost}; and its store: {error}") from error
    try:
        return await work(store)
    finally:
        await store.close()


def store_path_in(config_path: Path) -> Path:
    """Where the store lies by a configuration; ConfigError that names the file."""
    from airpost.daemon.config.load import load_config

    try:
        return load_config(config_path).store.path
    except ConfigError as error:
        raise ConfigError(str(config_path), str(error)) from error


def routes_in(config_path: Path) -> frozenset[str]:
    """All routes that a configuration names."""
    from airpost.daemon.config.load import load_config

    settings = load_config(config_path)
    return settings.labels.union(each.name for each in settings.routes.routes)


@contextmanager
def at_rest(config_path: Path) -> Iterator[Path]:
    """Where the store lies, and nobody else opens it meanwhile; ClickException where one has it."""
    from airpost.store.lock import StoreLock

    try:
        path = store_path_in(config_path)
        lock = StoreLock(path)
        lock.take()
    except AirpostError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield path
    finally:
        lock.release()


def _store(config_path: Path) -> Store:
    from importlib import import_module

    make: Any = import_module("airpost.store.sqlite").SqliteStore
    made = make(store_path_in(config_path), SystemClock(), Random())
    made.clock_trusted = clock_is_sure()
    store: Store = made
    return store


def clock_is_sure() -> bool:
    """False while nobody has set the machine's clock since its start, and that is not long ago."""
    from airpost.pool.clockguard import DEFAULT_WAIT_S

    return synchronised() or since_boot_s() > DEFAULT_WAIT_S
